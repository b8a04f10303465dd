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


PATIENCE = 2  # times as long as on a machine that has nothing else to do; who does not need it does not wait


def wait_for(condition, seconds, what, every=0.05):
    """The first true value of condition(), polled; AssertionError that names `what` when time is up, and it is time for a last look."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        late, last = time.monotonic() >= end, None
        try:
            value = condition()
            if value:
                return value
        except (OSError, AssertionError, KeyError, ValueError) as error:
            last = error
        if late:
            raise AssertionError(f"waited {seconds * PATIENCE} s for {what() if callable(what) else what}" + (f" (last: {last})" if last else ""))
        time.sleep(every)


handed_out = []  # (first, behind the last) of this test's ports: what was told to one peer and is not bound yet is not free


def port_block(size):
    """The first of `size` ports, even, below the ephemeral range, in which any socket of anybody may turn up before a peer has bound its own.
    Nobody listens on a few samples."""
    for _ in range(1000):
        first = random.randrange(10000, 32000 - size, 2)
        if any(first < end and begin < first + size for begin, end in handed_out):
            continue
        try:
            for probe in sorted({first, first + min(1, size - 1), first + size // 2, first + size - 1}):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as s:
                        s.bind(("127.0.0.1", probe))
        except OSError:
            continue
        handed_out.append((first, first + size))
        return first
    raise RuntimeError("no free block of ports")


def free_port():
    """A port that is free on UDP and on TCP."""
    return port_block(1)


def run(argv, timeout=60, **kwargs):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, **kwargs)
    assert done.returncode == 0, f"{argv[0]} failed:\n{done.stdout.decode(errors='replace')[-3000:]}"
    return done.stdout
