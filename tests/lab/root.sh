# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# How the lab makes a Debian root file system. A change here makes them all anew, which
# one in debian.sh, which sources it, does not.

# Everything comes from trixie, except that QEMU and its firmware are the backports'.
preferences() {
	cat <<-EOT
		Package: qemu-* seabios ipxe-qemu
		Pin: release n=$suite-backports
		Pin-Priority: 900
	EOT
}

# make_root DIR PACKAGE…: a root file system.
make_root() {
	new_root=$1
	shift
	apt_options >"$new_root.aptopt"
	preferences >"$new_root.preferences"
	sources | mmdebstrap --variant=minbase --architectures=amd64 --format=directory \
		--include="$(echo "$@" | tr ' ' ,)" --aptopt="$new_root.aptopt" \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
		--setup-hook="cp '$new_root.preferences' \"\$1/etc/apt/preferences.d/lab\"" \
		"$suite" "$new_root" -
	rm -f "$new_root.aptopt" "$new_root.preferences"
}
