/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verifying guest: what its parts share. */
#ifndef GUEST_H
#define GUEST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_PAGE 4096
/* Half of them virtio-blk, half SCSI. */
#define DISKS_MAX 8

/* From the kernel command line; see init.c for the list. */
struct guest_config {
	char name[32];
	char boot_id[40];
	char clocksource[32];
	char fill[24];
	char net[24];
	char disk_key[24];
	unsigned int beat_ms;
	unsigned int full;
	unsigned int duty;
	unsigned int disk_ms;
	unsigned int plug;
};

/* What the heartbeat reports. */
struct guest_counts {
	atomic_ullong passes;
	atomic_ullong wrong;
	atomic_ullong disk_ok;
	atomic_ullong disk_bad;
};

extern struct guest_config config;
extern struct guest_counts counts;

/* init.c */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *what) __attribute__((noreturn));
void start_thread(void *(*fn)(void *), int nice);
void sleep_ns(uint64_t ns);

/* pattern.c */
uint64_t pattern_key(const char *boot_id, const char *purpose);
uint64_t pattern_seed(uint64_t key, uint64_t page, uint64_t gen);
void pattern_fill(void *page, uint64_t seed);
bool pattern_match(const void *page, uint64_t seed);
size_t pattern_diff(const void *page, uint64_t seed, size_t *first, uint8_t *want);

/* ram.c, disk.c, devices.c, plug.c, net.c, kmsg.c, agent.c */
size_t ram_map(void);
void *ram_thread(void *unused);
/* Puts each disk to work that has come since. */
void disks_start(void);
/* " vda=N sda=N": the writes that each has flushed. Return: as of snprintf(3). */
int disks_tell(char *to, size_t size);
/* Takes memory that was plugged in into use. Return: how many MiB of that hold what was put into them. */
size_t plug_kept_mib(void);
/* Has all else that was plugged in at work, and tells of it. */
void *devices_thread(void *unused);
void *net_thread(void *unused);
void *agent_thread(void *unused);
void kmsg_open(void);
void *kmsg_thread(void *unused);

#endif
