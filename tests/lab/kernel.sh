# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# How the lab compiles a kernel: tinyconfig and fragments, each line of which must be in
# effect in the end. Sourced after lib.sh and debian.sh.

# kernel_key V FRAGMENT…: what goes into one.
kernel_key() {
	version "linux-source-${1%+*}"
	for p in gcc-14 binutils; do version $p; done
	shift
	# What the options are, wherever they stand: comments do not go into a kernel.
	sed -n '/^CONFIG_/p' "$@" | sort -u
	cat "$lab/kernel.sh"
}

# Runs inside the tools root, in a directory with linux.tar.xz and fragment, and is followed
# by what else is wanted of the source. That and the objects (2.5 GB) are in memory: a disk
# would take minutes only to remove them.
compile=$(cat <<'EOT'
obj=/tmp/obj
mkdir /tmp/linux $obj
tar -C /tmp/linux -xf linux.tar.xz --strip-components=1
make="make -s -C /tmp/linux O=$obj -j$JOBS LOCALVERSION=$LOCALVERSION"
$make tinyconfig
(cd /tmp/linux && KCONFIG_CONFIG=$obj/.config scripts/kconfig/merge_config.sh -m -O $obj $obj/.config /lab/out/fragment)
$make olddefconfig
sh /lab/repo/tests/lab/config-lost "$V" $obj/.config fragment
$make bzImage
$make headers_install INSTALL_HDR_PATH=/tmp/headers
cp $obj/arch/x86/boot/bzImage bzImage
cp $obj/.config config
$make kernelrelease >release
EOT
)

# make_kernel DIR V SCRIPT FRAGMENT…: bzImage, config and release, and what SCRIPT makes.
make_kernel() {
	cd "$1" || return
	v=${2%+*}
	suffix=${2#"$v"}
	more=$3
	shift 3
	cat "$@" >fragment
	ln "$("$lab/build" source "$v")/linux.tar.xz" .
	in_tools "$PWD" env V="$v" LOCALVERSION="$(echo "$suffix" | tr + -)" sh -euc "$compile
$more"
	rm linux.tar.xz
}
