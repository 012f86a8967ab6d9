// SPDX-License-Identifier: GPL-2.0-or-later
/* Character devices on QEMU's command line, and what a QEMU that is started again is told of them. */

#include "charargs.h"

#include <stdarg.h>

#include "kselftest_harness.h"

static void words(struct strv *argv, va_list ap)
{
	strv_add(argv, "qemu");
	for (const char *s = va_arg(ap, const char *); s; s = va_arg(ap, const char *))
		strv_add(argv, s);
}

static char *joined(const struct strv *sv, size_t from)
{
	char *ret = xstrdup("");

	for (size_t i = from; i < sv->n; i++) {
		char *more = xasprintf("%s%s%s", ret, i > from ? " " : "", sv->v[i]);

		free(ret);
		ret = more;
	}
	return ret;
}

static char *after(void (*fn)(const struct strv *, struct strv *), size_t from, ...)
{
	_cleanup_strv_ struct strv argv = { 0 }, out = { 0 };
	va_list ap;

	va_start(ap, from);
	words(&argv, ap);
	va_end(ap);
	fn(&argv, &out);
	return joined(&out, from);
}

#define EXPECT_AFTER(expected, fn, from, ...)                                        \
	do {                                                                         \
		_cleanup_free_ char *got_words = after(fn, from, __VA_ARGS__, NULL); \
		EXPECT_STREQ(got_words, expected);                                   \
	} while (0)
#define AGAIN(expected, ...) EXPECT_AFTER(expected, charargs_again, 1, __VA_ARGS__)
#define MADE(expected, ...) EXPECT_AFTER(expected, charargs_made, 0, __VA_ARGS__)
#define WANTED(expected, ...) EXPECT_AFTER(expected, charargs_wanted, 0, __VA_ARGS__)

TEST(nobody_is_waited_for)
{
	AGAIN("-chardev socket,id=a,path=/a,server=on,wait=off", "-chardev",
	      "socket,id=a,path=/a,server=on");
	AGAIN("-chardev socket,id=a,path=/a,server,wait=off", "-chardev",
	      "socket,id=a,path=/a,server");
	AGAIN("-chardev socket,id=a,server=on,wait=on,wait=off", "-chardev",
	      "socket,id=a,server=on,wait=on");
	AGAIN("-serial unix:/a,server=on,wait=off -S", "-serial", "unix:/a,server=on", "-S");
	AGAIN("-monitor mon:telnet::55,server=on,wait=off", "-monitor", "mon:telnet::55,server=on");
	AGAIN("-qmp tcp:localhost:44,server,wait=off", "-qmp", "tcp:localhost:44,server");
}

TEST(who_is_not_waited_for_is_left_alone)
{
	AGAIN("-chardev socket,id=a,path=/a,server=on,wait=off", "-chardev",
	      "socket,id=a,path=/a,server=on,wait=off");
	AGAIN("-qmp unix:/a,server,nowait", "-qmp", "unix:/a,server,nowait");
	AGAIN("-chardev socket,id=a,path=/a", "-chardev", "socket,id=a,path=/a");
	AGAIN("-device server=on -nodefaults -serial stdio", "-device", "server=on", "-nodefaults",
	      "-serial", "stdio");
}

TEST(files_are_gone_on_with)
{
	AGAIN("-chardev file,id=a,path=/a,append=on", "-chardev", "file,id=a,path=/a");
	AGAIN("-serial chardev:vmkeep-file0 -chardev file,id=vmkeep-file0,path=/a,,b,append=on -debugcon chardev:vmkeep-file1 -chardev file,id=vmkeep-file1,path=c,append=on -S",
	      "-serial", "file:/a,b", "-debugcon", "file:c", "-S");
	AGAIN("-chardev pty,id=a,logfile=/l,logappend=on", "-chardev", "pty,id=a,logfile=/l");
	AGAIN("-serial stdio", "-serial", "stdio");
}

TEST(what_qemu_makes)
{
	MADE("/run/q/pid /log", "-pidfile", "/run/q/pid", "-D", "/log");
	MADE("/a /b,c /l", "-chardev", "socket,id=x,path=/a,server=on", "-serial", "file:/b,c",
	     "-chardev", "pty,id=p,logfile=/l");
	MADE("/v", "-vnc", "unix:/v,password=on");
	MADE("", "-chardev", "socket,id=x,path=/a", "-monitor", "tcp::4,server=on", "-vnc", ":1");
}

TEST(whom_qemu_needs)
{
	WANTED("/tpm", "-chardev", "socket,id=t,path=/tpm");
	WANTED("/a", "-serial", "unix:/a");
	WANTED("/r", "-chardev", "socket,id=r,path=/r,reconnect=0");
	WANTED("", "-chardev", "socket,id=t,path=/tpm,server=on", "-chardev",
	       "socket,id=r,path=/r,reconnect-ms=100", "-chardev", "socket,id=f,fd=3", "-qmp",
	       "tcp:h:1");
}

TEST_HARNESS_MAIN
