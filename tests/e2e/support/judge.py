"""Eyes and ears: tones by frequency, tiles by colour, gaps, and whether flash meets beep."""
import json
import pathlib
import subprocess
import tempfile

import numpy

from .media import PARTIES, RGB
from .process import run, wait_for

RATE = 16000


def sound(path, seconds_from_start=0.0, channel=None):
    """The audio of any file as floats at 16 kHz: its channels' mean, or one of them."""
    one = ["-ac", "1"] if channel is None else ["-af", f"pan=mono|c0=c{channel}"]
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-vn", *one, "-ar", str(RATE), "-f", "f32le", "-"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60).stdout
    samples = numpy.frombuffer(raw, dtype=numpy.float32)
    return samples[int(seconds_from_start * RATE):]


def tone_level(samples, frequency):
    """dBFS of the tone: the largest FFT bin within 15 Hz, over the whole piece."""
    if len(samples) < RATE // 4:
        return -120.0
    window = numpy.hanning(len(samples))
    spectrum = numpy.abs(numpy.fft.rfft(samples * window)) / (window.sum() / 2)
    bins = numpy.fft.rfftfreq(len(samples), 1 / RATE)
    near = spectrum[(bins > frequency - 15) & (bins < frequency + 15)]
    return float(20 * numpy.log10(max(near.max(), 1e-6)))


def tones(samples):
    """name → dBFS of its tone."""
    return {name: round(tone_level(samples, tone), 1) for name, (tone, _) in PARTIES.items()}


PRESENT, ABSENT = -42.0, -55.0  # dBFS; a party's own tone leaves at about -18


def chimes(samples):
    """"join" and "leave", as they are heard: two notes of 120 ms, the low one first or last."""
    heard, size = [], RATE * 60 // 1000
    for start in range(0, len(samples) - size, size // 2):
        piece = samples[start:start + size] * numpy.hanning(size)
        low, high = (abs((piece * numpy.exp(-2j * numpy.pi * hz * numpy.arange(size) / RATE)).sum()) / (size / 4) for hz in (587.33, 880))
        note = "" if max(low, high) < 0.03 else "low" if low > high else "high"
        if not heard or heard[-1] != note:
            heard.append(note)
    pairs = [pair for pair in zip(heard, heard[1:]) if "" not in pair]
    return ["join" if pair[0] == "low" else "leave" for pair in pairs]


def assert_hears(samples, present, absent, who):
    heard = tones(samples)
    for name in present:
        assert heard[name] > PRESENT, f"{who} does not hear {name}: {heard}"
    for name in absent:
        assert heard[name] < ABSENT, f"{who} hears {name} and should not: {heard}"
    return heard


def wait_hears(phone, present, absent, seconds=15):
    """Until the last second that the phone heard holds all of `present` and nothing of `absent`."""
    def hears():
        assert_hears(sound(phone.received())[-RATE:], present, absent, phone.name)
        return True
    wait_for(hears, seconds, f"{phone.name} to hear {present} and not {absent}", every=0.7)


def wait_moves(phone, path, seconds=10):
    """Until the picture that a phone shows differs by more than noise from the one it shows now. The test pictures' box comes back to
    its place twice a second: a single look may find it there."""
    before = picture(phone.snapshot(path))

    def moved():
        now = picture(phone.snapshot(path))
        return now.shape != before.shape or abs(now.astype(int) - before).max() > 60
    wait_for(moved, seconds, f"{phone.name}'s picture to move")


def wait_shows(peer, present, png, absent=(), seconds=20):
    """Until a phone or browser shows the tiles of all of `present` and none of `absent`; returns its picture."""
    def shows():
        image = picture(peer.snapshot(png))
        assert_shows(image, present, peer.name, absent)
        return [image]
    return wait_for(shows, seconds, f"{peer.name} to see {present}", every=0.5)[0]


def wait_full_screen(peer, name, others, png):
    """Until a peer sees that party and nothing else."""
    def alone():
        tiles = assert_shows(picture(peer.snapshot(png)), [name], peer.name, others)
        return tiles[name][4] > 0.9
    wait_for(alone, 20, f"{peer.name} to see {name} and nothing else", every=0.5)


def assert_meet(phone, browser, folder, mark=None):
    """Both see both, and hear each other and not themselves. First when that has come about, then for four seconds; returns the recording of
    what the browser got in them."""
    both = [phone.name, browser.name]
    wait_shows(phone, both, folder / f"{phone.name}.png")
    wait_shows(browser, both, folder / f"{browser.name}-before.png")
    wait_hears(phone, [browser.name], [phone.name])
    if mark:
        mark()
    seen = browser.record(4, folder / f"{browser.name}.webm")
    assert_shows(picture(seen, folder / f"{browser.name}.png"), both, browser.name)
    assert_hears(sound(seen, 1), [phone.name], [browser.name], browser.name)
    wait_hears(phone, [browser.name], [phone.name])
    wait_shows(phone, both, folder / f"{phone.name}.png")
    return seen


def audio_gaps(samples, frequency, floor_db=-50.0):
    """The longest time in ms in which the tone is missing, in steps of 10 ms (windows of 20 ms)."""
    step, size = RATE // 100, RATE // 50
    t = numpy.arange(size) / RATE
    probe = numpy.exp(-2j * numpy.pi * frequency * t) * numpy.hanning(size)
    longest = now = 0
    for start in range(0, len(samples) - size, step):
        level = 20 * numpy.log10(max(abs((samples[start:start + size] * probe).sum()) / (size / 4), 1e-9))
        now = 0 if level > floor_db else now + 10
        longest = max(longest, now)
    return longest


def picture(path, png=None):
    """The last frame of any file as an array of RGB."""
    with tempfile.TemporaryDirectory() as folder:
        # One file, overwritten by each frame: a whole recording would not fit into memory. Never -vsync cfr: WebM counts in ms.
        last = pathlib.Path(folder) / "last.ppm"
        run(["ffmpeg", "-v", "error", "-i", path, "-an", "-vsync", "0", "-pix_fmt", "rgb24", "-update", "1", last])
        assert last.exists(), f"{path} holds no picture"
        magic, size, depth, raw = last.read_bytes().split(b"\n", 3)
        assert (magic, depth) == (b"P6", b"255")
    width, height = map(int, size.split())
    image = numpy.frombuffer(raw, dtype=numpy.uint8).reshape(height, width, 3)
    if png:
        save_png(image, png)
    return image


def save_png(image, path):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    height, width, _ = image.shape
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-i", "-",
                    str(path)], input=image.tobytes(), check=True, timeout=30)


