# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tests and prints one KTAP document (version 1, nested) as they go.

As many tests run side by side as there are processors and memory for; the document has
one after the other, in the order of --list.

Each test is a program that prints KTAP. Its output is passed on as a subtest while it
runs, what is not KTAP as diagnostics. Trusting nothing, the runner also checks that
the program keeps its own plan, ends in time, and with a status that fits its results.
The last line alone counts the checks (the leaves of the document):
"N passed, N failed, N skipped".

environment: VMKEEP_MUST_WORK=1 makes a skipped check a failed one
exit status: 0 nothing failed, 1 something failed, 2 wrong usage
"""

import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parent
REPO = TESTS.parent
MUST_WORK = os.environ.get("VMKEEP_MUST_WORK") == "1"

VERSION = re.compile(r"^( *)K?TAP version \d+$")
PLAN = re.compile(r"^( *)1\.\.(\d+)(?:\s*#\s*SKIP\s*(.*))?$", re.I)
RESULT = re.compile(r"^( *)(ok|not ok) (\d+) ?(?:- )?(.*)$")
SKIP = re.compile(r"^(.*?)\s*# SKIP\s*(.*)$", re.I)

MINUTE = 60
LONG = ("restart", "faults", "soak", "damaged", "killed-agent", "two-guests")
# What a test may take: the host VM of most scenarios has 3 GiB.
MEMORY = 4 << 30


class Test:
    def __init__(self, name, command, limit, lab=False):
        self.name, self.limit, self.lab = name, limit, lab
        self.command = [str(part) for part in command]


def all_tests():
    """Every test there is, in the order in which they are run."""
    yield Test("lint", [TESTS / "lint"], 15 * MINUTE)
    yield Test("runner", [TESTS / "runner-test"], 2 * MINUTE)
    yield Test("check-config", [REPO / "kernel-config/check-config-test"], 1 * MINUTE)
    yield Test("beats", [TESTS / "guest/beats-test"], 5 * MINUTE)
    yield Test("lab-unit", [TESTS / "lab/unit-test"], 5 * MINUTE)
    yield Test("verdict", [TESTS / "lab/verdict-test"], 1 * MINUTE)
    # May have to build the kernel's source package first.
    yield Test("unit", [TESTS / "units"], 20 * MINUTE)
    yield Test("unit-sanitized", [TESTS / "units", "--sanitize"], 20 * MINUTE)
    yield Test("fuzz", [TESTS / "fuzz/short"], 20 * MINUTE)
    yield Test("lab", [TESTS / "lab/selftest"], 30 * MINUTE, lab=True)
    # The QEMU with our patches, on which emulated host VMs run.
    yield Test("qemu-10.0", [TESTS / "lab/qemu-tests", "10.0"], 30 * MINUTE, lab=True)
    for version in ("old", "new"):
        yield Test(f"kernel-{version}", [TESTS / "lab/selftests", version], 20 * MINUTE, lab=True)
    scenarios = [*(TESTS / "scenarios").glob("*.scenario"), TESTS / "bench/soak.scenario"]
    # The longest first, so that nothing else waits for them in the end.
    for scenario in sorted(scenarios, key=lambda s: (s.stem not in LONG, s.stem)):
        yield Test(scenario.stem, [TESTS / "lab/scenario", scenario], 20 * MINUTE, lab=True)


def choose(tests, names):
    """The tests that were named; a name may be a pattern or a scenario's file."""
    if not names:
        return tests
    chosen = []
    for name in names:
        pattern = pathlib.Path(name).stem if name.endswith(".scenario") else name
        found = [t for t in tests if fnmatch.fnmatch(t.name, pattern)]
        if not found:
            print(f"tests/run: no test {name!r}, see tests/run --list", file=sys.stderr)
            sys.exit(2)
        chosen += [t for t in found if t not in chosen]
    return chosen


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Output:
    """What one test prints: shown as it comes while it is its turn, else kept until then."""

    lock = threading.Lock()

    def __init__(self, shown=True):
        self.shown, self.kept = shown, []

    def line(self, depth, text):
        with Output.lock:
            if self.shown:
                print("    " * depth + text, flush=True)
            else:
                self.kept.append("    " * depth + text)

    def show(self):
        with Output.lock:
            print("".join(f"{line}\n" for line in self.kept), end="", flush=True)
            self.shown, self.kept = True, []


OUTPUT = Output()


class Level:
    """One KTAP document inside another."""

    def __init__(self, indent):
        self.indent = indent
        self.plan = None
        self.done = 0
        self.bad = False


