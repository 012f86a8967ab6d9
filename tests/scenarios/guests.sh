# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the scenarios share. A scenario asks for it with FILES="guests.sh:/lab-guests.sh"
# and sources it in its halves.

# run_guest NAME MACHINE [QEMU ARGUMENT…]: start a verifying guest of $GUEST_MEMORY (a size a block), which
# tests $GUEST_FILL of it with $GUEST_DUTY % of a CPU. Its console is virtio's, as each
# byte on a serial line is two exits into two emulated hypervisors; GUEST_CONSOLE=ttyS0
# takes the line all the same. QEMU is its program, if not Debian's.
run_guest() {
	guest=$1 machine=$2 console=${GUEST_CONSOLE:-hvc0} full=5
	shift 2
	case $console-$machine in
	ttyS0-*)
		full=20
		set -- -serial chardev:console "$@"
		;;
	hvc0-microvm) set -- -device virtio-serial-device -device virtconsole,chardev=console "$@" ;;
	hvc0-*) set -- -device virtio-serial-pci -device virtconsole,chardev=console "$@" ;;
	esac
	memory=
	for size in ${GUEST_MEMORY:-96M}; do memory="$memory --memory $size"; done
	# shellcheck disable=SC2046,SC2086 # words are wanted
	vmkeep run "$guest" $memory -- "${QEMU:-qemu-system-x86_64}" -machine "$machine,accel=kvm" -cpu qemu64 \
		-nodefaults -display none $(guest_args "$guest") -append "console=$console quiet tsc=nowatchdog initcall_blacklist=cmos_init name=$guest full=$full duty=${GUEST_DUTY:-15} fill=${GUEST_FILL:-8M} ${GUEST_APPEND:-}" "$@"
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
	said=$("$@" 2>&1 >/dev/null | grep -v '^vmkeep: [a-z]*: [a-z-]*$')
	"$@" >/dev/null 2>&1
	got=$?
	echo "status $got: $said"
	[ "$got" = "$expected" ] && [ "$(echo "$said" | wc -l)" = 1 ] && echo "$said" | grep -Eq "$regex"
}

# nothing_preserved: the kernel holds no session of ours and no next kernel.
nothing_preserved() {
	[ "$(cat /sys/kernel/kexec_loaded)" = 0 ] && [ -z "$(find /proc/[0-9]*/fd -lname '*luo*' 2>/dev/null)" ]
}
