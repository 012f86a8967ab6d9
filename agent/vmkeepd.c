// SPDX-License-Identifier: GPL-2.0-or-later
/* vmkeepd: the agent. See vmkeepd(8). */

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/signalfd.h>

#include "bootmark.h"
#include "clock.h"
#include "definitionfiles.h"
#include "early.h"
#include "guest.h"
#include "holder.h"
#include "log.h"
#include "loop.h"
#include "luo.h"
#include "plug.h"
#include "probe.h"
#include "readahead.h"
#include "readlist.h"
#include "report.h"
#include "restart.h"
#include "restartrecover.h"
#include "restore.h"
#include "server.h"
#include "start.h"
#include "upgrade.h"

/* In the lock file. */
#define LOCKED_FOR_GOOD '1'
#define LOCKED_EARLY 'e' /* and the process' number */
#define EARLY_WAIT_MS 60000

#define LOG_DIR "/var/log/vmkeep"

static const char *run_dir = RUN_DIR;
static const char *state_dir = STATE_DIR;
static const char *log_dir = LOG_DIR;
static const char *config_dir = "/etc/vmkeep";
static bool allow_read;
/* By vmkeep-init(8), which waits for this to be closed. */
static int early = -EBADF;
static int exit_status;

static void usage(FILE *out)
{
	fputs("vmkeepd: carries this host's guests over an upgrade of its kernel\n\n"
	      "usage: vmkeepd [--run-dir DIR] [--state-dir DIR] [--log-dir DIR]\n"
	      "               [--config-dir DIR] [--allow-read-all] [--debug]\n\n"
	      "  --run-dir DIR    sockets and what a restarted agent needs (/run/vmkeep)\n"
	      "  --state-dir DIR  the report, and what QEMUs can do (/var/lib/vmkeep)\n"
	      "  --log-dir DIR    what guests' QEMUs print (/var/log/vmkeep)\n"
	      "  --config-dir DIR what guests are defined as (/etc/vmkeep)\n"
	      "  --allow-read-all everybody may ask for status and report\n"
	      "  --early FD       as vmkeep-init starts it: bring back who can come now, close FD, end\n"
	      "  --debug          log every step\n"
	      "  --help, --version\n\n"
	      "Stays in the foreground and logs to stderr. See vmkeepd(8).\n",
	      out);
}

static void parse_args(int argc, char **argv)
{
	static const struct option options[] = {
		{ "run-dir", required_argument, NULL, 'r' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "log-dir", required_argument, NULL, 'l' },
		{ "config-dir", required_argument, NULL, 'c' },
		{ "allow-read-all", no_argument, NULL, 'a' },
		{ "early", required_argument, NULL, 'e' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	enum log_level level = LOG_LEVEL_INFO;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			run_dir = optarg;
			break;
		case 's':
			state_dir = optarg;
			break;
		case 'l':
			log_dir = optarg;
			break;
		case 'c':
			config_dir = optarg;
			break;
		case 'a':
			allow_read = true;
			break;
		case 'e':
			early = atoi(optarg);
			if (early <= STDERR_FILENO || fcntl(early, F_SETFD, FD_CLOEXEC) < 0) {
				usage(stderr);
				exit(EXIT_BAD_USAGE);
			}
			break;
		case 'd':
			level = LOG_LEVEL_DEBUG;
			break;
		case 'h':
			usage(stdout);
			exit(EXIT_OK);
		case 'V':
			puts("vmkeepd " VMKEEP_VERSION);
			exit(EXIT_OK);
		default:
			usage(stderr);
			exit(EXIT_BAD_USAGE);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(EXIT_BAD_USAGE);
	}
	log_setup(level, early >= 0 || getenv("JOURNAL_STREAM"), early >= 0 ? "vmkeepd: " : "");
}

static int make_dirs(struct err *e)
{
	const char *const dirs[] = { run_dir, state_dir, log_dir };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int r = mkdir_parents(dirs[i], 0700);

		if (r < 0)
			return err_set(e, r, "%s: %s", dirs[i], strerror(-r));
	}
	return 0;
}

/* The early agent that holds the lock, or 0. */
static pid_t early_pid(int lock_fd)
{
	char text[32] = "";

	if (pread(lock_fd, text, sizeof(text) - 1, 0) < 2 || text[0] != LOCKED_EARLY)
		return 0;
	return (pid_t)strtol(text + 1, NULL, 10);
}

/*
 * It ends by itself, soon; unless a guest of its hangs, for which others cannot stand for ever. Killed, it leaves
 * everything to us as any agent does. It cannot have become another process: it holds the lock.
 */