class Subtest:
    """Passes one test's KTAP on, line by line, and holds it to its word."""

    def __init__(self, name, counts, output):
        self.name, self.counts, self.output = name, counts, output
        self.levels = []
        self.closed = None          # the level that the next result sums up
        self.problems = []
        self.failed = 0
        self.skipped_all = False
        self.put(0, "KTAP version 1")
        self.put(0, f"# Subtest: {name}")

    def put(self, depth, text):
        self.output.line(1 + depth, text)

    def comment(self, text):
        self.put(max(len(self.levels) - 1, 0), f"# {text}")

    def problem(self, text):
        self.problems.append(text)
        self.comment(text)

    def feed(self, line):
        line = line.rstrip("\r\n").expandtabs()
        for pattern, action in ((VERSION, self.version), (PLAN, self.plan),
                                (RESULT, self.result)):
            match = pattern.match(line)
            if match:
                action(match, len(match[1]))
                return
        text = line.strip()
        if text.startswith("Bail out!"):
            self.problem(text)
        elif text.startswith("# Subtest:") and len(self.levels) > 1:
            self.put(len(self.levels) - 1, text)
        elif text and not text.startswith("# Subtest:"):
            self.comment(text.lstrip("# "))

    def version(self, _match, indent):
        self.closed = None
        if self.levels and indent <= self.levels[-1].indent:
            self.problem("a second KTAP document on the same level")
            return
        self.levels.append(Level(indent))
        if len(self.levels) > 1:
            self.put(len(self.levels) - 1, "KTAP version 1")

    def plan(self, match, indent):
        self.close_above(indent)
        if not self.levels:
            self.problem("a plan without a KTAP version line")
            self.levels.append(Level(indent))
        level = self.levels[-1]
        if level.plan is not None:
            self.problem("a second plan")
            return
        level.plan = int(match[2])
        if level.plan == 0 and match[3] is not None and len(self.levels) == 1:
            self.skipped_all = True
            level.plan = 1
            self.put(0, "1..1")
            self.leaf(level, True, "everything", match[3] or "no reason given")
        else:
            self.put(len(self.levels) - 1, f"1..{level.plan}")

    def result(self, match, indent):
        self.close_above(indent)
        if not self.levels:
            self.problem("a result without a KTAP version line")
            self.levels.append(Level(indent))
        level, number, name = self.levels[-1], int(match[3]), match[4]
        ok = match[2] == "ok"
        if number != level.done + 1:
            self.problem(f"result {number} where {level.done + 1} is due")
        skip = SKIP.match(name)
        reason = None
        if skip:
            name, reason = skip[1], skip[2] or "no reason given"
        # The reader in the kernel's tree knows no "#" in a name.
        name = name.split(" # ")[0].replace("#", "").strip() or "(no name)"
        if self.closed:
            bad, self.closed = self.closed.bad, None
            level.done += 1
            level.bad |= bad or not ok
            if not ok and not bad:
                self.failed += 1
                self.counts.failed += 1
            self.put(len(self.levels) - 1, f"{'not ok' if bad or not ok else 'ok'} {level.done} {name}")
        else:
            self.leaf(level, ok, name, reason)

    def leaf(self, level, ok, name, reason=None):
        depth = self.levels.index(level)
        level.done += 1
        if reason is not None and MUST_WORK:
            self.put(depth, f"# skipped ({reason}), but it must work here")
            ok, reason = False, None
        if reason is not None:
            self.counts.skipped += 1
            self.put(depth, f"ok {level.done} {name} # SKIP {reason}")
        else:
            level.bad |= not ok
            self.failed += not ok
            self.counts.passed += ok
            self.counts.failed += not ok
            self.put(depth, f"{'ok' if ok else 'not ok'} {level.done} {name}")

    def close_above(self, indent):
        """Levels deeper than this line have ended."""
        while len(self.levels) > 1 and indent < self.levels[-1].indent:
            self.close()

    def close(self):
        level = self.levels[-1]
        if level.plan is None:
            self.problem("no plan")
            level.bad = True
        elif level.done > level.plan:
            self.problem(f"{level.done} results, {level.plan} were planned")
            level.bad = True
        elif level.done < level.plan:
            self.problem(f"{level.done} results of {level.plan}")
            # Checks that were not made did not pass.
            while level.done < level.plan:
                self.leaf(level, False, f"missing result {level.done + 1}")
        self.closed = self.levels.pop()

    def finish(self, status):
        """The program has ended. Return: whether all is well."""
        while len(self.levels) > 1:
            self.close()
            self.levels[-1].done += 1
            self.levels[-1].bad = True
            self.put(len(self.levels) - 1, f"not ok {self.levels[-1].done} missing result")
        if not self.levels or self.levels[0].plan is None and not self.levels[0].done:
            self.problem("printed no KTAP")
            self.levels = [Level(0)]
            self.levels[0].plan = 1
            self.put(0, "1..1")
            self.leaf(self.levels[0], False, "no result")
        self.close()
        if status and not self.failed:
            self.problem(f"exit status {status}" if status > 0
                         else f"ended by {signal.Signals(-status).name}")
        if self.problems and not self.failed:
            self.counts.failed += 1
        return not self.problems and not self.failed


