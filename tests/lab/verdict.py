# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a scenario passed: its checks, its boots, and what the host's kernels said."""

import re

# What the host's kernel must not say. Only warnings and worse reach the console, so of
# Kexec HandOver and Live Update any word there is one too many.
BAD = re.compile(
    r"\bBUG\b|WARNING|Oops|Kernel panic|general protection fault|unable to handle"
    r"|blocked for more than|\bKHO:|\b(kho|luo|memfd_luo|liveupdate)\w*:"
)
KERNEL_LINE = re.compile(r"^\[ *\d+\.\d{6}\] (.*)")


class Verdict:
    """Told of all that happens, in the order in which it does."""

    def __init__(self, plan, jumps, releases):
        """plan: how many checks, jumps: how many there are to be between the two kernel releases."""
        self.plan, self.jumps, self.releases = plan, jumps, releases
        self.count, self.failed, self.problems = 0, 0, []
        self.halves, self.ended = [], False

    @staticmethod
    def write(line):
        print(line, flush=True)

    def begin(self):
        self.write("KTAP version 1")
        self.write(f"1..{self.plan}")

    def problem(self, text):
        """Something that fails the run, whatever the checks say."""
        self.problems.append(text)
        self.write(f"# FAILED: {text}")

    def check(self, text):
        """A line of the scenario: a check's result, which gets its number here, or a remark."""
        m = re.match(r"(not )?ok - (.*)", text)
        if m:
            self.count += 1
            self.failed += bool(m[1])
            self.write(f"{m[1] or ''}ok {self.count} {m[2]}")
        else:
            self.write(text if text.startswith("#") else f"# {text}")

    def console(self, text):
        """A line of the host's console."""
        m = KERNEL_LINE.match(text)
        if m and BAD.search(m[1]):
            self.problem(f"host kernel: {m[1]}")

    def booted(self, release):
        """The host has booted. Return: which part of the scenario is due."""
        jumps = len(self.halves)
        half = "before" if jumps == 0 else "after" if jumps >= self.jumps else "between"
        self.halves.append(half)
        due = self.releases[jumps % 2]
        if jumps > self.jumps:
            self.problem("the host booted once more than the scenario says")
        elif release != due:
            self.problem(f"`{half}` runs on kernel {release}, not {due}")
        return half

    def next_release(self):
        """What the part that runs is to jump into."""
        return self.releases[len(self.halves) % 2]

    def bye(self):
        """A part of the scenario returned."""
        self.ended = True
        if len(self.halves) <= self.jumps:
            self.problem(f"`{self.halves[-1]}` returned: no jump into the next kernel")

    def late(self, seconds):
        self.problem(f"time limit: not finished after {seconds} s")

    def gone(self, status):
        """The host VM has ended, with that exit status of its QEMU."""
        if not self.ended:
            self.problem(f"the host VM ended early (QEMU's exit status: {status})")
        elif len(self.halves) <= self.jumps and not self.problems:
            self.problem("the new kernel was never reached")

    def passed(self):
        """To be asked once, in the end."""
        if self.count < self.plan:
            self.problem(f"{self.plan - self.count} of {self.plan} checks missing")
        elif self.count > self.plan:
            self.problem(f"{self.count} checks, {self.plan} were planned")
        return not self.failed and not self.problems
