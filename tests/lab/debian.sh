# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Debian as the lab sees it: trixie with its backports, from the mirror this machine
# already uses, whatever this machine itself runs. Sourced after lib.sh.

. "$lab/root.sh"

suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Where this machine's own apt gets Debian from: what it would read on an update says so in
# every format of sources. The security archive is another tree, and other vendors have
# other suites.
mirror() {
	if [ -n "${VMKEEP_LAB_MIRROR:-}" ]; then
		echo "$VMKEEP_LAB_MIRROR"
		return
	fi
	suites='(old)*(stable|bookworm|trixie|forky|duke|testing|unstable|sid)(-updates|-backports)?'
	uri=$(apt-get --print-uris update | grep -v security |
		sed -nE "s%^'(.*)/dists/$suites/InRelease' .*%\1%p" | head -n 1)
	[ -n "$uri" ] || die "this machine's apt knows no Debian mirror (VMKEEP_LAB_MIRROR=URL says one)"
	echo "$uri"
}

sources() {
	uri=$(mirror)
	for s in "$suite" "$suite-updates" "$suite-backports"; do
		echo "deb [signed-by=$keyring] $uri $s main"
	done
}

# How this machine reaches a mirror (proxies, clocks that are off) goes for the lab too.
apt_options() {
	apt-config dump | grep -E '^Acquire::(https?::|ftp::|Check-|Retries|ForceIP)' || true
}

# lab_apt apt-get|apt-cache ARG…: apt on a package list of its own, on which nothing is
# installed. It leaves this machine's apt alone.
lab_apt() {
	tool=$1
	shift
	"$tool" -o Dir::State="$cache/apt/state" -o Dir::State::status="$cache/apt/status" \
		-o Dir::Cache="$cache/apt/cache" -o Dir::Cache::pkgcache=pkgcache.bin \
		-o Dir::Cache::srcpkgcache=srcpkgcache.bin -o Acquire::GzipIndexes=false \
		-o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences="$cache/apt/preferences" -o Dir::Etc::preferencesparts=/dev/null \
		-o APT::Architecture=amd64 -o APT::Install-Recommends=false -o Debug::NoLocking=true "$@"
}

# refresh [now]: bring the package lists up to date, once a day is enough.
refresh() {
	mkdir -p "$cache/apt/state/lists/partial" "$cache/apt/cache/archives/partial"
	(
		flock 8
		{
			sources
			preferences
		} >"$cache/apt/setup.new"
		if cmp -s "$cache/apt/setup.new" "$cache/apt/setup" &&
			[ -n "$(find "$cache/apt/fresh" -mmin -1440 2>/dev/null)" ] && [ "${1:-}" != now ]; then
			exit 0
		fi
		mv "$cache/apt/setup.new" "$cache/apt/setup"
		sources >"$cache/apt/sources.list"
		preferences >"$cache/apt/preferences"
		rm -rf "$cache/apt/known"
		: >"$cache/apt/status"
		say "reading $suite's package lists (about 10 s)"
		if lab_apt apt-get -qq update >"$cache/apt/log" 2>&1; then
			rm -rf "$cache/apt/known"
			touch "$cache/apt/fresh"
		elif [ -e "$cache/apt/fresh" ]; then
			say "the mirror cannot be read now, going on with the lists of $(date -r "$cache/apt/fresh")"
		else
			cat "$cache/apt/log" >&2
			die "cannot read $suite's package lists"
		fi
	) 8>"$cache/apt/lock"
}

# known COMMAND…: what COMMAND writes, kept until the lists change: asking apt takes long.
known() {
	refresh
	answer=$cache/apt/known/$(echo "$*" | sha256sum | cut -c 1-16)
	if [ ! -e "$answer" ]; then
		mkdir -p "$cache/apt/known"
		"$@" >"$answer.$$" || return 1
		mv "$answer.$$" "$answer"
	fi
	cat "$answer"
}

# versions PACKAGE…: every package that installing these brings, with its version: what
# a root file system made of them depends on.
versions() {
	known lab_versions "$@"
}

lab_versions() {
	lab_apt apt-get -qq -s install apt "$@" >"$answer.all" || return 1
	awk '$1 == "Inst" { print $2, $3 }' "$answer.all" | tr -d '(' | sort
	rm "$answer.all"
}

# version PACKAGE: the one that would be installed.
version() {
	known lab_version "$1"
}

lab_version() {
	lab_apt apt-cache policy "$1" | awk '$1 == "Candidate:" { print $2 }' | grep .
}

# kernel_versions: X.Y of the newest two kernels that the suite offers as source, older first.
kernel_versions() {
	known lab_kernel_versions
}

lab_kernel_versions() {
	lab_apt apt-cache pkgnames linux-source- | sed -n 's/^linux-source-\([0-9]*\.[0-9]*\)$/\1/p' |
		awk -F. '$1 > 6 || ($1 == 6 && $2 >= 19)' | sort -V | tail -n 2
}
