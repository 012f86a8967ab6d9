# SPDX-License-Identifier: GPL-2.0-or-later
"""The host VM of a run, seen from outside.

Everything that comes out of it arrives here, in one thread, and is stamped with one
clock when a line's first byte arrives. Channels are Unix sockets: `host` is the serial
console, the others are virtio-serial ports. Nothing in here judges a scenario.
"""

import os
import selectors
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

LAB = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(os.path.dirname(LAB))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "vmkeep-lab")
GUESTS = 20
# Of one virtio-serial device: QEMU drops the control messages of further ones when the queue for them
# (32) is full, and what is written to those goes nowhere.
PORTS = 12
# The address outside the host VM, where a scenario has a network.
OUTSIDE = "192.0.2.254/24"

# Emulated, a string instruction costs by its iterations: told that single bytes are fast, the kernel copies
# and clears memory byte by byte, which takes four times as long. SMAP's instructions end a translated
# block each, around every access to user memory: a third of the time of what does many. A fifth level of
# page tables makes every walk longer, of a guest's addresses twice over, and AVX and protection keys make every
# switch between processes longer: together a tenth of all.
CPU = {"tcg": "max,-erms,-fsrm,-smap,-la57,-avx,-avx2,-pku"}

# Emulated, the host VM runs on QEMU with our own patches to the emulation of SVM: without them an interrupt is
# now and then delivered to a guest twice, the second time while it has interrupts off, and it hangs or oopses in
# its timer code. A busy machine makes it likely. Under KVM it is Debian's newest.
EMULATOR = "10.0"


class LabError(Exception):
    """The lab could not do its part; the message is for a person."""


