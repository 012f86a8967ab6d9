# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Sourced by short and long: builds the fuzzers and runs one.

tests=$(dirname "$fuzz")
cd "$tests/.." || exit 2
# shellcheck source=tests/need.sh
. "$tests/need.sh"

targets="control handover kimage qmp"
out=$tests/out/fuzz

# build_fuzzers: with what it needs, the compiler's run-time libraries in particular, which
# are a package of their own.
build_fuzzers() {
	need clang clang
	need_library libclang-rt-dev
	need_build
	install_missing >&2 || return 1
	mkdir -p "$out"
	# A build directory of another time may be of another compiler or source: begin anew.
	rm -rf "$out/build"
	# Whatever clang there is: its remarks are the linters' business.
	CC=clang meson setup "$out/build" -Dfuzz=true -Dtests=false -Dwerror=false &&
		nice -n 5 meson compile -C "$out/build" fuzz
} >"$tests/out/fuzz-build.log" 2>&1

# seeds TARGET: where its corpus is, with the seeds in it.
seeds() {
	corpus=$out/$1/corpus
	mkdir -p "$corpus"
	FUZZ_SEEDS=$corpus "$out/build/tests/fuzz/fuzz-$1" >"$out/$1/log" 2>&1
}

# fuzz TARGET SECONDS [DIRECTORY…]: what it finds is kept beside its log.
fuzz() {
	target=$1 seconds=$2
	shift 2
	case $target in
	kimage) longest=65536 ;;
	*)
		longest=8192
		set -- -dict="$fuzz/json.dict" "$@"
		;;
	esac
	ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 nice -n 5 \
		"$out/build/tests/fuzz/fuzz-$target" -max_total_time="$seconds" -max_len=$longest \
		-timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$out/$target/" "$@" >"$out/$target/log" 2>&1
}

# executions TARGET: how many inputs its last run has tried.
executions() {
	sed -n 's/^stat::number_of_executed_units: *//p' "$out/$1/log"
}

# findings TARGET: what its last run has to say, as diagnostics.
findings() {
	grep -E 'ERROR|SUMMARY|runtime error|Test unit written|^ +#[0-9]+ .* (/|\.\./).*:[0-9]+' \
		"$out/$1/log" | head -n 30 | sed 's/^/# /'
	tail -n 3 "$out/$1/log" | sed 's/^/# /'
}
