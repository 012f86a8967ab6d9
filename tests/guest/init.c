// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The verifying guest's PID 1: mounts, reads its parameters, starts the verifiers and
 * becomes the heartbeat.
 *
 * Kernel command line:
 *   name=NAME     name in every line (default "guest")
 *   fill=N% | NM  memory under test (default: all that is free but a reserve)
 *   beat=MS       between heartbeats (default 50)
 *   full=N        every Nth heartbeat tells everything (default 20), the others their
 *                 number only: in a nested guest each byte on a serial line is dear
 *   duty=PERCENT  of one CPU for the RAM verifier (default 50)
 *   diskms=MS     between disk writes (default 100)
 *   plug=1        uses memory that is plugged in; what else there is may also go
 *   diskkey=WORD  disks hold what an earlier boot with that key wrote (see disk.c)
 *   net=A.B.C.D/N address of eth0, where TCP port 7 answers with what it gets
 *
 * Console (/dev/console: the last console= wins), one line per write(2):
 *   start NAME boot_id=… mem=BYTES cs=CLOCKSOURCE
 *   beat NAME n=… mono=… boot=… real=… tsc=… pass=… wrong=… disk=… diskbad=…
 *   tick NAME n=… .               a heartbeat in between; n counts both (the dot: whole)
 *   clock NAME …                  a clock went back
 *   wrong NAME …, disk NAME …     first few faults in detail
 *   found NAME DISK writes=… others=…  what a disk held at the start
 *   has NAME DISK=WRITES… …       what else is there, and has just worked (see devices.c)
 *   lost NAME DEVICE: …           it was there and does not work
 *   kmsg NAME TEXT                new kernel warning
 *   fatal NAME …                  the guest cannot go on
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "guest.h"

struct guest_config config = {
	.name = "guest",
	.beat_ms = 50,
	.full = 20,
	.duty = 50,
	.disk_ms = 100,
};
struct guest_counts counts;

/* A tty takes one write whole: lines of different threads do not mix. */
void say(const char *fmt, ...)
{
	char line[1024];
	size_t done = 0, len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	len = (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
	line[len - 1] = '\n';
	while (done < len) {
		ssize_t put = write(STDOUT_FILENO, line + done, len - done);

		if (put < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (put > 0)
			done += (size_t)put;
	}
}

void die(const char *what)
{
	say("fatal %s %s: %s\n", config.name, what, strerror(errno));
	for (;;)
		pause();
}

void sleep_ns(uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / 1000000000ULL),
		.tv_nsec = (long)(ns % 1000000000ULL),
	};

	nanosleep(&ts, NULL);
}

struct starter {
	void *(*fn)(void *);
	int nice;
};

/* In Linux a nice value belongs to the thread, and must be set by its id. */
static void *run_thread(void *arg)
{
	struct starter *s = arg;

	if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), s->nice))
		die("setpriority");
	return s->fn(NULL);
}

void start_thread(void *(*fn)(void *), int nice)
{
	struct starter *s = malloc(sizeof(*s));
	pthread_t thread;

	if (!s)
		die("malloc");
	s->fn = fn;
	s->nice = nice;
	errno = pthread_create(&thread, NULL, run_thread, s);
	if (errno)
		die("pthread_create");
}

static void read_word(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, to, size - 1);

	if (len < 0)
		die(path);
	close(fd);
	to[len] = '\0';
	to[strcspn(to, " \n")] = '\0';
}

static void set_text(char *to, size_t size, const char *value)
{
	if (strlen(value) >= size) {
		errno = ENAMETOOLONG;
		die(value);
	}
	memcpy(to, value, strlen(value) + 1);
}

static void set_number(unsigned int *to, const char *value)
{
	unsigned long n = strtoul(value, NULL, 10);

	if (!n || n > 100000) {
		errno = EINVAL;
		die(value);
	}
	*to = (unsigned int)n;
}

