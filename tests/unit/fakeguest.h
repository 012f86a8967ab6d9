/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest whose agent and QEMU are both this process. */
#ifndef VMKEEP_TESTS_FAKEGUEST_H
#define VMKEEP_TESTS_FAKEGUEST_H

#include <stdarg.h>
#include <unistd.h>

#include "guest.h"

#define FAKE_GUEST_MEMORY (64ULL << 20)

/* @arg …: of QEMU, NULL after the last. Return: the guest, without its memory. */
static inline struct guest *fake_guest(const char *arg, ...)
{
	char exe[256] = { 0 };
	_cleanup_json_ json *j = json_tokener_parse(
		"{\"name\":\"a\",\"uuid\":\"01234567-89ab-cdef-0123-456789abcdef\",\"cwd\":\"/\","
		"\"user_argv\":[],\"ram_path\":\"procfd\",\"ram\":[67108864],\"machine\":\"pc-q35-11.1\"}");
	_cleanup_strv_ struct strv argv = { 0 };
	struct guest *g;
	struct err e;
	va_list ap;

	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		abort();
	strv_add(&argv, exe);
	va_start(ap, arg);
	for (const char *s = arg; s; s = va_arg(ap, const char *))
		strv_add(&argv, s);
	va_end(ap);
	json_set_strv(j, "argv", &argv);
	if (guest_from_json(j, &g, &e) < 0)
		abort();
	g->pid = getpid();
	return g;
}

#endif
