# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario: what is in its file, the run in a host VM, and the verdict."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

import labvm
from labvm import LAB, LabError, build
from verdict import Verdict

VARIABLES = ["PLAN", "PACKAGES", "FILES", "NEEDS", "MEM", "SMP", "RESIDENT", "APPEND", "TIMEOUT", "AGENT", "JUMPS", "NET"]
TCG = "tcg,thread=multi"
# no_timer_check: on a busy machine the emulated timer may be late for the kernel's test of it,
# which panics.
# tsc=nowatchdog: the emulated HPET that the time-stamp counter is compared with answers late on a busy machine, and a host without
# its counter has clocks that each cost an exit: seen with sixteen guests, which took a minute to come back.
# One processor: with two, guests under KVM in an emulated host were reset out of nothing, and hosts
# too, long before any jump (QEMU 11.1.3, thread=multi and emulated SVM; not tried again since the emulator is
# ours). No virtual GIF: it was suspected of the same, which was not shown.
APPEND = (
    "console=ttyS0 root=/dev/vda rw init=/sbin/lab-init loglevel=5 panic=-1 no_timer_check tsc=nowatchdog"
    " kho=on liveupdate=on kho_scratch=128M,128M,128M"
    " kvm_amd.vgif=0 kvm_amd.nested=0"
)


def read_scenario(path):
    """The scenario's variables, and which of its functions there are."""
    script = '. "$1"\n' + "".join(f'printf "%s\\0" "${{{v}-unset}}"\n' for v in VARIABLES)
    script += 'for f in before between after peer outside; do command -v $f; done\n'
    done = subprocess.run(["sh", "-c", script, "sh", path], stdout=subprocess.PIPE, text=True)
    *values, functions = done.stdout.split("\0")
    if len(values) != len(VARIABLES):
        raise LabError(f"{path} is not a scenario: sh cannot read it")
    var = {k: v for k, v in zip(VARIABLES, values) if v != "unset"}
    functions = functions.split()
    if "before" not in functions:
        raise LabError(f"{path}: no function `before`")
    if not var.get("PLAN", "").isdigit() or int(var["PLAN"]) == 0:
        raise LabError(f"{path}: PLAN=N has to say how many checks there are")
    jumps = var.setdefault("JUMPS", "1" if "after" in functions else "0")
    if not jumps.isdigit():
        raise LabError(f"{path}: JUMPS={jumps} is no number")
    if "peer" in functions and var.get("NET") != "yes":
        raise LabError(f"{path}: `peer` needs NET=yes")
    if int(jumps) > 1 and not {"between", "after"} <= set(functions):
        raise LabError(f"{path}: JUMPS={jumps} needs functions `between` and `after`")
    return var, functions