def build(*what):
    """Paths of cache entries, made if they aren't there."""
    done = subprocess.run([f"{LAB}/build", *what], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise LabError(f"cannot build {' '.join(what)}")
    return done.stdout.split()


class Channel:
    """A stream of lines that is logged with stamps."""

    def __init__(self, name, log, on_line):
        self.name, self.on_line = name, on_line
        self.log = open(log, "w", buffering=1, encoding="utf-8") if log else None
        self.socket, self.rest, self.stamp = None, b"", 0.0

    def feed(self, data, now):
        if not self.rest:
            self.stamp = now
        *lines, rest = (self.rest + data).split(b"\n")
        for line in lines:
            self._line(line)
            self.stamp = now
        self.rest = rest

    def flush(self):
        if self.rest:
            self._line(self.rest)
            self.rest = b""

    def _line(self, line):
        text = line.decode("utf-8", "replace").rstrip("\r")
        if self.log:
            self.log.write(f"{self.stamp:.6f} {text}\n")
        if self.on_line:
            self.on_line(self, self.stamp, text)


class HostVM:
    """One run of the host VM, with its run directory."""

    def __init__(self, run, accel, mem, smp, resident):
        self.run, self.accel, self.mem, self.smp, self.resident = run, accel, mem, smp, resident
        self.start, self.qemu, self.netns = 0.0, None, None
        self.selector = selectors.DefaultSelector()
        self.channels = {}
        self.tmp = tempfile.mkdtemp(prefix="vmkeep-lab-")
        self.share = f"{self.tmp}/share"
        os.makedirs(f"{self.share}/boot")
        for d in ("consoles", "out"):
            os.makedirs(f"{run}/{d}")
        self.commands = open(f"{run}/commands", "w", buffering=1, encoding="utf-8")

    def now(self):
        """Seconds since the start of the run."""
        return time.monotonic() - self.start

    def note(self, argv):
        self.commands.write(shlex.join(argv) + "\n")

    def channel(self, name, on_line=None, log=True):
        """A channel must be known before the start."""
        path = f"{self.run}/consoles/{name}.log" if log else None
        self.channels[name] = Channel(name, path, on_line)
        return self.channels[name]

    def namespace(self):
        """A network of its own outside the host VM: what the VM's eth0 is plugged into is `lab0` there."""
        self.netns = f"vmkeep-lab-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", self.netns], check=True)
        for command in ("tuntap add dev lab0 mode tap", f"addr add {OUTSIDE} dev lab0", "link set lab0 up"):
            subprocess.run(["ip", "-n", self.netns, *command.split()], check=True)

    def in_namespace(self, argv):
        return ["nsenter", f"--net=/run/netns/{self.netns}", "--", *argv]

    def boot(self, kernel, image, append, second=None):
        """Start it. `second` is the image of another disk, which it can only read."""
        tools = build("tools")[0] + "/root"
        libs = f"{tools}/usr/lib/x86_64-linux-gnu"

        def tool(name):
            return [f"{tools}/usr/lib64/ld-linux-x86-64.so.2", "--library-path", libs, f"{tools}/usr/bin/{name}"]

        disk = f"{self.tmp}/root.qcow2"
        overlay = tool("qemu-img") + ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", image, disk]
        self.note(overlay)
        subprocess.run(overlay, check=True)

        emulator, accel = tool("qemu-system-x86_64"), self.accel
        if self.accel.startswith("tcg"):
            emulator[-1] = build("qemu", EMULATOR)[0] + "/qemu-system-x86_64"
            if self.resident:
                # All that was translated goes when this is nearly full, with the QEMU of qemu-patches at the next jump: a slow one.
                accel += ",tb-size=2047"
        argv = emulator + [
            "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-L", f"{tools}/usr/share/qemu", "-L", f"{tools}/usr/share/seabios", "-L", f"{tools}/usr/lib/ipxe/qemu",
            "-machine", "q35", "-accel", accel, "-cpu", CPU.get(self.accel.split(",")[0], "max"), "-smp", str(self.smp), "-m", self.mem,
            *(["-object", f"memory-backend-ram,id=ram,size={self.mem},prealloc=on,prealloc-threads=2"] if self.resident else []),
            *(["-machine", "memory-backend=ram"] if self.resident else []),
            "-kernel", kernel, "-append", append,
            "-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe",
            *(["-drive", f"file={second},format=raw,if=virtio,readonly=on"] if second else []),
            "-fsdev", f"local,id=lab,path={self.share},security_model=none,readonly=on",
            "-device", "virtio-9p-pci,fsdev=lab,mount_tag=lab",
            "-fsdev", f"local,id=out,path={os.path.realpath(self.run)}/out,security_model=none",
            "-device", "virtio-9p-pci,fsdev=out,mount_tag=out",
            *(["-netdev", "tap,id=lab,ifname=lab0,script=no,downscript=no"] if self.netns else []),
            *(["-device", "virtio-net-pci,netdev=lab,mac=52:54:00:00:01:01,romfile="] if self.netns else []),
            "-device", "virtio-rng-pci",
        ]
        listeners = {}
        for bus in range(1 + len(self.channels) // PORTS):
            argv += ["-device", f"virtio-serial-pci,id=serial{bus},max_ports={PORTS + 1}"]
        for nr, (name, channel) in enumerate(self.channels.items()):
            path = f"{self.tmp}/{name}"
            listeners[name] = socket.socket(socket.AF_UNIX)
            listeners[name].bind(path)
            listeners[name].listen(1)
            argv += ["-chardev", f"socket,id={name},path={path}"]
            if name == "host":
                argv += ["-serial", "chardev:host"]
            else:
                argv += ["-device", f"virtserialport,bus=serial{nr // PORTS}.0,nr={nr % PORTS + 1},chardev={name},name={name}"]
        self.note(argv)

        if self.netns:
            argv = self.in_namespace(argv)
        # Should this process be killed, the VM goes with it.
        argv = ["setpriv", "--pdeathsig", "KILL", "--"] + argv
        env = dict(os.environ, QEMU_MODULE_DIR=f"{libs}/qemu")
        log = open(f"{self.run}/qemu.log", "wb")
        self.start = time.monotonic()
        self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)
        try:
            os.nice(-10)  # stamps are worth more than the VM's share of the processor
        except PermissionError:
            print("lab: cannot raise the priority, stamps may be late under load", file=sys.stderr)
        for name, listener in listeners.items():
            listener.settimeout(1)
            while True:
                try:
                    connection = listener.accept()[0]
                    break
                except socket.timeout:
                    if self.qemu.poll() is not None:
                        raise LabError(f"QEMU does not start, see {self.run}/qemu.log") from None
            listener.close()
            connection.setblocking(False)
            self.channels[name].socket = connection
            self.selector.register(connection, selectors.EVENT_READ, self.channels[name])

    def send(self, channel, line):
        """The host reads what it asked for at once: this never has much to write."""
        self.channels[channel].socket.setblocking(True)
        self.channels[channel].socket.sendall(line.encode() + b"\n")
        self.channels[channel].socket.setblocking(False)

    def poll(self, timeout):
        """Take in what has arrived; False when the VM is gone and all is read."""
        events = self.selector.select(timeout)
        now = self.now()
        for key, _ in events:
            try:
                data = key.fileobj.recv(1 << 16)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                data = b""
            if data:
                key.data.feed(data, now)
            else:
                self.selector.unregister(key.fileobj)
        if events or self.qemu.poll() is None:
            return True
        return bool(self.selector.get_map())

    def close(self, keep=False):
        if self.qemu and self.qemu.poll() is None:
            self.qemu.kill()
            self.qemu.wait()
        if self.netns:
            subprocess.run(["ip", "netns", "del", self.netns], check=False)
        for channel in self.channels.values():
            channel.flush()
        if keep:
            shutil.move(self.tmp, f"{self.run}/vm")
        else:
            shutil.rmtree(self.tmp, ignore_errors=True)


def run_directory(name, wanted=None):
    """WANTED, which must not exist, or one in tests/out whose name begins with what it is for."""
    if wanted:
        try:
            os.makedirs(wanted)
        except OSError as e:
            raise LabError(f"run directory {wanted}: {e.strerror}") from None
        return os.path.realpath(wanted)
    base = f"{REPO}/tests/out"
    os.makedirs(base, exist_ok=True)
    stem = f"{base}/{name}-{time.strftime('%m%d-%H%M%S')}"
    path, n = stem, 1
    while True:
        try:
            os.mkdir(path)
            return path
        except FileExistsError:
            n += 1
            path = f"{stem}-{n}"
