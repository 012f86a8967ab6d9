# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What `build` and the items share. An item is a program in items/ that says what goes
# into a cache entry (`key`) and makes one (`make DIR`). Sourced with $lab set.

repo=$(realpath "$lab/../..")
# shellcheck source=tests/need.sh
. "$repo/tests/need.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/vmkeep-lab
jobs=${JOBS:-$(nproc)}

# say TEXT: one line of progress. Items run with their output in a log file and the
# terminal on fd 3.
say() {
	if [ -n "${LAB_LOG:-}" ]; then echo "lab: $*" >&3; else echo "lab: $*" >&2; fi
}

die() {
	say "error: $*"
	exit 1
}

# on_machine COMMAND:PACKAGE…: install what this machine lacks.
on_machine() {
	missing=
	for want; do
		need "${want%%:*}" "${want#*:}"
	done
	install_missing >&2 || exit 1
}

# in_tools OUT COMMAND…: run COMMAND inside the tools root, which stays read-only, with
# the directory OUT at /lab/out (writable, current directory) and the repository at
# /lab/repo (read-only). The namespaces take every mount and left-over process away.
in_tools() {
	out=$1
	shift
	# shellcheck disable=SC2016 # expanded by the inner shell
	nice -n 5 unshare --mount --propagation private --pid --fork --kill-child \
		sh -euc '
			root=$1 out=$2 repo=$3 jobs=$4
			shift 4
			mount --bind "$root" "$root"
			mount -o remount,bind,ro "$root"
			mount -t proc proc "$root/proc"
			mount --rbind /dev "$root/dev"
			mount -t tmpfs -o size=4G tmp "$root/tmp"
			mount --bind "$out" "$root/lab/out"
			mount --bind "$repo" "$root/lab/repo"
			mount -o remount,bind,ro "$root/lab/repo"
			exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp \
				LC_ALL=C.UTF-8 JOBS="$jobs" sh -euc "cd /lab/out; exec \"\$@\"" sh "$@"
		' sh "$("$lab/build" tools)/root" "$out" "$repo" "$jobs" "$@"
}