static void read_parameters(void)
{
	char line[4096], *rest = line, *word, *value;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);

	if (len < 0)
		die("/proc/cmdline");
	close(fd);
	line[len] = '\0';
	while ((word = strsep(&rest, " \n"))) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(word, "name"))
			set_text(config.name, sizeof(config.name), value);
		else if (!strcmp(word, "fill"))
			set_text(config.fill, sizeof(config.fill), value);
		else if (!strcmp(word, "net"))
			set_text(config.net, sizeof(config.net), value);
		else if (!strcmp(word, "diskkey"))
			set_text(config.disk_key, sizeof(config.disk_key), value);
		else if (!strcmp(word, "beat"))
			set_number(&config.beat_ms, value);
		else if (!strcmp(word, "full"))
			set_number(&config.full, value);
		else if (!strcmp(word, "duty"))
			set_number(&config.duty, value);
		else if (!strcmp(word, "diskms"))
			set_number(&config.disk_ms, value);
		else if (!strcmp(word, "plug"))
			set_number(&config.plug, value);
	}
	if (config.duty > 100)
		config.duty = 100;
}

static void mount_on(const char *type, const char *dir)
{
	if (mkdir(dir, 0755) && errno != EEXIST)
		die(dir);
	if (mount(type, dir, type, 0, NULL) && errno != EBUSY)
		die(dir);
}

/*
 * A virtio console may appear only after the kernel has looked for one to give to PID 1,
 * which then has no standard output: whatever file is opened first would be it.
 */
static void open_console(void)
{
	int fd = -1;

	while (fcntl(STDOUT_FILENO, F_GETFD) < 0) {
		fd = open("/dev/console", O_RDWR | O_NOCTTY);
		if (fd < 0) {
			sleep_ns(20000000);
			continue;
		}
		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		if (fd > STDERR_FILENO)
			close(fd);
	}
}

static uint64_t ns(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * 1000000000ULL + (uint64_t)ts->tv_nsec;
}

static void check_clock(const char *clock, uint64_t now, uint64_t *last, unsigned long long n)
{
	if (now < *last)
		say("clock %s %s went back by %llu ns at n=%llu\n", config.name, clock,
		    (unsigned long long)(*last - now), n);
	*last = now;
}

static void beat(unsigned long long n)
{
	static uint64_t last_mono, last_boot;
	uint64_t before = last_mono;
	struct timespec mono, boot, real;
	unsigned long long tsc;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	tsc = __rdtsc();
	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &real);
	check_clock("mono", ns(&mono), &last_mono, n);
	check_clock("boot", ns(&boot), &last_boot, n);

	/* The first line after a pause that the guest can see tells everything too. */
	if (n % config.full != 1 % config.full && last_mono - before < 1000000000ULL) {
		say("tick %s n=%llu .\n", config.name, n);
		return;
	}
	say("beat %s n=%llu mono=%llu boot=%llu real=%llu tsc=%llu pass=%llu wrong=%llu "
	    "disk=%llu diskbad=%llu\n",
	    config.name, n, (unsigned long long)ns(&mono), (unsigned long long)ns(&boot),
	    (unsigned long long)ns(&real), tsc, counts.passes, counts.wrong, counts.disk_ok,
	    counts.disk_bad);
}

int main(void)
{
	struct sched_param fifo = { .sched_priority = 50 };
	size_t mem;

	mount_on("proc", "/proc");
	mount_on("sysfs", "/sys");
	mount_on("devtmpfs", "/dev");
	open_console();
	read_parameters();
	read_word("/proc/sys/kernel/random/boot_id", config.boot_id, sizeof(config.boot_id));
	read_word("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		  config.clocksource, sizeof(config.clocksource));

	/*
	 * From here on the kernel's own lines come through kmsg.c alone, else they would
	 * cut ours in two. A panic still prints: it raises the level by itself.
	 */
	kmsg_open();
	klogctl(8 /* console level */, NULL, 1);
	mem = ram_map();
	say("start %s boot_id=%s mem=%zu cs=%s\n", config.name, config.boot_id, mem,
	    config.clocksource);

	start_thread(kmsg_thread, 0);
	start_thread(ram_thread, 19);
	start_thread(devices_thread, 0);
	start_thread(agent_thread, 0);
	if (*config.net)
		start_thread(net_thread, 0);
	/* After the threads were made: they would inherit it. */
	if (sched_setscheduler(0, SCHED_FIFO, &fifo))
		die("sched_setscheduler");
	for (unsigned long long n = 1;; n++) {
		beat(n);
		/* Relative: no burst of late beats after a pause. */
		sleep_ns(config.beat_ms * 1000000ULL);
	}
}
