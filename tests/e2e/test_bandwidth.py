"""Who gets how much picture: simulcast layers that fit their tile. Judged by the sizes that were decoded."""
import time

from support import judge
from support.process import wait_for

LAYERS = """async () => {
  const rows = {};
  for (const row of (await window.partyline.pcPublish.getStats()).values())
    if (row.type === 'outbound-rtp' && row.kind === 'video')
      rows[row.rid ?? ''] = {width: row.frameWidth ?? 0, frames: row.framesSent ?? 0, codec: row.codecId ?? ''};
  return rows;
}"""


def leg_of(gateway, room, kind):
    return next(leg for leg in gateway.room(room)["legs"] if leg["kind"] == kind)


def test_the_mix_pulls_the_layer_that_covers_the_tile(stage, folder):
    gateway = stage.gateway({"rooms": {"frames_per_second": 15}})  # what is left is the browser's, which encodes three sizes
    carol = stage.browser("carol", gateway, "sizes", camera="1280x720")
    gateway.wait_pictures("sizes", 1)

    def sends_all():
        layers = carol.evaluate(LAYERS)
        return all(layers[rid]["frames"] > 30 for rid in "hml") and [layers[rid]["width"] for rid in "hml"] == [1280, 640, 320]
    wait_for(sends_all, 40, lambda: f"all three layers to be sent; now {carol.evaluate(LAYERS)}")

    def width(expected, why):
        try:
            wait_for(lambda: leg_of(gateway, "sizes", "whep")["width"] == expected, 20, f"{expected} pixels {why}")
        except AssertionError as error:
            leg = leg_of(gateway, "sizes", "whep")
            raise AssertionError(f"{error}; it has {leg['width']}, of {carol.evaluate(LAYERS)}; {leg}") from None
    width(1280, "while she has the whole canvas")
    alice = stage.phone("alice", with_video=False).dial(gateway.sip_uri("sizes"))
    gateway.wait_legs("sizes", 2)
    width(640, "beside another tile")
    received = lambda: leg_of(gateway, "sizes", "whep")["video"]["frames_received"]  # noqa: E731
    before = received()
    wait_for(lambda: received() - before > 30, 8, "the picture to go on after the change")
    alice.command("hangup")
    gateway.wait_legs("sizes", 1)
    width(1280, "alone again")


RECEIVED = """async () => {
  const all = [...(await window.partyline.pcPlay.getStats()).values()];
  const video = all.find(each => each.type === 'inbound-rtp' && each.kind === 'video');
  return {width: video.frameWidth ?? 0, height: video.frameHeight ?? 0, frames: video.framesDecoded ?? 0,
          lost: video.packetsLost, received: video.packetsReceived, frozen: video.totalFreezesDuration ?? 0};
}"""


def push_of(gateway, room, stream):
    return next((push for push in gateway.room(room)["pushes"] if push["stream"] == stream), {})


def sent_to(gateway, room, name):
    """The rendition that a phone gets."""
    leg = next((leg for leg in gateway.legs(room) if leg["kind"] == "sip" and name in leg["name"]), {})
    return leg.get("video", {}).get("sent", {"width": 0})


def test_a_browser_on_a_narrow_path_gets_a_smaller_picture_and_others_the_whole_one(stage, folder):
    wire = stage.wire()
    gateway = stage.gateway(place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("gateway"), busy=True).dial(gateway.sip_uri("narrow"))
    carol = stage.browser("carol", gateway, "narrow", place=wire.place("people"))
    gateway.wait_pictures("narrow", 2)
    wire.set(rate=500, delay=20)
    wait_for(lambda: 0 < carol.evaluate(RECEIVED)["width"] <= 640, 15,
             lambda: f"a smaller picture for carol; now {carol.evaluate(RECEIVED)}, {gateway.room('narrow')}")
    time.sleep(4)
    judge.wait_shows(carol, ["alice", "carol"], folder / "carol-before.png")
    stage.stalls.mark()
    before = carol.evaluate(RECEIVED)
    seen = carol.record(5, folder / "carol.webm")
    after = carol.evaluate(RECEIVED)
    print(before, after, push_of(gateway, "narrow", "mix~carol"))
    judge.assert_shows(judge.picture(seen, folder / "carol.png"), ["alice", "carol"], "carol")
    assert after["frames"] - before["frames"] > 40, "the picture moves"
    assert after["width"] <= 640, after
    frozen = judge.frozen_ms(seen)
    assert frozen < stage.stalls.allowed(1500), f"carol's picture stands still for {frozen:.0f} ms"
    image = judge.wait_shows(alice, ["alice", "carol"], folder / "alice.png")
    assert image.shape[:2] == (720, 1280), "alice, whose path is clean, keeps the whole picture"
    assert sent_to(gateway, "narrow", "alice")["width"] == 1280


def test_a_phone_on_a_narrow_path_gets_a_smaller_picture_and_others_the_whole_one(stage, folder):
    wire = stage.wire()
    gateway = stage.gateway(place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("gateway"), busy=True).dial(gateway.sip_uri("slow"))
    bob = stage.phone("bob", place=wire.place("people")).dial(gateway.sip_uri("slow"))
    gateway.wait_pictures("slow", 2)
    wire.set(rate=500, delay=20)
    wait_for(lambda: 0 < sent_to(gateway, "slow", "bob")["width"] <= 640, 20, lambda: f"a smaller picture for bob; now {gateway.room('slow')}")
    time.sleep(6)
    lost = wire.lost()
    first = judge.wait_shows(bob, ["alice", "bob"], folder / "bob-1.png")
    time.sleep(3)
    second = judge.wait_shows(bob, ["alice", "bob"], folder / "bob-2.png")
    print(sent_to(gateway, "slow", "bob"), "lost", wire.lost() - lost)
    assert second.shape[1] <= 640, second.shape
    assert first.shape != second.shape or abs(first.astype(int) - second).max() > 60, "the picture moves"
    image = judge.wait_shows(alice, ["alice", "bob"], folder / "alice.png")
    assert image.shape[:2] == (720, 1280), "alice, whose path is clean, keeps the whole picture"
