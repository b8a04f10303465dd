"""How long this machine let nobody run: no peer can be blamed for a gap that long. A process of its own looks at the clock all the time, so that
what the tests themselves compute is not taken for a stall."""
import sys
import time

from .process import Process

METER = """
import time
while True:
    before = time.monotonic()
    time.sleep(0.01)
    late = time.monotonic() - before - 0.01
    if late > 0.02:
        print(f"{before} {late}", flush=True)
"""


class Stalls:
    def __init__(self, folder):
        log = folder / "stalls.log"
        log.unlink(missing_ok=True)
        self.process = Process([sys.executable, "-c", METER], log)
        self.since = time.monotonic()

    def mark(self):
        """What is judged from here on."""
        self.since = time.monotonic()

    def longest_ms(self):
        """Since mark(). Zero on a machine that keeps up: less than 20 ms are not counted."""
        stalls = [tuple(map(float, line.split())) for line in self.process.text().splitlines() if line.count(" ") == 1]
        return max((late * 1000 for at, late in stalls if at + late >= self.since), default=0)

    def allowed(self, limit_ms):
        """The limit for what is judged, with twice the longest stall on top: sender and receiver may both have been caught."""
        return limit_ms + 2 * self.longest_ms()

    def stop(self):
        self.process.stop(3)
