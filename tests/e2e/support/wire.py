"""Two network namespaces with a bad link between them: the gateway on one side, people on the other.

    stage.phone("alice", place=wire.place("people"))
    with wire.side("people"): …       # sockets and processes made here live there, wherever they are used later

Needs root and /dev/net/tun; `Wire.start()` skips the test in words where they are not to be had."""
import contextlib
import ctypes
import json
import os
import subprocess
import time

import pytest

from .process import ROOT, Place, libc, run

SOURCE = ROOT / "tests/e2e/peers/wire/wire.cpp"
BINARY = ROOT / "build/e2e/wire"
CLONE_NEWNET = 0x40000000
IPV4 = {"gateway": "10.77.0.1", "people": "10.77.0.2"}
IPV6 = {"gateway": "fd77::1", "people": "fd77::2"}


def build():
    if not BINARY.exists() or BINARY.stat().st_mtime < SOURCE.stat().st_mtime:
        BINARY.parent.mkdir(parents=True, exist_ok=True)
        run(["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-o", BINARY, SOURCE])
    return BINARY


def enter(namespace):
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns: " + os.strerror(ctypes.get_errno()))


class Wire:
    def __init__(self, families=(4, 6)):
        self.families = families
        self.process = None
        self.sides = {}

    def place(self, side):
        return Place((IPV4 if 4 in self.families else IPV6)[side], lambda: self.side(side))

    def start(self):
        self.process = subprocess.Popen([str(build())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True)
        line = self.process.stdout.readline()
        if not line:
            why = self.process.stderr.read().decode().strip()
            code = self.process.wait(5)
            assert code == 3, f"wire ended with {code}: {why}"
            pytest.skip(f"no network namespaces here ({why})")
        self.sides = {side: os.open(f"/proc/{self.process.pid}/fd/{number}", os.O_RDONLY)
                      for side, number in json.loads(line).items()}
        for side in self.sides:
            with self.side(side):
                if 4 in self.families:
                    run(["ip", "addr", "add", IPV4[side] + "/24", "dev", "wire"])
                if 6 in self.families:
                    run(["ip", "addr", "add", IPV6[side] + "/64", "dev", "wire", "nodad"])
        return self

    @contextlib.contextmanager
    def side(self, name):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            enter(self.sides[name])
            yield
        finally:
            enter(home)
            os.close(home)

    def set(self, **link):
        """loss in percent, delay and jitter in ms, rate in kbit/s (0: none), both ways."""
        self.process.stdin.write((" ".join(f"{name}={value}" for name, value in link.items()) + "\n").encode())
        self.process.stdin.flush()

    def lost(self):
        """Packets, so far, both ways; without those that block() took."""
        self.process.stdin.write(b"lost\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def cut(self, seconds):
        self.set(loss=100)
        time.sleep(seconds)
        self.set(loss=0)

    def block(self, rule, but=()):
        """What fits nft's `rule` ("meta l4proto udp") and none of `but` gets lost between the sides, as in a strict firewall."""
        # Exceptions are rules of their own: Debian's nft joins "udp sport != 1 udp dport != 1" to one wrong comparison.
        rules = [f"add rule inet wall in iifname wire {what} accept" for what in but] + [f"add rule inet wall in iifname wire {rule} drop"]
        for side in self.sides:
            with self.side(side):
                run(["nft", "; ".join(["add table inet wall; add chain inet wall in { type filter hook input priority 0; }", *rules])])

    def nat(self):
        """Puts the people behind a NAT: their new place, whose packets come from IPV4["people"]."""
        inner, outer = "192.168.77.2", IPV4["people"]
        with self.side("people"):
            run(["ip", "addr", "add", inner + "/24", "dev", "wire"])
            run(["ip", "addr", "del", outer + "/24", "dev", "wire"])
            run(["ip", "route", "add", IPV4["gateway"], "dev", "wire"])
            run(["nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority 100; }; "
                        f"add rule ip nat out ip saddr {inner} oifname wire snat to {outer}"])
        return Place(inner, lambda: self.side("people"))

    def stop(self):
        for descriptor in self.sides.values():
            os.close(descriptor)
        self.sides = {}
        if self.process:
            self.process.stdin.close()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
