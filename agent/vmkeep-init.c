// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmkeep-init: PID 1 on the root file system, after a jump, for as long as guests take to come back; then it becomes the
 * host's own init. See vmkeep-init(8).
 *
 * The end of PID 1 is the end of the kernel, and of every guest with it: so this links nothing but libc, and whatever
 * goes wrong, goes on.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmdline.h"
#include "readlist.h"

/* As in vmkeepd.service: an agent has some for each guest. */
#define FILES_MAX 65536
/* Guests wait for nothing that is not there: a QEMU that takes longer does so beside the host's init. */
#define PATIENCE_MS 5000
#define CMDLINE_MAX 8192
#define DEVKMSG "/proc/sys/kernel/printk_devkmsg"

/* What is not there yet, if no initramfs has made it. The host's init leaves alone what it finds mounted. */
static const struct where {
	const char *on, *there, *type, *options;
	unsigned long flags;
} mounts[] = {
	{ "/proc", "/proc/self", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "/sys", "/sys/kernel", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "/dev", "/dev/null", "devtmpfs", "mode=0755", MS_NOSUID },
	{ "/run", NULL, "tmpfs", "mode=0755", MS_NOSUID | MS_NODEV },
	/* Where the kernel tells what it was handed over. */
	{ "/sys/kernel/debug", "/sys/kernel/debug/kho", "debugfs", NULL, 0 },
};

/* As in vmkeepd.service: QEMUs inherit it. */
static const int capabilities[] = {
	CAP_SYS_BOOT,	CAP_NET_ADMIN, CAP_SYS_TIME,	 CAP_SETUID,   CAP_SETGID,  CAP_KILL,
	CAP_SYS_PTRACE, CAP_CHOWN,     CAP_DAC_OVERRIDE, CAP_IPC_LOCK, CAP_SETPCAP, CAP_SYS_NICE,
};

static int is_mount(const char *path)
{
	struct stat st, root;

	return stat(path, &st) == 0 && stat("/", &root) == 0 && st.st_dev != root.st_dev;
}

static void mount_missing(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		const struct where *w = &mounts[i];

		if (w->there ? access(w->there, F_OK) < 0 : !is_mount(w->on))
			mount(w->type, w->on, w->type, w->flags, w->options);
	}
}

static void drop_capabilities(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++) {
		size_t i = 0;

		while (i < sizeof(capabilities) / sizeof(*capabilities) && capabilities[i] != cap)
			i++;
		if (i == sizeof(capabilities) / sizeof(*capabilities))
			prctl(PR_CAPBSET_DROP, cap);
	}
}

/* For what QEMU listens on at 127.0.0.1. */
static void set_loopback_up(void)
{
	struct ifreq lo = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ioctl(fd, SIOCGIFFLAGS, &lo) == 0) {
		lo.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &lo);
	}
	close(fd);
}

/* What udev would do later. Those that are built in, or that this machine has no use for, are no error. */
static void load_modules(void)
{
	pid_t pid;

	if (access("/dev/kvm", F_OK) == 0 && access("/dev/net/tun", F_OK) == 0 &&
	    access("/dev/vhost-net", F_OK) == 0)
		return;
	pid = fork();
	if (pid == 0) {
		execl("/sbin/modprobe", "modprobe", "-qab", "kvm-intel", "kvm-amd", "tun",
		      "vhost-net", "macvtap", (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/*
 * With many guests the agent says more than the kernel's log takes from one program by default
 * (Documentation/admin-guide/sysctl/kernel.rst, printk_devkmsg). @had: what it was, or "".
 */
static void take_all_words(char had[16])
{
	int fd = open(DEVKMSG, O_RDWR | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, had, 15);

	had[n > 0 ? n : 0] = '\0';
	if (n > 0)
		(void)!pwrite(fd, "on\n", 3, 0);
	if (fd >= 0)
		close(fd);
}

static void take_words_again(const char *had)
{
	int fd = *had ? open(DEVKMSG, O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	(void)!write(fd, had, strlen(had));
	close(fd);
}

/* What it says goes where the host's log will find it. */
static void start_agent(int done)
{
	const struct rlimit files = { FILES_MAX, FILES_MAX };
	char number[16];
	int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC),
	    null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	if (log >= 0)
		dup2(log, STDERR_FILENO);
	setrlimit(RLIMIT_NOFILE, &files);
	load_modules();
	drop_capabilities();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	snprintf(number, sizeof(number), "%d", done);
	execl(VMKEEPD, "vmkeepd", "--early", number, (char *)NULL);
	dprintf(STDERR_FILENO, "<3>vmkeep-init: " VMKEEPD ": %s\n", strerror(errno));
	_exit(127);
}

/*
 * What agent and QEMUs are made of is on its way from the disk before they come across it. In a process of its own, as a
 * disk may hang.
 */
static void read_ahead(void)
{
	if (fork() == 0) {
		readlist_read(STATE_DIR "/" READLIST_NAME);
		_exit(0);
	}
}

/* Until the agent says that it is done with what can be done now, or has ended. */
static void bring_guests_back(void)
{
	struct pollfd p = { .events = POLLIN };
	char words[16];
	int done[2];
	pid_t pid;

	if (access("/dev/liveupdate", F_OK) < 0)
		return;
	if (pipe(done) < 0)
		return;
	take_all_words(words);
	pid = fork();
	if (pid == 0) {
		close(done[0]);
		start_agent(done[1]);
	}
	close(done[1]);
	read_ahead();
	/* Beside the agent, which takes longer to its first QEMU. One that fails without it comes back with the service. */
	set_loopback_up();
	p.fd = done[0];
	if (pid > 0)
		poll(&p, 1, PATIENCE_MS);
	close(done[0]);
	take_words_again(words);
}

/* The host's own init, which prepare has written there. */
static const char *real_init(char *buf, size_t size)
{
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);
	const char *ret = NULL;

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	for (char *word = strtok(buf, " \n"); word; word = strtok(NULL, " \n"))
		if (strncmp(word, CMDLINE_REAL_INIT "=", sizeof(CMDLINE_REAL_INIT)) == 0)
			ret = word + sizeof(CMDLINE_REAL_INIT);
	/* It would start itself, for ever. */
	if (ret && strcmp(ret, VMKEEP_INIT) == 0)
		return NULL;
	return ret;
}

int main(int argc, char **argv)
{
	/* The kernel's own, in its order: Documentation/admin-guide/kernel-parameters.txt, init=. */
	static const char *const others[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };
	char cmdline[CMDLINE_MAX];
	const char *init;

	(void)argc;
	if (getpid() != 1) {
		fputs("vmkeep-init is for the kernel to start: see vmkeep-init(8)\n", stderr);
		return 2;
	}
	mount_missing();
	bring_guests_back();
	init = real_init(cmdline, sizeof(cmdline));
	for (size_t i = 0; i <= sizeof(others) / sizeof(*others); i++) {
		argv[0] = (char *)(i ? others[i - 1] : init);
		if (argv[0])
			execv(argv[0], argv);
	}
	for (;;)
		pause();
}
