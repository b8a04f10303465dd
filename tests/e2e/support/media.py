"""Test media: every party has a tone and a colour of its own. Made once a run, by ffmpeg."""
import pathlib

from .process import ROOT, run

FOLDER = ROOT / "build/e2e/media"

# name: tone in Hz, colour. Tones are no harmonics of each other and lie within a telephone's band.
PARTIES = {
    "alice": (440, "red"),
    "bob": (1000, "green"),
    "carol": (1550, "blue"),
    "dave": (2300, "yellow"),
}
RGB = {"red": (220, 30, 30), "green": (20, 160, 40), "blue": (30, 50, 220), "yellow": (220, 210, 30)}


def _make(path, *arguments):
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = path.with_name("part-" + path.name)
        run(["ffmpeg", "-v", "error", "-y", *arguments, part], timeout=300)
        part.rename(path)
    return path


def _picture(name, size, busy=False):
    r, g, b = RGB[PARTIES[name][1]]
    # A small box that moves with every frame, so that a frozen picture can be told from a live one.
    return (f"color=c=0x{r:02x}{g:02x}{b:02x}:s={size}:r=25[back];color=c=white:s=40x24:r=25[box];"
            "[back][box]overlay=x='mod(n*16,240)':y=8:eval=frame" + (",noise=c0s=24:c0f=t" if busy else ""))


def video_file(name, size="640x360", busy=False):
    """H.264 in MP4 without audio (Debian's baresip crashes on files with both), longer than any test: baresip stops at its end."""
    # Busy: noise all over it, which costs an encoder all the bits that it is given.
    return _make(FOLDER / f"{name}-{size}{'-busy' * busy}.mp4", "-f", "lavfi", "-i", _picture(name, size, busy), "-t", "120", "-an", "-c:v", "libx264", "-preset", "ultrafast",
                 "-profile:v", "baseline", "-g", "25", "-pix_fmt", "yuv420p")


def layer_file(name, size):
    """Two seconds of bare H.264 (Annex B), a picture a slice, to be played in a loop."""
    return _make(FOLDER / f"{name}-{size}.h264", "-f", "lavfi", "-i", _picture(name, size), "-t", "2", "-an", "-c:v", "libx264", "-preset", "ultrafast",
                 "-profile:v", "baseline", "-g", "25", "-bf", "0", "-threads", "1", "-x264-params", "slices=1", "-pix_fmt", "yuv420p")


def long_shot(name, size="640x360"):
    """As above, but a minute without a keyframe after the first."""
    return _make(FOLDER / f"{name}-{size}-long.h264", "-f", "lavfi", "-i", _picture(name, size), "-t", "60", "-an", "-c:v", "libx264", "-preset", "ultrafast",
                 "-profile:v", "baseline", "-g", "9999", "-sc_threshold", "0", "-bf", "0", "-threads", "1", "-x264-params", "slices=1", "-pix_fmt", "yuv420p")


def y4m_file(name, size="640x360"):
    return _make(FOLDER / f"{name}-{size}.y4m", "-f", "lavfi", "-i", _picture(name, size), "-t", "2", "-pix_fmt", "yuv420p")


def wav_file(name):
    tone = PARTIES[name][0]
    return _make(FOLDER / f"{name}.wav", "-f", "lavfi", "-i", f"sine=frequency={tone}:sample_rate=48000", "-t", "10",
                 "-ac", "1", "-c:a", "pcm_s16le")


def talking_file(name, busy=False):
    """A party's picture and tone in one MP4 (H.264 + AAC), longer than any test: ffmpeg's loop loses the picture. `busy`: noise all over it, at 1.5 Mbit/s."""
    return _make(FOLDER / f"{name}-talking{'-busy' * busy}.mp4", "-f", "lavfi", "-i", _picture(name, "640x360", busy), "-stream_loop", "-1", "-i", wav_file(name),
                 "-map", "0:v", "-map", "1:a", "-t", "150", "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-g", "25", "-pix_fmt", "yuv420p",
                 *(["-b:v", "1500k", "-maxrate", "1500k", "-bufsize", "500k"] if busy else []), "-c:a", "aac", "-b:a", "96k")


def stereo_file(left, right):
    """The tone of one party in the left channel, that of another in the right one."""
    return _make(FOLDER / f"{left}-{right}.wav", "-f", "lavfi", "-i", f"sine=frequency={PARTIES[left][0]}:sample_rate=48000", "-f", "lavfi", "-i",
                 f"sine=frequency={PARTIES[right][0]}:sample_rate=48000", "-filter_complex", "amerge", "-t", "90", "-c:a", "pcm_s16le")


def flash_and_beep():
    """MP4 (H.264 + AAC) in which, once a second and for 100 ms, the picture is white and 1000 Hz sounds; both begin at the same
    instant. 30 fps."""
    return _make(FOLDER / "flash-beep.mp4", "-f", "lavfi", "-i",
                 "color=c=black:s=640x360:r=30,drawbox=x=0:y=0:w=640:h=360:color=white:t=fill:enable='lt(mod(t,1),0.1)'",
                 "-f", "lavfi", "-i", "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)':s=48000",
                 "-t", "30", "-c:v", "libx264", "-profile:v", "baseline", "-bf", "0", "-g", "30", "-pix_fmt", "yuv420p",
                 "-c:a", "aac", "-b:a", "96k")
