# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# QEMU with the series in qemu-patches/. A BASE is the name of a directory there, and the
# X.Y of the QEMU that its series is for. Sourced after lib.sh and debian.sh.

# qemu_suite BASE: which of Debian's suites has the source.
qemu_suite() {
	[ -d "$repo/qemu-patches/$1" ] || die "no series for QEMU $1 in qemu-patches/"
	case $1 in
	10.0) echo trixie ;;
	10.2) echo sid ;;
	*) die "which suite has the source of QEMU $1? (tests/lab/qemu.sh)" ;;
	esac
}

# src_apt SUITE apt-get|apt-cache ARG…: lab_apt, on the suite's source packages only.
src_apt() {
	src=$cache/apt/src-$1
	tool=$2
	shift 2
	lab_apt "$tool" -o Dir::State="$src/state" -o Dir::Cache="$src/cache" \
		-o Dir::Etc::sourcelist="$src/sources.list" -o APT::Sandbox::User=root "$@"
}

# src_refresh SUITE: bring the list of source packages up to date, once a day is enough.
src_refresh() {
	refresh
	src=$cache/apt/src-$1
	mkdir -p "$src/state/lists/partial" "$src/cache/archives/partial"
	(
		flock 7
		[ -z "$(find "$src/fresh" -mmin -1440 2>/dev/null)" ] || exit 0
		echo "deb-src [signed-by=$keyring] $(mirror) $1 main" >"$src/sources.list"
		say "reading the list of $1's source packages (about 10 s)"
		if src_apt "$1" apt-get -qq update >"$src/log" 2>&1; then
			touch "$src/fresh"
		elif [ -e "$src/fresh" ]; then
			say "the mirror cannot be read now, going on with the list of $(date -r "$src/fresh")"
		else
			cat "$src/log" >&2
			die "cannot read the list of $1's source packages"
		fi
	) 7>"$src/lock"
}

# qemu_version BASE: the newest version that there is. A suite lists more than one source
# of a package as long as something in it was built with an older one.
qemu_version() {
	suite_=$(qemu_suite "$1") || exit 1
	src_refresh "$suite_" || exit 1
	src_apt "$suite_" apt-cache showsrc --only-source qemu |
		awk '$1 == "Version:" { print $2 }' | grep -F ":$1." | sort -V | tail -n 1 | grep . ||
		die "$suite_ has no source of QEMU $1 any more"
}

# qemu_unpack BASE DIR: the source as Debian has it, its own patches applied, as a git
# repository in DIR, with the tag `base`.
qemu_unpack() {
	on_machine dpkg-source:dpkg-dev patch:patch git:git
	source_=$("$lab/build" qemusource "$1") || exit 1
	# The checksums are apt's business; whether this machine knows the uploader is not ours.
	dpkg-source --no-check -x "$source_"/*.dsc "$2" || exit 1
	rm -rf "$2/debian" "$2/.pc"
	(
		cd "$2"
		git init -q
		git config user.name vmkeep
		git config user.email vmkeep@localhost
		git config gc.auto 0
		git add -Af .
		git commit -qm "QEMU as in $(basename "$source_"/*.dsc .dsc)"
		git tag base
	) || exit 1
}

# qemu_apply BASE DIR: put the series on what is checked out in DIR.
qemu_apply() {
	for patch_ in "$repo/qemu-patches/$1"/[0-9]*.patch; do
		if ! said=$(git -C "$2" am -q --keep-cr "$patch_" 2>&1); then
			git -C "$2" am --abort
			say "$(echo "$said" | grep '^error: ' || echo "$said")"
			# git names the hunk by the line where it belongs, and only the first of a file.
			echo "$said" | sed -n 's/^error: patch failed: \(.*\):\([0-9]*\)$/\1 \2/p' |
				while read -r file_ line_; do
					hunk_=$(awk -v file="a/$file_" -v at="-$line_" '
						$1 == "---" { here = $2 == file }
						here && $1 == "@@" { split($2, n, ","); if (n[1] == at) print }' "$patch_")
					say "$(basename "$patch_"): $file_: does not apply: $hunk_"
				done
			die "qemu-patches/$1/$(basename "$patch_") does not apply to QEMU $(qemu_version "$1")"
		fi
	done
}

# other_apt SUITE apt-cache|apt-get ARG…: lab_apt, on that suite's packages alone.
other_apt() {
	other=$cache/apt/$1
	tool_=$2
	shift 2
	lab_apt "$tool_" -o Dir::State="$other/state" -o Dir::Cache="$other/cache" \
		-o Dir::Etc::sourcelist="$other/sources.list" "$@"
}

# other_version SUITE: of its QEMU.
other_version() {
	refresh
	mkdir -p "$cache/apt/$1/state/lists/partial" "$cache/apt/$1/cache/archives/partial"
	echo "deb [signed-by=$keyring] $(mirror) $1 main" >"$cache/apt/$1/sources.list"
	other_apt "$1" apt-get -qq update >"$cache/apt/$1/log" 2>&1 || die "cannot read $1's package lists"
	other_apt "$1" apt-cache policy qemu-system-x86 | awk '$1 == "Candidate:" { print $2 }' | grep .
}

# What is built: the one target, and nothing that needs a library for it. Firmware is the
# host's; there is none in Debian's source. 9p is for the host VM, which runs on it as well;
# without fdt there is no microvm. Packed, 130,000 relocations are 37 KB to read while guests stand, not 3 MB.
qemu_configure="--target-list=x86_64-softmmu --without-default-features --enable-kvm --enable-tcg --enable-virtfs --enable-attr
	--enable-fdt=system --extra-ldflags=-Wl,-z,pack-relative-relocs
	--disable-download --disable-docs --disable-install-blobs --disable-debug-info
	--firmwarepath=/usr/share/qemu:/usr/share/seabios"
qemu_targets="qemu-system-x86_64 tests/qtest/fdset-ram-test tests/qtest/migration-test"

# Runs inside the tools root, with the binaries in the current directory: the new qtests, and
# what QEMU itself has for CPR. Its tests take KVM where there is a /dev/kvm, and wait for ever
# on one that cannot run a guest. So there is none, but for the look of it: without, half of
# the cases would be left out. The binary must not be run from QEMU's build directory, where
# it looks for firmware only there.
# shellcheck disable=SC2034 # used by those who source this
qemu_test=$(cat <<'EOT'
[ -n "${KVM:-}" ] || mount --bind /dev/null /dev/kvm
cp qemu-system-x86_64 /tmp/qemu-system-x86_64
export QTEST_QEMU_BINARY=/tmp/qemu-system-x86_64 QEMU_TEST_FLAKY_TESTS=1
failed=0
timeout 300 ./fdset-ram-test -k >/tmp/log 2>&1 || failed=1
grep -E "^(not )?ok |^# .*bytes transferred|ERROR|Bail out" /tmp/log || cat /tmp/log
cases=$(./migration-test --full -l | grep -oE '/[^ ]*/migration/mode/[^ ]*')
for t in $cases; do
	# -p takes what is below the name as well.
	others=$(echo "$cases" | sed -n "s|^$t/|-s &|p")
	# shellcheck disable=SC2086 # words
	if timeout 600 ./migration-test --full -p "$t" $others >/tmp/log 2>&1; then
		echo "ok $t"
	else
		echo "not ok $t"
		grep -v "^# Start\|^# End\|^# starting" /tmp/log | tail -n 15 | sed 's/^/#   /'
		failed=1
	fi
	grep "bytes transferred" /tmp/log || true
done
exit $failed
EOT
)
