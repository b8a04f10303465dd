"""Who gets how much picture: simulcast layers that fit their tile. Judged by the sizes that were decoded."""
import time

import pytest

from support import judge
from support.pion import PionPublisher
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
  const video = all.find(each => each.type === 'inbound-rtp' && each.kind === 'video') ?? {};
  return {width: video.frameWidth ?? 0, height: video.frameHeight ?? 0, frames: video.framesDecoded ?? 0,
          lost: video.packetsLost, received: video.packetsReceived, frozen: video.totalFreezesDuration ?? 0};
}"""


@pytest.mark.long
def test_many_tiles_are_pulled_in_the_sizes_they_are_shown_in(stage, folder):
    gateway = stage.gateway({"recording": {"directory": str(folder)}})
    phone = stage.phone("alice", with_video=False).dial(gateway.sip_uri("crowd"))
    assert gateway.api("POST", "/rooms/crowd/outputs", {"record": "mkv"})[0] == 201  # who watches
    for name in ("alice", "bob", "carol", "dave"):
        stage.keep(PionPublisher(folder, name, f"{gateway.url}/whip/crowd/{name}")).start()
    gateway.wait_pictures("crowd", 4)

    def widths():
        return {leg["name"]: leg["width"] for leg in gateway.room("crowd")["legs"] if leg["kind"] == "whep"}
    wait_for(lambda: all(0 < width <= 640 for width in widths().values()), 20, f"no camera to be larger than its tile; now {widths()}")
    small = widths()
    status, still = gateway.request("GET", "/api/v1/rooms/crowd/picture.jpg?width=1280")
    assert status == 200, still
    (folder / "crowd.jpg").write_bytes(still)
    judge.assert_shows(judge.picture(folder / "crowd.jpg"), ["alice", "bob", "carol", "dave"], "the mix")
    carol = next(leg["id"] for leg in gateway.room("crowd")["legs"] if leg["kind"] == "whep" and leg["name"] == "carol")
    assert gateway.api("PATCH", f"/rooms/crowd/legs/{carol}", {"pinned": True})[0] == 200
    assert gateway.api("PATCH", "/rooms/crowd", {"layout": "speaker"})[0] == 200
    wait_for(lambda: widths()["carol"] == 1280, 20, f"who is shown large to be pulled large; now {widths()}")
    wait_for(lambda: all(width <= 320 for name, width in widths().items() if name != "carol"), 20, f"the others to be small; now {widths()}")
    time.sleep(2)
    now = widths()
    print(small, now)
    (folder / "pinned.jpg").write_bytes(gateway.request("GET", "/api/v1/rooms/crowd/picture.jpg?width=1280")[1])
    judge.assert_shows(judge.picture(folder / "pinned.jpg"), ["alice", "bob", "carol", "dave"], "the mix")
    assert all(leg["freezes"] == 0 for leg in gateway.room("crowd")["legs"] if leg["kind"] == "whep"), gateway.room("crowd")


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


def layers_of_the_mix(gateway, room):
    """Which sizes of the mix are being made."""
    return [layer["rid"] for layer in push_of(gateway, room, "mix").get("layers", []) if layer["sent"]]


@pytest.mark.long
def test_two_players_of_the_mix_get_what_their_paths_carry(stage, folder):
    """One push in several sizes, of which only those are made that somebody sees."""
    wire = stage.wire()
    gateway = stage.gateway(place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("gateway"), busy=True).dial(gateway.sip_uri("watch"))
    gateway.wait_pictures("watch", 1)
    near, far = [stage.browser(name, place=wire.place(side), trusted=[gateway.url])
                 for name, side in (("carol", "gateway"), ("dave", "people"))]
    for player in (near, far):
        player.open(f"{gateway.url}/?room=watch")
        player.watch(f"{gateway.url}/whep/watch/mix")

    def widths():
        return [player.evaluate(RECEIVED)["width"] for player in (near, far)]
    wait_for(lambda: widths() == [1280, 1280], 25, f"both players to see all of it; now {widths()}")
    wait_for(lambda: layers_of_the_mix(gateway, "watch") == ["h"], 10, f"one size to be enough: {gateway.room('watch')['pushes']}")
    wire.set(rate=500, delay=20)
    wait_for(lambda: 0 < far.evaluate(RECEIVED)["width"] <= 640, 25,
             f"a smaller picture for who is far away; now {far.evaluate(RECEIVED)}, {gateway.room('watch')['pushes']}")
    time.sleep(3)
    stage.stalls.mark()
    before = near.evaluate(RECEIVED), far.evaluate(RECEIVED)
    seen = far.record(5, folder / "far.webm")
    after = near.evaluate(RECEIVED), far.evaluate(RECEIVED)
    print(before, after, layers_of_the_mix(gateway, "watch"))
    judge.assert_shows(judge.picture(seen, folder / "far.png"), ["alice"], "who is far away")
    assert after[1]["width"] <= 640 and after[1]["frames"] - before[1]["frames"] > 20, f"it moves: {before} {after}"
    frozen = judge.frozen_ms(seen)
    assert frozen < stage.stalls.allowed(1500), f"the smaller picture stands still for {frozen:.0f} ms"
    assert after[0]["width"] == 1280 and after[0]["frames"] - before[0]["frames"] > 50, f"the other keeps the whole one: {before} {after}"
    # The size that a player has just left is made for three seconds more.
    made = wait_for(lambda: (lambda rids: rids if len(rids) <= 2 else None)(layers_of_the_mix(gateway, "watch")), 8, "what nobody sees to end")
    assert made[0] == "h", made
    wire.set(rate=0)
    wait_for(lambda: widths() == [1280, 1280], 60, f"the whole picture again; now {widths()}")
    wait_for(lambda: layers_of_the_mix(gateway, "watch") == ["h"], 15, f"the smaller one to end: {gateway.room('watch')['pushes']}")


@pytest.mark.long
def test_a_phone_on_a_narrow_path_gets_a_smaller_picture_and_others_the_whole_one(stage, folder):
    wire = stage.wire()
    gateway = stage.gateway(place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("gateway"), busy=True).dial(gateway.sip_uri("slow"))
    bob = stage.phone("bob", place=wire.place("people")).dial(gateway.sip_uri("slow"))
    gateway.wait_pictures("slow", 2)
    wire.set(rate=500, delay=20)
    wait_for(lambda: 0 < sent_to(gateway, "slow", "bob")["width"] <= 640, 20, lambda: f"a smaller picture for bob; now {gateway.room('slow')}")
    time.sleep(6)
    lost, switches = wire.lost(), sent_to(gateway, "slow", "bob")["switches"]
    judge.wait_moves(bob, folder / "bob-moves.png")
    image = judge.wait_shows(bob, ["alice", "bob"], folder / "bob.png")
    assert image.shape[1] <= 640, image.shape
    image = judge.wait_shows(alice, ["alice", "bob"], folder / "alice.png")
    assert image.shape[:2] == (720, 1280), "alice, whose path is clean, keeps the whole picture"
    time.sleep(12)
    sent = sent_to(gateway, "slow", "bob")
    print(sent, "lost", wire.lost() - lost)
    assert sent["width"] <= 640 and sent["switches"] - switches <= 2, f"one wrong step up at most: {sent}"
    wire.set(rate=0)
    began = time.monotonic()
    wait_for(lambda: sent_to(gateway, "slow", "bob")["width"] == 1280, 30, lambda: f"the whole picture again; now {sent_to(gateway, 'slow', 'bob')}")
    print(f"the whole picture after {time.monotonic() - began:.1f} s")
    # It is asked for, and comes with its first keyframe.
    wait_for(lambda: judge.picture(bob.snapshot(folder / "bob-again.png")).shape[:2] == (720, 1280), 10, "bob to show the whole picture")
    judge.wait_moves(bob, folder / "bob-moves-again.png")
    judge.wait_shows(bob, ["alice", "bob"], folder / "bob-again.png")