class Run:
    """A scenario in a host VM."""

    def __init__(self, file, args):
        self.file = os.path.realpath(file)
        self.var, self.functions = read_scenario(self.file)
        var = self.var
        self.timeout = args.timeout or int(var.get("TIMEOUT") or 180)
        self.half_started = 0.0
        self.guests, self.waiting, self.seen = {}, [], {}
        self.peer = None

        needs = var.get("NEEDS", "vmkeep guest").split()
        # "qemu:10.0" is `build qemu 10.0`.
        words = [word for need in needs for word in need.split(":")]
        entries = build("kernel", args.source, "kernel", args.to, "bin", *words, "host", *var.get("PACKAGES", "").split())
        self.kernels, self.bin, self.image = entries[:2], entries[2], entries[-1] + "/root.img"
        self.needs = dict(zip(needs, entries[3:]))

        self.name = os.path.basename(self.file).split(".")[0]
        self.run = labvm.run_directory(self.name, args.run)
        self.vm = labvm.HostVM(
            self.run,
            args.accel or accelerator(args.source),
            mem=args.mem or var.get("MEM") or "3G",
            smp=args.smp or var.get("SMP") or "1",
            resident=var.get("RESIDENT") == "yes",
        )
        self.releases = [open(f"{k}/release", encoding="utf-8").read().strip() for k in self.kernels]
        self.verdict = Verdict(int(var["PLAN"]), int(var["JUMPS"]), self.releases)

    def fill_share(self):
        """What the host gets to see of all this."""
        share = self.vm.share
        env = {
            "THIS_RELEASE": self.releases[0],
            "NEXT_RELEASE": self.releases[1],
            "GUEST_KERNEL": "/boot/guest",
            "GUEST_INITRD": "/boot/guest-initrd",
            "AGENT": "" if self.var.get("AGENT") == "no" else "yes",
            "JUMPS": self.var["JUMPS"],
        }
        with open(f"{share}/env", "w", encoding="utf-8") as f:
            f.writelines(f"export {k}={shlex.quote(v)}\n" for k, v in env.items())
        for name in ("init", "lib.sh", "autopsy"):
            shutil.copy(f"{LAB}/host/{name}", share)
        shutil.copy(self.file, f"{share}/scenario")
        shutil.copytree(self.bin, f"{share}/bin")
        # Where a distribution puts them: `vmkeep check` looks there for the running one.
        for kernel, release in zip(self.kernels, self.releases):
            shutil.copy(f"{kernel}/bzImage", f"{share}/boot/vmlinuz-{release}")
        shutil.copytree(f"{self.kernels[1]}/selftests", f"{share}/selftests")
        if "guest" in self.needs:
            guest = self.needs["guest"]
            shutil.copy(f"{guest}/bzImage", f"{share}/boot/guest")
            shutil.copy(f"{guest}/initrd.img", f"{share}/boot/guest-initrd")
        if "vmkeep" in self.needs:
            shutil.copytree(f"{self.needs['vmkeep']}/root", f"{share}/vmkeep", symlinks=True)
        for need in self.needs:
            if need.startswith("qemu:"):
                base = need.split(":")[1]
                os.mkdir(f"{share}/qemu-{base}")
                shutil.copy(f"{self.needs[need]}/qemu-system-x86_64", f"{share}/qemu-{base}")
            if need.startswith("debianqemu:"):
                shutil.copytree(f"{self.needs[need]}/out", f"{share}/qemu-{need.split(':')[1]}")
        if "debianguest" in self.needs:
            debian = self.needs["debianguest"]
            os.mkdir(f"{share}/debian")
            for name in ("vmlinuz", "initrd.img", "disk.qcow2"):
                shutil.copy(f"{debian}/{name}", f"{share}/debian")
            # ssh takes no key that others could read.
            shutil.copy(f"{debian}/id", self.run)
        os.mkdir(f"{share}/files")
        with open(f"{share}/files/list", "w", encoding="utf-8") as f:
            for nr, pair in enumerate(self.var.get("FILES", "").split()):
                src, dst = pair.split(":")
                src = os.path.join(os.path.dirname(self.file), src)
                copy = shutil.copytree if os.path.isdir(src) else shutil.copy
                copy(src, f"{share}/files/{nr}")
                f.write(f"{nr} {dst}\n")

    # What arrives from the host.

    def on_host(self, _channel, _stamp, text):
        self.verdict.console(text)

    def on_ktap(self, _channel, _stamp, text):
        self.verdict.check(text)

    def on_guest(self, channel, stamp, text):
        self.seen[channel.name].append((stamp, text))
        for request in list(self.waiting):
            if request["channel"] == channel.name and stamp >= request["since"] and request["regex"].search(text):
                self.answer(request["id"], text)
                self.waiting.remove(request)

    def answer(self, request, text=None):
        self.vm.send("ctl", f"{request} no" if text is None else f"{request} ok {text}")

    def on_ctl(self, _channel, stamp, text):
        request, verb, *rest = text.split(" ", 2)
        rest = rest[0] if rest else ""
        if verb == "hello":
            self.on_boot(request, stamp, rest)
        elif verb == "bye":
            self.answer(request, "bye")
            self.verdict.bye()
        elif verb == "guest":
            self.on_guest_console(request, rest)
        elif verb == "line":
            self.on_line_wanted(request, rest)
        else:
            self.answer(request)

    def on_boot(self, request, stamp, release):
        self.half_started = stamp
        half = self.verdict.booted(release)
        jumps = len(self.verdict.halves) - 1
        self.answer(request, f"{half} {jumps} /boot/vmlinuz-{self.verdict.next_release()}")

    def on_guest_console(self, request, name):
        """Give guest NAME a console, always the same one."""
        if name not in self.guests and len(self.guests) < labvm.GUESTS and re.fullmatch(r"[\w.-]+", name):
            port = f"guest{len(self.guests)}"
            self.guests[name] = port
            log = f"{self.run}/consoles/guest-{name}.log"
            self.vm.channels[port].log = open(log, "w", buffering=1, encoding="utf-8")
        self.answer(request, self.guests.get(name))

    def on_line_wanted(self, request, rest):
        """since seconds name regex"""
        since, seconds, name, regex = rest.split(" ", 3)
        since = self.half_started if since == "half" else self.vm.now()
        channel = self.guests.get(name)
        if not channel:
            self.answer(request)
            return
        regex = re.compile(regex)
        for stamp, text in self.seen[channel]:
            if stamp >= since and regex.search(text):
                self.answer(request, text)
                return
        self.waiting.append({
            "id": request, "channel": channel, "since": since, "regex": regex,
            "until": self.vm.now() + float(seconds),
        })

    # The run itself.

    def host_part(self):
        vm = self.vm
        vm.channel("host", self.on_host)
        vm.channel("agent")
        vm.channel("ktap", self.on_ktap)
        vm.channel("ctl", self.on_ctl, log=False)
        for nr in range(labvm.GUESTS):
            vm.channel(f"guest{nr}", self.on_guest, log=False)
            self.seen[f"guest{nr}"] = []
        self.fill_share()
        tsc_khz = subprocess.run([f"{self.bin}/tsc-khz"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        append = f"{APPEND} tsc_early_khz={tsc_khz} {self.var.get('APPEND', '')}".strip()
        if self.var.get("NET") == "yes":
            vm.namespace()
        debian = self.needs.get("debianguest")
        vm.boot(f"{self.kernels[0]}/bzImage", self.image, append, second=debian and f"{debian}/root.img")
        if "peer" in self.functions:
            self.peer = self.start_peer()
        while vm.poll(0.1):
            now = vm.now()
            for request in [r for r in self.waiting if r["until"] < now]:
                self.answer(request["id"])
                self.waiting.remove(request)
            if now > self.timeout:
                self.verdict.late(self.timeout)
                return
        self.verdict.gone(vm.qemu.wait())

    def start_peer(self):
        """The scenario's part on the network outside the host, while the host runs."""
        env = dict(os.environ, RUN=self.run, LAB=LAB, REPO=labvm.REPO)
        argv = self.vm.in_namespace(["sh", "-c", '. "$1"; peer', "sh", self.file])
        with open(f"{self.run}/peer.log", "wb") as log:
            return subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def end_peer(self):
        if not self.peer:
            return
        try:
            os.killpg(self.peer.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        self.peer.wait()

    def outside_part(self):
        """The scenario's checks on the machine, with what the run left."""
        r, w = os.pipe()
        env = dict(os.environ, RUN=self.run, LAB=LAB, REPO=labvm.REPO)
        script = '. "$1"; . "$2"; outside'
        with subprocess.Popen(
            ["sh", "-c", script, "sh", f"{LAB}/host/lib.sh", self.file], env=env,
            stdout=open(f"{self.run}/outside.log", "wb"), stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.dup2(w, 9), pass_fds=[9],
        ):
            os.close(w)
            with os.fdopen(r, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    self.verdict.check(line.rstrip("\n"))

    def main(self, keep):
        self.verdict.begin()
        self.verdict.write(f"# {self.name}: {self.releases[0]} -> {self.releases[1]}, accelerator {self.vm.accel}")
        try:
            try:
                self.host_part()
            finally:
                self.end_peer()
                self.vm.close(keep)
            report = f"{self.run}/out/report.json"
            if os.path.exists(report):
                shutil.move(report, self.run)
            if "outside" in self.functions:
                self.outside_part()
        except KeyboardInterrupt:
            self.verdict.problem("interrupted")
        passed = self.verdict.passed()
        self.verdict.write(f"# run directory: {self.run}")
        return 0 if passed else 1


def accelerator(kernel):
    """KVM, if this machine's really runs a host and gives it a KVM of its own. Asked once per boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as f:
        boot_id = f.read().strip()
    memory = f"{labvm.CACHE}/accelerator"
    if os.path.exists(memory):
        with open(memory, encoding="utf-8") as f:
            asked, verdict = f.read().split()
        if asked == boot_id:
            return verdict
    verdict = TCG
    if os.path.exists("/dev/kvm"):
        print("lab: trying whether KVM runs a host VM (30 s at most)", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="vmkeep-lab-") as tmp:
            probe = [f"{LAB}/scenario", f"{LAB}/probe.scenario", "--accel", "kvm", "--timeout", "30", "--run", f"{tmp}/run"]
            probe += ["--from", kernel, "--to", kernel]
            status = subprocess.run(probe, stdout=subprocess.DEVNULL).returncode
        if status > 1:
            raise LabError("cannot try KVM")
        if status == 0:
            verdict = "kvm"
    print(f"lab: accelerator of host VMs: {verdict}", file=sys.stderr)
    os.makedirs(labvm.CACHE, exist_ok=True)
    with open(memory, "w", encoding="utf-8") as f:
        f.write(f"{boot_id} {verdict}\n")
    return verdict


def options(parser):
    """What every program that runs a host VM takes."""
    parser.add_argument("--from", dest="source", default="old", metavar="V", help="kernel to start from: X.Y or old")
    parser.add_argument("--to", default="new", metavar="V", help="kernel to jump to: X.Y or new")
    parser.add_argument("--mem", metavar="SIZE", help="the host's RAM (3G, or what FILE says)")
    parser.add_argument("--smp", metavar="N", help="the host's processors (1, or what FILE says)")
    parser.add_argument("--timeout", type=int, metavar="S", help="fail after S seconds (180, or what FILE says)")
    parser.add_argument("--keep", action="store_true", help="keep the host's disk and what was shared with it")
    parser.add_argument("--run", metavar="DIR", help="run directory (default: a new one in tests/out)")
    parser.add_argument("--accel", help="of the host VM (default: KVM if a boot under it succeeds, else TCG)")


def guarded(main):
    """Run a program's main: what the lab cannot do, and Ctrl-C, are not worth a traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return main()
    except LabError as e:
        print(f"lab: error: {e}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
