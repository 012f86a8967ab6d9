# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# How damaged.scenario damages what crosses the jump, by the agent's own file descriptors, and puts
# some of it right. The agent runs it with what to do; the scenario sources it.

# file_of PREFIX NAME: the agent's memfd of that name, as a path. Before the jump only:
# memfds that came over have no names.
file_of() {
	agent=$(cat /run/lab/agent.pid)
	for fd in /proc/"$agent"/fd/*; do
		case $(readlink "$fd") in
		"/memfd:vmkeep-$1:$2 "*)
			echo "$fd"
			return
			;;
		esac
	done
	echo "no file $1 of $2" >&2
	return 1
}

# byte FILE OFFSET [VALUE]: print or set one.
byte() {
	if [ $# = 3 ]; then
		# shellcheck disable=SC2059 # an octal escape is wanted
		printf "\\$(printf %03o "$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
	else
		od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' '
	fi
}

flip() {
	byte "$1" "$2" $(($(byte "$1" "$2") ^ 16))
}

# header FILE OFFSET BYTE…: set bytes of a record's header, and its checksum (docs/handover.md).
header() {
	file=$1 at=$2
	shift 2
	for value; do
		byte "$file" "$at" "$value"
		at=$((at + 1))
	done
	# gzip's trailer is the CRC-32 and the length.
	head -c 28 "$file" | gzip -1 | tail -c 8 | head -c 4 | dd of="$file" bs=1 seek=28 conv=notrunc status=none
}

# The fault before the jump calls for this.

before_jump() {
	mkdir -p /lab-damage
	flip "$(file_of state flipped)" 5000
	sha256sum <"$(file_of state flipped)" >/lab-damage/flipped
	flip "$(file_of record bits)" 100
	header "$(file_of record newer)" 8 99 0 0 0 99 0 0 0
	header "$(file_of record absurd)" 16 255 255 255 255
	vmkeep_uuid session >/lab-damage/session
	sync
}

# vmkeep_uuid NAME: from its record's payload.
vmkeep_uuid() {
	head -c 4096 "$(file_of record "$1")" | tr '\0' '\n' | grep -o '"uuid":"[^"]*"' | cut -d '"' -f 4
}

# And in the new kernel: by content.

flip_back() {
	agent=$(cat /run/lab/agent.pid)
	for fd in /proc/"$agent"/fd/*; do
		size=$(stat -Lc %s "$fd" 2>/dev/null)
		if [ "${size:-0}" -gt 5000 ] && [ "$size" -lt 10000000 ] && sha256sum <"$fd" | cmp -s - /lab-damage/"$1"; then
			flip "$fd" 5000
			return
		fi
	done
	return 1
}

newer_back() {
	agent=$(cat /run/lab/agent.pid)
	for fd in /proc/"$agent"/fd/*; do
		if [ "$(stat -Lc %F "$fd" 2>/dev/null)" = "regular file" ] &&
			head -c 4096 "$fd" | tr '\0' '\n' | grep -q '"name":"newer"'; then
			header "$fd" 8 1 0 0 0 1 0 0 0
			return
		fi
	done
	return 1
}

if [ "${1:-}" = before_jump ]; then before_jump; fi