def tile_of(image, name):
    """(x, y, width, height, share of the canvas) of the party's colour, or None."""
    wanted = numpy.array(RGB[PARTIES[name][1]], dtype=float)
    mask = numpy.abs(image.astype(float) - wanted).max(axis=2) < 48
    share = float(mask.mean())
    if share < 0.01:
        return None
    # Rows and columns that are mostly of the colour: stray pixels do not stretch the box.
    columns = numpy.where(mask.sum(axis=0) > mask.sum(axis=0).max() * 0.5)[0]
    rows = numpy.where(mask.sum(axis=1) > mask.sum(axis=1).max() * 0.5)[0]
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1), share


def assert_shows(image, present, who, absent=()):
    tiles = {name: tile_of(image, name) for name in PARTIES}
    for name in present:
        assert tiles[name], f"{who} does not see {name}: {tiles}"
        x, y, width, height, share = tiles[name]
        assert 1.5 < width / height < 2.1, f"{name}'s picture is stretched: {tiles[name]}"
    for name in absent:
        assert not tiles[name], f"{who} sees {name} and should not: {tiles}"
    boxes = [tiles[name] for name in present]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1:]:
            apart = a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]
            assert apart, f"{who} sees tiles that overlap: {tiles}"
    return tiles


def is_crossed_out(image, name):
    """Whether the label of the party's tile has the red microphone, in the tile's lower left corner (not for a party that is red itself)."""
    tile = tile_of(image, name)
    assert tile, f"{name} is not to be seen"
    x, y, width, height, _ = tile
    red, green, blue = (image[y + height * 3 // 4:y + height, x:x + width // 3, i].astype(int) for i in range(3))
    return int(((red > 140) & (red - green > 60) & (red - blue > 60)).sum()) > 12


def wait_crossed_out(peer, name, wanted, png, seconds=10):
    """Until a phone or browser shows the party's tile with the crossed-out microphone, or without."""
    def right():
        return is_crossed_out(picture(peer.snapshot(png)), name) == wanted
    wait_for(right, seconds, f"{peer.name} to see {name} {'' if wanted else 'not '}crossed out", every=0.3)


def packets(path, kind):
    """Presentation times in seconds of all packets of the first audio ("a") or video ("v") stream."""
    out = json.loads(run(["ffprobe", "-v", "error", "-select_streams", kind, "-show_entries", "packet=pts_time", "-of",
                          "json", path]))
    return sorted(float(p["pts_time"]) for p in out["packets"] if "pts_time" in p)


def longest_step_ms(times):
    return max((b - a for a, b in zip(times, times[1:])), default=0) * 1000


def frozen_ms(path, region=None):
    """The longest time in ms in which the decoded picture did not change (region: x, y, w, h)."""
    crop = [] if region is None else [f"crop={region[2]}:{region[3]}:{region[0]}:{region[1]}"]
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-an", "-vf", ",".join(crop + ["scale=160:90", "format=gray"]), "-vsync", "0",
                          "-f", "rawvideo", "-"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120).stdout
    frames = numpy.frombuffer(raw, dtype=numpy.uint8).reshape(-1, 90, 160).astype(int)
    times = packets(path, "v")
    longest, since = 0.0, times[0]
    for i in range(1, min(len(frames), len(times))):
        if numpy.abs(frames[i] - frames[i - 1]).max() > 12:
            longest, since = max(longest, times[i] - since), times[i]
    return max(longest, times[min(len(frames), len(times)) - 1] - since) * 1000


def flash_beep_offsets(path):
    """Milliseconds by which each beep's begin is later than its flash's, in a recording of flash_and_beep()."""
    probe = json.loads(run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,start_time", "-of", "json", path]))
    start = {s["codec_type"]: float(s["start_time"]) for s in probe["streams"]}
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-an", "-vf", "crop=iw/4:ih/4,scale=16:9,format=gray", "-vsync", "0",
                          "-f", "rawvideo", "-"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60).stdout
    brightness = numpy.frombuffer(raw, dtype=numpy.uint8).reshape(-1, 144).mean(axis=1)
    times = packets(path, "v")
    bright = brightness > 128
    flashes = [times[i] for i in range(1, min(len(bright), len(times))) if bright[i] and not bright[i - 1]]
    samples = sound(path)
    step = RATE // 200  # 5 ms
    power = numpy.array([numpy.abs(samples[i:i + step]).max() for i in range(0, len(samples) - step, step)])
    loud = power > 0.04
    beeps = []
    for i in range(4, len(loud)):
        if loud[i] and not loud[max(0, i - 40):i].any():
            beeps.append(start["audio"] + i * 0.005)
    offsets = []
    for flash in flashes:
        nearest = min(beeps, key=lambda beep: abs(beep - flash), default=None)
        if nearest is not None and abs(nearest - flash) < 0.4:
            offsets.append((nearest - flash) * 1000)
    return offsets
