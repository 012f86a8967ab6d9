# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the scenarios share. A scenario asks for it with FILES="guests.sh:/lab-guests.sh"
# and sources it in its halves.

# run_guest NAME MACHINE [QEMU ARGUMENT…]: start a verifying guest of $GUEST_MEMORY (a size a block), which
# tests $GUEST_FILL of it with $GUEST_DUTY % of a CPU, its QEMU as $GUEST_USER. Its console is virtio's, as each
# byte on a serial line is two exits into two emulated hypervisors; GUEST_CONSOLE=ttyS0
# takes the line all the same. QEMU is its program, if not Debian's. GUEST_VERB is what vmkeep
# is to do with it, and with which options, if not "run".
# What it does by itself is little, as an emulated host has one slow processor: twenty beats a second and 15 %
# of a CPU each let three guests fill it, and everything else there waits. GUEST_BEAT: milliseconds between beats;
# where the blackout is to be seen to that precision, 100.
run_guest() {
	guest=$1 machine=$2 console=${GUEST_CONSOLE:-hvc0} beat=${GUEST_BEAT:-500} full=1
	shift 2
	[ "$beat" -ge 500 ] || full=5
	case $console-$machine in
	ttyS0-*)
		full=20
		set -- -serial chardev:console "$@"
		;;
	hvc0-microvm) set -- -device virtio-serial-device -device virtconsole,chardev=console "$@" ;;
	hvc0-*) set -- -device virtio-serial-pci -device virtconsole,chardev=console "$@" ;;
	esac
	memory=
	for size in ${GUEST_MEMORY:-64M}; do memory="$memory --memory $size"; done
	# shellcheck disable=SC2046,SC2086 # words are wanted
	vmkeep ${GUEST_VERB:-run} "$guest" $memory ${GUEST_USER:+--user "$GUEST_USER"} -- "${QEMU:-qemu-system-x86_64}" -machine "$machine,accel=kvm" -cpu qemu64,+arat,+tsc-deadline \
		-nodefaults -display none $(guest_args "$guest") -append "console=$console quiet tsc=nowatchdog initcall_blacklist=cmos_init name=$guest full=$full beat=$beat duty=${GUEST_DUTY:-5} fill=${GUEST_FILL:-4M} ${GUEST_APPEND:-}" "$@"
}

