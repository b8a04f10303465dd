"""scripts/bench rtp --peer: one impaired link, two listeners. A browser behind it publishes to the gateway's SFU and plays the mix, so
that the same kind of loss and jitter meets our receiver on the way in and Chromium's (libwebrtc) on the way out, in real time.

  concealed   made-up sound, per cent of the time (Chromium: concealedSamples without the silent ones)
  delay       in the playout buffer, mean
  frozen      of the picture, per cent of the time
What they are sent differs a little: the mix goes out by way of an SFU on the same machine, which loses nothing, and so without in-band
FEC; the browser's microphone is a tone, for which its Opus has none to give. Needs root (network namespaces), Chromium and a machine with time to
spare."""
import argparse
import json
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from conftest import Stage  # noqa: E402
from support import media  # noqa: E402

SCENES = {
    "quiet": {"loss": 0, "delay": 25, "jitter": 0},
    "loss_5pc": {"loss": 5, "delay": 25, "jitter": 0},
    "loss_10pc": {"loss": 10, "delay": 25, "jitter": 0},
    "jitter_30ms": {"loss": 0, "delay": 60, "jitter": 30},
    "both": {"loss": 5, "delay": 60, "jitter": 20},
}

CHROMIUM = """async () => {
  const all = [...(await window.partyline.pcPlay.getStats()).values()].filter(each => each.type === 'inbound-rtp');
  const audio = all.find(each => each.kind === 'audio'), video = all.find(each => each.kind === 'video');
  return {concealed: audio.concealedSamples - audio.silentConcealedSamples, samples: audio.totalSamplesReceived,
          waited: audio.jitterBufferDelay, emitted: audio.jitterBufferEmittedCount, frozen: video.totalFreezesDuration};
}"""


def share(part, whole):
    return 100 * part / whole if whole > 0 else 0.0


def of_ours(gateway, room):
    leg = next(each for each in gateway.legs(room) if each["name"] == "carol")
    return {"concealed": leg["concealed_ms"], "frozen": leg["frozen_ms"], "delay": leg["playout_delay_ms"]}


def measure(gateway, carol, wire, scene, seconds):
    wire.set(**scene)
    time.sleep(6)  # to settle
    ours, theirs, began = of_ours(gateway, "peer"), carol.evaluate(CHROMIUM), time.monotonic()
    delays = []
    while time.monotonic() < began + seconds:
        time.sleep(1)
        delays.append(of_ours(gateway, "peer")["delay"])
    then, theirs_then = of_ours(gateway, "peer"), carol.evaluate(CHROMIUM)
    passed = (time.monotonic() - began) * 1000
    grown = {key: theirs_then[key] - theirs[key] for key in theirs}
    return {
        "concealed": ("%", share(then["concealed"] - ours["concealed"], passed), share(grown["concealed"], grown["samples"])),
        "delay": ("ms", sum(delays) / len(delays), 1000 * grown["waited"] / max(grown["emitted"], 1)),
        "frozen": ("%", share(then["frozen"] - ours["frozen"], passed), share(1000 * grown["frozen"], passed)),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    options = parser.parse_args()
    folder = ROOT / "build/e2e/rtp-peer"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("alice", "carol"):
        media.video_file(name), media.y4m_file(name), media.wav_file(name)
    stage, rows = Stage(folder), []
    try:
        wire = stage.wire()
        gateway = stage.gateway(place=wire.place("gateway"))
        stage.phone("alice", place=wire.place("gateway")).dial(gateway.sip_uri("peer"), 25)
        carol = stage.browser("carol", gateway, "peer", place=wire.place("people"))
        gateway.wait_legs("peer", 2)
        print(f"{'case':<14}" + "".join(f"{what:>30}" for what in ("concealed [%]", "delay [ms]", "frozen [%]")))
        print(" " * 14 + f"{'ours':>18}{'Chromium':>12}" * 3)
        for name, scene in SCENES.items():
            if options.only not in name:
                continue
            found = measure(gateway, carol, wire, scene, 8 if options.quick else 25)
            print(f"{name:<14}" + "".join(f"{ours:>18.2f}{theirs:>12.2f}" for _, ours, theirs in found.values()), flush=True)
            for metric, (unit, ours, theirs) in found.items():
                for who, value in (("ours", ours), ("chromium", theirs)):
                    rows.append({"bench": "rtp_peer", "case": name, "metric": f"{metric}_{who}", "value": value, "unit": unit})
    finally:
        stage.exits.close()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
