"""Bandwidth by REMB (draft-alvestrand-rmcat-remb-03), for peers without transport-cc, both ways: pion's and a browser's."""
import time

import pytest

from support.media import long_shot, talking_file
from support.pion import PionPhone
from support.process import wait_for
from support.sip import FfmpegPhone

REMB_ONLY = ["a=rtcp-fb:97 goog-remb", "a=rtcp-fb:97 nack pli"]
RECEIVED = """async () => {
  const all = [...(await window.partyline.pcPlay.getStats()).values()];
  const video = all.find(each => each.type === 'inbound-rtp' && each.kind === 'video') ?? {};
  return {width: video.frameWidth ?? 0, frames: video.framesDecoded ?? 0, bytes: video.bytesReceived ?? 0, lost: video.packetsLost ?? 0,
          at: video.timestamp / 1000};
}"""


@pytest.mark.long
def test_what_pion_allows_by_remb_is_not_exceeded(stage, folder):
    # Little work beside the one encode, so that a busy machine has as much to send.
    gateway = stage.gateway({"rooms": {"frames_per_second": 15}})
    stage.keep(FfmpegPhone(gateway, "remb", folder, talking_file("alice", busy=True), user="alice")).call()
    gateway.wait_pictures("remb", 1)
    # Who sends nothing says so: else he would be hung up after thirty seconds, which this takes on a busy machine.
    phone = stage.keep(PionPhone(gateway, "remb", folder, "video", [*REMB_ONLY, "a=recvonly"])).call("-quiet")
    assert "goog-remb" in phone.answer and "transport-cc" not in phone.answer, phone.answer
    wait_for(lambda: phone.rate(3) > 900e3, 20, lambda: f"much to be sent while nothing bounds it; now {phone.rate(3):.0f}")
    unbound = phone.rate(3)
    phone.tell("remb 400000")
    wait_for(lambda: phone.rate(2) < 400e3, 8, lambda: f"no more than 400 kbit/s; now {phone.rate(2):.0f}")
    time.sleep(6)
    bound = phone.rate(5)
    sent = next(leg for leg in gateway.legs("remb") if leg["name"] == "pion")["video"]["sent"]
    print(f"{unbound / 1000:.0f} kbit/s without a limit, {bound / 1000:.0f} with one of 400: {sent}")
    assert 150e3 < bound < 400e3 and sent["width"] <= 640, "used, and not exceeded"
    phone.tell("remb 3000000")
    wait_for(lambda: phone.rate(3) > 900e3, 40, lambda: f"as much as before; now {phone.rate(3):.0f}")


def test_pion_is_told_by_remb_what_its_picture_is_worth(stage, folder):
    gateway = stage.gateway({"recording": {"directory": str(folder)}})
    phone = stage.keep(PionPhone(gateway, "worth", folder, "video", REMB_ONLY)).call("-video", long_shot("alice"))
    assert gateway.api("POST", "/rooms/worth/outputs", {"record": "mkv"})[0] == 201  # who sees it
    gateway.wait_pictures("worth", 1)
    told = lambda: phone.events("remb")[-1]  # noqa: E731
    wait_for(lambda: phone.events("remb"), 10, "a REMB")
    time.sleep(3)
    large = told()
    assert large["ssrcs"] == [int.from_bytes(b"phon", "big")] and 700e3 < large["bits"] < 6e6, large
    for name in ("carol", "dave"):
        stage.phone(name).dial(gateway.sip_uri("worth"))
    gateway.wait_pictures("worth", 3)
    wait_for(lambda: told()["bits"] < 0.6 * large["bits"], 10, lambda: f"less for half of the canvas; now {told()}")
    print(large["bits"], told()["bits"])
    assert told()["bits"] > 150e3, told()


@pytest.mark.long
def test_a_player_without_transport_cc_gets_what_its_path_carries(stage):
    wire = stage.wire()
    gateway = stage.gateway(place=wire.place("gateway"))
    stage.phone("alice", place=wire.place("gateway"), busy=True).dial(gateway.sip_uri("old"))
    gateway.wait_pictures("old", 1)
    far = stage.browser("dave", place=wire.place("people"), trusted=[gateway.url])
    far.open(f"{gateway.url}/?room=old")
    far.watch(f"{gateway.url}/whep/old/mix", ["transport-cc", "transport-wide-cc"])
    assert "transport-cc" not in far.evaluate("() => window.partyline.pcPlay.remoteDescription.sdp")
    assert "goog-remb" in far.evaluate("() => window.partyline.pcPlay.remoteDescription.sdp")
    now = lambda: far.evaluate(RECEIVED)  # noqa: E731
    wait_for(lambda: now()["width"] == 1280, 25, lambda: f"the whole picture; now {now()}")
    time.sleep(5)  # the browser finds out how much there is
    wire.set(rate=500, delay=20)
    wait_for(lambda: 0 < now()["width"] <= 640, 30, lambda: f"a smaller picture; now {now()}")
    time.sleep(5)
    before = now()
    time.sleep(8)
    after = now()
    seconds = after["at"] - before["at"]
    rate = (after["bytes"] - before["bytes"]) * 8 / seconds
    print(f"{rate / 1000:.0f} kbit/s, {(after['frames'] - before['frames']) / seconds:.1f} pictures a second, lost {after['lost'] - before['lost']}")
    assert after["width"] <= 640 and rate < 500e3, (before, after)
    assert (after["frames"] - before["frames"]) / seconds > 5, "it moves"