def stop(process):
    """End a test and what it started: its process group, first asking."""
    for sig, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, sig)
        except ProcessLookupError:
            return
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            pass


def run(test, number, counts, factor, running=None, output=OUTPUT):
    """Run one test. `running`: the set of processes to be stopped on Ctrl-C."""
    running = set() if running is None else running
    started = time.monotonic()
    subtest = Subtest(test.name, counts, output)
    limit = test.limit * factor
    status = None
    try:
        process = subprocess.Popen(test.command, cwd=REPO, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", start_new_session=True)
    except OSError as e:
        subtest.problem(f"cannot start: {e}")
        status = 0
    else:
        running.add(process)
        late = threading.Event()

        def time_out():
            late.set()
            stop(process)

        timer = threading.Timer(limit, time_out)
        timer.start()
        try:
            for line in process.stdout:
                subtest.feed(line)
            status = process.wait()
        finally:
            timer.cancel()
            running.discard(process)
        if late.is_set():
            subtest.problem(f"stopped at its time limit, {limit:.0f} s")
    good = subtest.finish(status)
    output.line(0, f"{'ok' if good else 'not ok'} {number} {test.name}"
                   f" # {time.monotonic() - started:.1f} s")
    return good


def run_all(tests, counts, factor, jobs, lab):
    """Run tests, `jobs` at a time. Return: the names of those that failed."""
    running = set()
    interrupted = threading.Event()
    outputs = [Output(shown=False) for _ in tests]

    def one(nr):
        own = Counts()
        if tests[nr].lab and lab:
            lab.wait()
        # Not started any more; what is true of it nobody will read.
        good = interrupted.is_set() or run(tests[nr], nr + 1, own, factor, running, outputs[nr])
        return good, own

    failed = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            results = [pool.submit(one, nr) for nr in range(len(tests))]
            for test, output, result in zip(tests, outputs, results):
                output.show()
                good, own = result.result()
                counts.add(own)
                if not good:
                    failed.append(test.name)
        except KeyboardInterrupt:
            interrupted.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if lab:
                lab.stop()
            while not all(result.done() for result in results):
                for process in list(running):
                    stop(process)
                time.sleep(0.1)
            raise
    return failed


def jobs_here():
    """How many tests may run at a time on this machine."""
    with open("/proc/meminfo", encoding="ascii") as f:
        free = int(re.search(r"MemAvailable: *(\d+) kB", f.read())[1]) << 10
    return max(1, min(len(os.sched_getaffinity(0)), free // MEMORY))


class LabBuild:
    """Fills the lab's cache while tests run that don't need it."""

    def __init__(self):
        OUTPUT.line(0, "# lab: filling the cache beside the first tests")
        self.process = subprocess.Popen([str(TESTS / "lab/build"), "all", "qemu", "10.0"], cwd=REPO,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors="replace",
                                        start_new_session=True)
        self.thread = threading.Thread(target=self.pass_on)
        self.thread.start()

    def pass_on(self):
        for line in self.process.stderr:
            OUTPUT.line(0, f"# {line.rstrip()}")
        if self.process.wait():
            # The tests that need it will fail by themselves, each saying why.
            OUTPUT.line(0, f"# lab: build failed, exit status {self.process.returncode}")

    def wait(self):
        self.thread.join()

    def stop(self):
        stop(self.process)


def main():
    p = argparse.ArgumentParser(prog="tests/run", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("name", nargs="*", help="tests to run (a name, pattern or scenario file)")
    p.add_argument("--list", action="store_true", help="list the tests")
    p.add_argument("--jobs", type=int, metavar="N", help="run N tests at a time")
    p.add_argument("--slow", type=float, default=1, metavar="FACTOR",
                   help="stretch the time limits on a slow machine")
    options = p.parse_args()
    tests = choose(list(all_tests()), options.name)
    if options.list:
        print("\n".join(t.name for t in tests))
        return 0
    if options.jobs is not None and options.jobs < 1:
        p.error("--jobs: at least 1")

    counts = Counts()
    lab = None
    OUTPUT.line(0, "KTAP version 1")
    OUTPUT.line(0, f"1..{len(tests)}")
    try:
        # Not for lab tests alone: those build what they need by themselves.
        if any(t.lab for t in tests) and not all(t.lab for t in tests):
            lab = LabBuild()
        failed = run_all(tests, counts, options.slow, options.jobs or jobs_here(), lab)
    except KeyboardInterrupt:
        OUTPUT.line(0, "Bail out! interrupted")
        return 1
    if failed:
        OUTPUT.line(0, f"# failed: {' '.join(failed)}")
    print(counts, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
