"""The same room with an SFU written by others in place of the embedded one: nothing changes but two URLs."""
import re
import time

import pytest

from support import judge
from support.pion import PionSfu
from support.process import wait_for

def test_the_same_room_with_an_sfu_written_by_others(stage, folder):
    sfu = stage.keep(PionSfu(folder)).start()
    gateway = stage.gateway({"sfu": sfu.settings()})
    alice = stage.phone("alice").dial(gateway.sip_uri("demo"))
    carol = stage.browser("carol")
    sfu.meet(gateway, carol, "demo")
    judge.assert_meet(alice, carol, folder)

    # The publisher leaves and comes back, as the hooks tell it.
    sfu.hook(gateway, "on_unpublish", "demo", "carol", "c1")
    gateway.wait_legs("demo", 1)
    sfu.hook(gateway, "on_publish", "demo", "carol", "c3")
    gateway.wait_legs("demo", 2)


def test_the_mix_is_pushed_in_several_sizes_to_an_sfu_that_takes_them(stage, folder):
    sfu = stage.keep(PionSfu(folder)).start()
    settings = sfu.settings()
    settings["simulcast"] = "on"
    gateway = stage.gateway({"sfu": settings})
    alice = stage.phone("alice").dial(gateway.sip_uri("sizes"))
    gateway.wait_pictures("sizes", 1)

    def layers():
        return sfu.stats().get("sizes.mix", {}).get("rids", {})
    wait_for(lambda: all(layers().get(rid, 0) > 20 for rid in "hml"), 20, f"packets of all three layers; now {layers()}")
    before = layers()
    time.sleep(3)
    after = layers()
    print(before, after)
    assert all(after[rid] - before[rid] > 30 for rid in "hm") and after["l"] > before["l"], "all go on"
    push = next(push for push in gateway.room("sizes")["pushes"] if push["stream"] == "mix")
    assert [(layer["rid"], layer["sent"]) for layer in push["layers"]] == [("h", True), ("m", True), ("l", True)], push
    widths = [layer["width"] for layer in push["layers"]]
    assert widths[0] == 1280 and widths[1] == 640 and widths[2] < 640, push
    told = [layer["target_bitrate"] for layer in push["layers"]]
    metrics = gateway.request("GET", "/metrics")[1].decode()
    shown = {rid: int(bits) for rid, bits in re.findall(
        r'^partyline_video_target_bits{room="sizes",receiver="mix",rendition="[0-9x@]+",layer="(.)"} (\d+)$', metrics, re.M)}
    print(told, shown)
    assert told[0] > told[1] > told[2] > 0 and shown["h"] > shown["m"] > shown["l"] > 0 and len(shown) == 3, (told, shown)
    # The largest one is a picture that decodes.
    carol = stage.browser("carol")
    carol.open(sfu.url + "/stats")
    carol.watch("/whep/sizes.mix")
    carol.wait("() => document.getElementById('mix').videoWidth === 1280", 20)
    judge.assert_shows(judge.picture(carol.record(3, folder / "carol.webm")), ["alice"], "carol")


def test_the_join_page_works_with_an_sfu_written_by_others(stage, folder):
    """The page posts to the gateway, which passes the offers on; the media goes between the browser and the SFU."""
    sfu = stage.keep(PionSfu(folder)).start()
    gateway = stage.gateway({"sfu": sfu.settings()})
    alice = stage.phone("alice").dial(gateway.sip_uri("demo"))
    carol = stage.browser("carol")
    carol.open(f"{gateway.url}/?room=demo&name=carol")
    carol.wait("() => window.partyline && !document.getElementById('join').disabled")
    carol.click("#join")
    carol.wait("() => window.partyline.pcPublish && window.partyline.pcPublish.connectionState === 'connected'", 20)
    sfu.hook(gateway, "on_publish", "demo", "carol", "c1")
    sfu.hook(gateway, "on_play", "demo", "mix~carol", "c2")
    carol.wait("() => document.getElementById('mix').videoWidth > 0", 30)
    gateway.wait_pictures("demo", 2)
    judge.assert_meet(alice, carol, folder)
    # Leaving is passed on, too: the SFU forgets both sessions. What is left is the gateway's own, of the mix and its pull.
    carol.click("#leave")
    wait_for(lambda: sfu.stats().get("demo.mix~carol", {}).get("players") == 0, 10, "the SFU to let go of the player")


@pytest.mark.long  # waits for the path to be believed wide again
def test_a_narrow_path_to_an_sfu_that_takes_several_sizes_stops_the_largest(stage, folder):
    """All layers are numbered together (transport-cc), so that the path's estimate is split over them."""
    wire = stage.wire()
    sfu = stage.keep(PionSfu(folder, place=wire.place("people"))).start()
    settings = sfu.settings()
    settings["simulcast"] = "on"
    gateway = stage.gateway({"sfu": settings}, place=wire.place("gateway"))
    stage.phone("alice", place=wire.place("gateway"), busy=True).dial(gateway.sip_uri("narrow"))
    gateway.wait_pictures("narrow", 1)
    layers = lambda: sfu.stats().get("narrow.mix", {}).get("rids", {})  # noqa: E731
    sent = lambda: [layer["rid"] for push in gateway.room("narrow")["pushes"] for layer in push.get("layers", []) if layer["sent"]]  # noqa: E731
    wait_for(lambda: all(layers().get(rid, 0) > 20 for rid in "hml"), 20, lambda: f"packets of all three layers; now {layers()}")
    time.sleep(3)
    wire.set(rate=1300, delay=20)
    wait_for(lambda: "h" not in sent(), 15, lambda: f"the largest to stop; now {sent()}")

    def others_go_on():
        lost, before = wire.lost(), layers()
        time.sleep(4)
        after = layers()
        counts = {rid: after[rid] - before[rid] for rid in "hml"}
        print(counts, "lost", wire.lost() - lost, sent())
        # What is left of the largest is padding, which asks the path for more.
        return sent() == ["m", "l"] and counts["h"] < 60 and counts["m"] > 120 and counts["l"] > 60 and wire.lost() - lost < 40
    wait_for(others_go_on, 25, "the others to go on without loss")
    wire.set(rate=0)
    wait_for(lambda: sent() == ["h", "m", "l"], 30, lambda: f"the largest to come back; now {sent()}")
