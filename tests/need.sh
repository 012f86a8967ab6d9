# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Sourced: what a test needs on this machine is installed when it is missing (as root).

missing=

# need PROGRAM PACKAGE
need() {
	command -v "$1" >/dev/null || missing="$missing $2"
}

# need_library PACKAGE…
need_library() {
	for library; do
		dpkg-query -W -f '${Status}\n' "$library" 2>/dev/null | grep -q ' installed$' ||
			missing="$missing $library"
	done
}

# What meson.build asks for.
need_build() {
	need meson meson
	need ninja ninja-build
	need gcc gcc
	need pkg-config pkg-config
	need_library libc6-dev liburing-dev libnl-3-dev libnl-route-3-dev libjson-c-dev \
		zlib1g-dev liblzma-dev libzstd-dev liblz4-dev libbz2-dev liblzo2-dev
}

# install_missing: status 1 and one line if that was not possible. Tests run side by side and
# apt's locks make the second one fail, not wait: hence a lock of our own.
install_missing() {
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "not installed:$missing (as root, the tests install what they need)" >&2
		return 1
	fi
	echo "# installing:$missing"
	# shellcheck disable=SC2086 # a list
	{
		flock 8
		apt-get -qq update
		DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
			install $missing
	} >&2 8>/run/lock/vmkeep-tests-apt && return 0
	echo "could not install:$missing" >&2
	return 1
}
