"""Processes and ports of the tests: started in a folder of their own, logged, and ended by their own pid."""
import contextlib
import ctypes
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


class Place:
    """Where a peer lives: an address, and how to get there. Sockets and processes made `with place.inside():` are there."""

    def __init__(self, address="127.0.0.1", inside=contextlib.nullcontext):
        self.address, self.inside = address, inside

    @property
    def url_host(self):
        return f"[{self.address}]" if ":" in self.address else self.address


HOME = Place()


def die_with_the_tests():
    """For preexec_fn: who outlives a killed test run would keep its ports, and its network namespaces, for ever."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    def __init__(self, argv, log, env=None, stdin=subprocess.DEVNULL, cwd=None):
        self.log = pathlib.Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(
                [str(a) for a in argv], stdin=stdin, stdout=out, stderr=subprocess.STDOUT, cwd=cwd,
                env={**os.environ, **(env or {})}, start_new_session=True, preexec_fn=die_with_the_tests)

    @property
    def running(self):
        return self.popen.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def send_signal(self, number):
        if self.running:
            self.popen.send_signal(number)

    def stop(self, patience=5.0, number=signal.SIGTERM):
        self.send_signal(number)
        try:
            self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(5)
        return self.popen.returncode

    def kill(self):
        self.stop(number=signal.SIGKILL)


def wait_for(condition, seconds, what):
    """The first true value of condition(), polled; AssertionError that names `what` when time is up."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
        except (OSError, AssertionError, KeyError, ValueError) as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}" + (f" (last: {last})" if last else ""))


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def free_port_of_both_kinds():
    """A port that is free on UDP and on TCP."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(("127.0.0.1", udp.getsockname()[1]))
            except OSError:
                continue
            return udp.getsockname()[1]
    raise RuntimeError("no port is free on UDP and TCP")


def port_block(size):
    """The first of `size` ports, even, below the ephemeral range, where nobody listens on a few samples."""
    for _ in range(100):
        first = random.randrange(10000, 32000 - size, 2)
        try:
            for probe in (first, first + 1, first + size // 2, first + size - 1):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as s:
                        s.bind(("127.0.0.1", probe))
            return first
        except OSError:
            continue
    raise RuntimeError("no free block of ports")


def run(argv, timeout=60, **kwargs):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, **kwargs)
    assert done.returncode == 0, f"{argv[0]} failed:\n{done.stdout.decode(errors='replace')[-3000:]}"
    return done.stdout