static int take_over_lock(int lock_fd, pid_t pid)
{
	int64_t deadline = now_ms() + EARLY_WAIT_MS;
	bool killed = false;

	log_info("waiting for the early agent, which still brings guests back");
	while (flock(lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (!killed && now_ms() >= deadline && early_pid(lock_fd) == pid) {
			log_warn("the early agent has not ended after %d s: ending it",
				 EARLY_WAIT_MS / MSEC_PER_SEC);
			kill(pid, SIGKILL);
			killed = true;
		}
		usleep(10000);
	}
	return 0;
}

/* Two agents would both believe that the guests are theirs. The lock goes with the process. */
static int lock(struct err *e)
{
	_cleanup_free_ char *who = xasprintf("%c%d", early < 0 ? LOCKED_FOR_GOOD : LOCKED_EARLY,
					     getpid());
	_cleanup_free_ char *path = xasprintf("%s/lock", run_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (r < 0 && early < 0 && early_pid(fd) > 0)
		r = take_over_lock(fd, early_pid(fd));
	if (r < 0)
		return err_set(e, r, "another vmkeepd runs already (it holds %s)", path);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, who, strlen(who), 0) != (ssize_t)strlen(who))
		return err_set(e, -EIO, "%s: cannot be written", path);
	return 0;
}

static void handle_signals(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct signalfd_siginfo si;
	struct err e;

	while (task_poll(fd, POLLIN, -1) < 0 || read(fd, &si, sizeof(si)) != sizeof(si))
		;
	log_info("ending on signal %u; guests run on", si.ssi_signo);
	/* Neither can be left half-way: an update is walked back, and what comes back is only held here. */
	upgrade_cancel();
	start_cancel();
	while (restore_busy() || start_busy() || plug_busy() || restart_busy() ||
	       upgrade_phase() == UPGRADE_PREPARING || upgrade_phase() == UPGRADE_COMMITTING)
		task_sleep(20);
	if (upgrade_phase() == UPGRADE_PREPARED)
		upgrade_abort(&e);
	loop_quit();
}

static int watch_signals(void)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	task_start(handle_signals, (void *)(intptr_t)fd);
	return 0;
}

static void start(void *arg)
{
	struct err e;
	int r = restore_run(early >= 0, &e); /* first: somebody's blackout is running */

	(void)arg;
	if (r < 0)
		log_error("nothing brought back: %s", e.text);
	else if (r)
		log_info("finished: %d guests came over the jump", r);
	if (early >= 0) {
		fd_close(&early);
		restore_end_early();
		loop_quit();
		return;
	}
	restart_recover();
	guest_recover();
	task_start(guest_bound_logs, NULL);
	if (server_start(run_dir, allow_read, &e) < 0) {
		log_error("%s", e.text);
		exit_status = EXIT_FAILED;
		loop_quit();
		return;
	}
	log_info("vmkeepd " VMKEEP_VERSION " is ready");
	start_at_boot();
}

int main(int argc, char **argv)
{
	struct err e;
	int r;

	clock_init();
	parse_args(argc, argv);
	umask(077);
	if (make_dirs(&e) < 0 || lock(&e) < 0) {
		log_error("%s", e.text);
		return EXIT_FAILED;
	}
	guest_setup(run_dir, log_dir);
	definitionfiles_setup(config_dir);
	bootmark_setup(run_dir);
	plug_setup();
	probe_setup(state_dir);
	readahead_setup(state_dir);
	report_setup(state_dir);
	early_setup(state_dir, log_dir,
		    strcmp(run_dir, RUN_DIR) == 0 && strcmp(state_dir, STATE_DIR) == 0 &&
			    strcmp(log_dir, LOG_DIR) == 0,
		    "/proc/1/mountinfo");
	upgrade_setup(run_dir);
	/* Before there are threads, or guests to lose. */
	r = holder_start(run_dir, luo_take, &e);
	if (r < 0 && early >= 0) {
		log_error("no holder for those who come later: %s", e.text);
		return EXIT_FAILED;
	}
	if (early >= 0)
		holder_require();
	if (r < 0)
		log_warn("no holder, an agent that dies loses what it has not brought back: %s",
			 e.text);
	r = loop_init();
	if (r < 0) {
		log_error("io_uring: %s (see kernel.io_uring_disabled)", strerror(-r));
		return EXIT_FAILED;
	}
	r = watch_signals();
	if (!r) {
		task_start(start, NULL);
		r = loop_run();
	}
	if (r < 0) {
		log_error("event loop: %s", strerror(-r));
		return EXIT_FAILED;
	}
	return exit_status;
}
