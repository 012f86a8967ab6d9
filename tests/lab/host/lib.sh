# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What a scenario can use, in the host and in `outside`. File descriptor 9 takes the
# checks to the runner, which numbers them; 7 asks it things (in the host only).

# say TEXT: a diagnostic among the checks.
say() {
	echo "# $*" >&9
}

# ok NAME COMMAND…: a check. It passes when COMMAND succeeds; what COMMAND wrote goes to
# the console, and among the checks when it failed.
ok() {
	name=$1
	shift
	written=$(mktemp)
	"$@" >"$written" 2>&1
	status=$?
	cat "$written"
	if [ $status = 0 ]; then
		echo "ok - $name" >&9
	else
		say "$* (exit status $status)"
		tail -n 20 "$written" | sed 's/^/#   /' >&9
		echo "not ok - $name" >&9
		[ ! -d /run/lab ] || touch /run/lab/failed
	fi
	rm -f "$written"
	return $status
}

# not COMMAND…: succeeds when COMMAND fails.
not() {
	! "$@"
}

# wait_for SECONDS COMMAND…: until COMMAND succeeds.
wait_for() {
	deadline=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$deadline" ] || return 1
		sleep 0.2
	done
}

# ask VERB ARG…: ask the runner; prints its answer. Requests carry a number, so that one
# which was given up does not leave its answer to the next.
ask() {
	(
		flock 6
		n=$(($(cat /run/lab/asked 2>/dev/null || echo 0) + 1))
		echo $n >/run/lab/asked
		echo "$n $*" >&7
		while read -r id verdict answer <&7; do
			if [ "$id" = $n ]; then
				[ -z "$answer" ] || echo "$answer"
				[ "$verdict" = ok ]
				exit
			fi
		done
	) 6>/run/lab/ask.lock
}

# guest_args NAME: QEMU arguments for a standard guest: kernel, initramfs, and a chardev
# `console` that goes straight to the outside, where it is stamped. It wants a device:
# `-serial chardev:console`, or a virtconsole, which costs less.
guest_args() {
	port=$(ask guest "$1") || {
		say "no console left for guest $1"
		return 1
	}
	# The device itself: its name is there before anybody has made links.
	console=$(readlink -f "/dev/virtio-ports/$port")
	[ ! -p "/var/lib/console-$1" ] || console=/var/lib/console-$1
	echo "-chardev file,id=console,path=$console" \
		"-kernel $GUEST_KERNEL -initrd $GUEST_INITRD"
}

# shared_console NAME: have guest NAME's console be one that two QEMUs can have open; in each half, before
# the guest or the agent is started.
shared_console() {
	port=$(ask guest "$1") || return 1
	[ -p "/var/lib/console-$1" ] || mkfifo -m 666 "/var/lib/console-$1"
	cat <>"/var/lib/console-$1" >"/dev/virtio-ports/$port" 6>&- 7>&- 8>&- 9>&- &
}

# guest_line [-n] NAME REGEX [SECONDS]: wait (60 s) for a line on guest NAME's console,
# and print it. It may have come at any time in this half; with -n, it has to come yet.
guest_line() {
	since=half
	if [ "$1" = -n ]; then
		since=now
		shift
	fi
	ask line "$since" "${3:-60}" "$1" "$2"
}

# start_agent, stop_agent: vmkeepd with its log on its own stamped channel. It is running
# already when a half begins, unless the scenario says AGENT=no. With FAULT set, something
# goes wrong in it: see fault.c.
start_agent() {
	spawn_agent
	# Its socket alone may be an earlier one's.
	wait_for 60 vmkeep list >/dev/null 2>&1
}

spawn_agent() {
	${FAULT:+env "LD_PRELOAD=/lab/bin/fault.so" "FAULT=$FAULT"} vmkeepd >&8 2>&8 6>&- 7>&- 8>&- 9>&- &
	echo $! >/run/lab/agent.pid
}

stop_agent() {
	agent=$(cat /run/lab/agent.pid)
	kill "${1:--TERM}" "$agent"
	wait_for 10 not kill -0 "$agent" 2>/dev/null
}