# from_root: what guests are started with is copied to the root file system, and taken from there: the lab's own is
# not there as early as they come back with --early.
from_root() {
	mkdir -p /var/lib/guest
	cp -u "$GUEST_KERNEL" "$GUEST_INITRD" /var/lib/guest/
	GUEST_KERNEL=/var/lib/guest/${GUEST_KERNEL##*/} GUEST_INITRD=/var/lib/guest/${GUEST_INITRD##*/}
}

# up NAME: NAME has booted and verified its RAM a first time. Generous: a guest under
# emulation on a busy machine is slow, and waiting ends with the line.
up() {
	guest_line "$1" 'pass=[1-9]' 240
}

# passes NAME: how often NAME has gone over all its memory.
passes() {
	guest_line -n "$1" '^beat' 120 | sed 's/.*pass=\([0-9]*\).*/\1/'
}

# verified NAME: NAME has gone over all its memory from beginning to end since it was asked.
verified() {
	until_pass=$(passes "$1")
	[ -n "$until_pass" ] || return 1
	until_pass=$((until_pass + 2)) beats_left=300
	while [ $beats_left -gt 0 ]; do
		pass=$(passes "$1")
		[ -n "$pass" ] || return 1
		[ "$pass" -lt $until_pass ] || return 0
		beats_left=$((beats_left - 1))
	done
	return 1
}

# beats NAME: NAME's heart beats now.
beats() {
	guest_line -n "$1" '^beat' 120
}

# state_of NAME STATE: what `vmkeep status` says of NAME.
state_of() {
	vmkeep status "$1" | grep -q "^$1  *$2 "
}

# refused STATUS REGEX COMMAND…: it ends with STATUS and exactly one line, which matches.
refused() {
	expected=$1 regex=$2
	shift 2
	said=$("$@" 2>&1 >/dev/null | grep -Ev '^vmkeep: [a-z]*: ([a-z-]*|.* left to be written)$')
	"$@" >/dev/null 2>&1
	got=$?
	echo "status $got: $said"
	[ "$got" = "$expected" ] && [ "$(echo "$said" | wc -l)" = 1 ] && echo "$said" | grep -Eq "$regex"
}

# nothing_preserved: the kernel holds no session of ours and no next kernel.
nothing_preserved() {
	[ "$(cat /sys/kernel/kexec_loaded)" = 0 ] && [ -z "$(find /proc/[0-9]*/fd -lname '*luo*' 2>/dev/null)" ]
}

# of_state NAME KEY: a number, or several, from what the agent has written down of NAME.
of_state() {
	tr -d ' \n' <"/run/vmkeep/guests/$1/state.json" | sed "s/.*\"$2\":\[*\([0-9]*\(,[0-9][0-9]*\)*\).*/\1/" | tr , ' '
}

# own_fds NAME: what NAME's QEMU has open is its own: of memory files its RAM alone, no record and
# nobody's state; of files its log and its disk; of sockets in the agent's directory its
# monitor; of devices none that it did not open itself.
own_fds() {
	qemu=$(of_state "$1" pid) ram=" $(of_state "$1" ram_inodes) "
	# One process for all: each that is started takes an emulated host some hundredth of a second.
	{
		sed 's/^/unix /' /proc/net/unix
		stat -L -c 'inode %n %i %F' /proc/"$qemu"/fd/* 2>/dev/null
		find /proc/"$qemu"/fd -type l -printf 'link %p %l\n'
	} | awk -v name="$1" -v ram="$ram" '
		function own(to) {
			# For its state when it is to replace itself; and what QEMU has made: video memory and its like.
			if (to ~ /^\/memfd:vmkeep/)
				return to == "/memfd:vmkeep-exec:" name " (deleted)"
			return to == "/var/log/vmkeep/" name ".log" || to == "/var/lib/" name ".img" || to == "" ||
				to == "/run/vmkeep/guests/" name "/qmp.sock" || to == "/var/lib/console-" name ||
				to ~ /^\/memfd:/ || to ~ /^\/dev\/(null|kvm|urandom|vport.*|net\/tun|vhost-net)$/ ||
				to ~ /^anon_inode:(kvm.*|\[event.*|\[signalfd\]|\[io_uring\])/ || to ~ /^pipe:/
		}
		/^unix / { path[$8] = $9 }
		/^inode / { inode[$2] = $3; type[$2] = $4 }
		/^link / {
			fd = $2
			to = $0
			sub(/^link [^ ]* /, "", to)
			if (type[fd] == "regular" && index(ram, " " inode[fd] " ")) {
				seen++
				next
			}
			if (to ~ /^socket:/)
				to = path[substr(to, 9, length(to) - 9)]
			if (!own(to)) {
				print name ": foreign: " fd " " to
				foreign = 1
			}
		}
		END {
			blocks = split(ram, each, " ")
			print name ": " seen + 0 " fds of " blocks " blocks of RAM"
			exit !(blocks > 0 && seen >= blocks && !foreign)
		}'
}

# own_fds_only NAME…: that goes for all of them.
own_fds_only() {
	for g; do own_fds "$g" || return 1; done
}

# all_nice NICE PID…: every thread of these processes has that nice value.
all_nice() {
	nice=$1
	shift
	for pid; do
		cat "/proc/$pid"/task/*/stat || echo gone
	done | sed 's/.*) //' | awk -v nice="$nice" '{ print $17 } $17 "" != nice { other = 1 } END { exit other || !NR }'
}

# ordinary NAME…: neither these nor the agent go before others on the processor, no thread of theirs.
ordinary() {
	pids=$(pgrep -x vmkeepd)
	for g; do
		pid=$(of_state "$g" pid)
		pids="$pids ${pid:-$g}" # there is no process of that name: it does not pass
	done
	# shellcheck disable=SC2086 # words
	all_nice 0 $pids
}
