"""The main journey: two SIP phones and a browser in one room, and the room live over RTMP. Judged by content: tones by frequency,
pictures by colour."""
import json
import time

from support import judge, media
from support.media import PARTIES
from support.process import run, wait_for
from support.sip import Phone
from test_calls import PCMU


def test_phones_browser_and_broadcast_share_one_room(stage, folder):
    gateway = stage.gateway()
    rtmp = stage.rtmp()
    alice = stage.phone("alice", audio="opus/48000/2").dial(gateway.sip_uri("demo"))
    bob = stage.phone("bob", audio="PCMU/8000/1", video="h264").dial(gateway.sip_uri("demo"))
    carol = stage.browser("carol", gateway, "demo")
    status, output = gateway.api("POST", "/rooms/demo/outputs", {"url": rtmp.url("show")})
    assert status == 201, output
    gateway.wait_legs("demo", 3)
    wait_for(lambda: gateway.room("demo")["outputs"][0]["state"] == "live", 15, "the output to be live")
    gateway.wait_pictures("demo", 3)
    everybody = ["alice", "bob", "carol"]
    for peer in (alice, bob, carol):
        judge.wait_shows(peer, everybody, folder / f"{peer.name}-before.png")
    judge.wait_hears(alice, ["bob", "carol"], ["alice"])
    judge.wait_hears(bob, ["alice", "carol"], ["bob"])

    seen = rtmp.record("show", 6, folder / "broadcast.flv")
    browser = carol.record(5, folder / "carol.webm")
    for phone in (alice, bob):
        judge.wait_shows(phone, everybody, folder / f"{phone.name}.png")
    carol.screenshot(folder / "page.png")
    (folder / "room.json").write_text(json.dumps(gateway.room("demo"), indent=1))
    # What was heard while the room was complete: the phones' last seconds.
    heard = {name: judge.sound(phone.received())[-4 * judge.RATE:] for name, phone in (("alice", alice), ("bob", bob))}

    judge.assert_shows(judge.picture(seen, folder / "broadcast.png"), everybody, "the broadcast")
    judge.assert_shows(judge.picture(browser, folder / "carol.png"), everybody, "carol")

    judge.assert_hears(judge.sound(seen, 1), everybody, ["dave"], "the broadcast")
    judge.assert_hears(judge.sound(browser, 1), ["alice", "bob"], ["carol"], "carol")
    judge.assert_hears(heard["alice"], ["bob", "carol"], ["alice"], "alice")
    judge.assert_hears(heard["bob"], ["alice", "carol"], ["bob"], "bob")

    streams = json.loads(run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", seen]))["streams"]
    codecs = {s["codec_type"]: s for s in streams}
    assert codecs["video"]["codec_name"] == "h264" and codecs["audio"]["codec_name"] == "aac"
    assert (codecs["video"]["width"], codecs["video"]["height"]) == (1280, 720)
    assert codecs["video"]["has_b_frames"] == 0

    def one_encode_a_rendition():
        room = gateway.room("demo")
        # A receiver that could not keep up gets a smaller one.
        widths = {push.get("video", {}).get("width") for push in room["pushes"]} | {leg.get("video", {}).get("sent", {}).get("width") for leg in room["legs"]}
        return room["mixer"]["video_encoders"] <= 1 + len(widths - {None})
    wait_for(one_encode_a_rendition, 10, lambda: f"one encode a rendition, not one a receiver: {gateway.room('demo')}")


def test_a_room_of_browsers_only_is_mixed_only_while_somebody_plays_the_mix(stage):
    gateway = stage.gateway()
    browser = stage.browser("carol", gateway, "lounge")
    assert gateway.room("lounge")["mixing"], "the join page plays its personal mix"
    browser.click("#leave")
    wait_for(lambda: (gateway.room("lounge") or {"mixing": False})["mixing"] is False, 10, "mixing to stop")


def test_an_audio_only_phone_costs_no_video(stage, folder):
    gateway = stage.gateway({"rooms": {"push_mix": False}})
    alice = stage.phone("alice", audio="G722/16000/1", with_video=False).dial(gateway.sip_uri("talk"))
    dave = stage.phone("dave", audio="PCMA/8000/1", with_video=False).dial(gateway.sip_uri("talk"))
    gateway.wait_legs("talk", 2)
    judge.wait_hears(alice, ["dave"], ["alice"])
    judge.wait_hears(dave, ["alice"], ["dave"])
    mixer = gateway.room("talk")["mixer"]
    assert mixer["video_encoders"] == 0 and mixer["video_outputs"] == 0
    figures = [gateway.figure(f"partyline_room_audio_{what}", "talk") for what in ("encoders", "outputs")]
    assert figures == [2, 2], "each hears the other, in his own codec"


def test_a_vp8_phone_and_an_h264_phone_see_each_other(stage, folder):
    gateway = stage.gateway()
    alice = stage.phone("alice", video="vp8").dial(gateway.sip_uri("both"))
    bob = stage.phone("bob", video="h264").dial(gateway.sip_uri("both"))
    gateway.wait_legs("both", 2)
    for phone in (alice, bob):
        judge.wait_shows(phone, ["alice", "bob"], folder / f"{phone.name}.png")


def test_a_vp8_browser_and_an_h264_phone_see_each_other(stage, folder):
    gateway = stage.gateway()
    alice = stage.phone("alice", video="h264").dial(gateway.sip_uri("both"))
    carol = stage.browser("carol")
    carol.open(gateway.url + "/healthz")
    carol.publish("/whip/both/carol", "/whep/both/mix~carol", "video/VP8")
    carol.evaluate("() => window.playMix()")
    carol.wait("() => document.getElementById('mix').videoWidth > 0", 20)
    legs = gateway.wait_legs("both", 2)
    gateway.wait_pictures("both", 2)
    assert {leg["name"]: leg["video"]["codec"] for leg in legs} == {"alice": "H264", "carol": "VP8"}
    judge.assert_meet(alice, carol, folder)


def test_what_was_done_to_a_stream_holds_when_the_room_is_mixed_again(stage):
    gateway = stage.gateway({"rooms": {"push_mix": False}})
    carol = stage.browser("carol")
    carol.open(gateway.url + "/healthz")
    carol.publish("/whip/talk/carol", "/whep/talk/mix~carol", "video/VP8")
    wishes = {"muted": True, "gain_db": -6, "pinned": True}
    ids = set()
    for call in range(2):
        phone = Phone(gateway, "talk")
        assert phone.invite(PCMU.format(port=40000)).status == 200
        leg = next(leg for leg in gateway.wait_legs("talk", 2) if leg["name"] == "carol")
        ids.add(leg["id"])
        if call == 0:
            assert gateway.api("PATCH", f"/rooms/talk/legs/{leg['id']}", wishes)[0] == 200
        else:
            assert {key: leg[key] for key in wishes} == wishes, leg
        assert phone.bye().status == 200
        wait_for(lambda: not gateway.room("talk")["mixing"], 10, "the mixing to end")
    assert len(ids) == 2, "the second leg is another one"


def test_a_room_is_recorded_and_photographed(stage, folder):
    """The recording is whole although the gateway dies without a farewell."""
    gateway = stage.gateway({"recording": {"directory": str(folder)}})
    status, problem = gateway.api("GET", "/rooms/demo/picture.jpg")
    assert status == 404, problem
    alice = stage.phone("alice").dial(gateway.sip_uri("demo"))
    bob = stage.phone("bob", audio="PCMU/8000/1", video="h264").dial(gateway.sip_uri("demo"))
    gateway.wait_pictures("demo", 2)
    outputs = {}
    for kind in ("mkv", "mp4"):
        status, outputs[kind] = gateway.api("POST", "/rooms/demo/outputs", {"record": kind})
        assert status == 201, outputs[kind]
    assert gateway.api("POST", "/rooms/demo/outputs", {"url": "file:../out.mkv"})[0] == 403
    wait_for(lambda: [o["state"] for o in gateway.room("demo")["outputs"]] == ["live", "live"], 15, "both to be written")

    def still_shows_both():
        status, jpeg = gateway.request("GET", "/api/v1/rooms/demo/picture.jpg?width=640")
        assert status == 200 and jpeg[:2] == b"\xff\xd8", jpeg[:200]
        (folder / "still.jpg").write_bytes(jpeg)
        picture = judge.picture(folder / "still.jpg")
        assert picture.shape[:2] == (360, 640)
        return judge.assert_shows(picture, ["alice", "bob"], "the still")
    wait_for(still_shows_both, 15, "the still to show both", every=0.3)
    time.sleep(6)
    assert gateway.request("GET", "/api/v1/rooms/demo/picture.jpg?width=9")[0] == 400

    gateway.process.kill()
    for kind, output in outputs.items():
        file = folder / output["url"].removeprefix("file:").rpartition("/")[2]
        assert file.suffix == "." + kind and file.name.startswith("demo-2"), file
        judge.assert_shows(judge.picture(file, folder / f"{kind}.png"), ["alice", "bob"], kind)
        judge.assert_hears(judge.sound(file, 1), ["alice", "bob"], ["carol"], kind)
    assert alice.process.running and bob.process.running


def test_each_leg_is_recorded_as_it_came(stage, folder):
    """A phone and a browser beside the mix, each in a file of its own; the one that left is whole, the others survive a kill."""
    gateway = stage.gateway({"recording": {"directory": str(folder)}})
    bob = stage.phone("bob", audio="PCMU/8000/1", video="h264").dial(gateway.sip_uri("demo"))
    gateway.wait_pictures("demo", 1)
    bob_leg = gateway.legs("demo")[0]["id"]
    assert gateway.api("POST", "/rooms/demo/outputs", {"record": "mp4", "leg": bob_leg})[0] == 422
    assert gateway.api("POST", "/rooms/demo/outputs", {"record": "mkv", "leg": "sip-99"})[0] == 404
    assert gateway.api("POST", "/rooms/nobody/outputs", {"record": "mkv", "leg": bob_leg})[0] == 404
    status, mix = gateway.api("POST", "/rooms/demo/outputs", {"record": "mkv", "each_leg": True})
    assert status == 201 and "leg" not in mix, mix
    assert gateway.api("POST", "/rooms/demo/outputs", {"record": "mkv", "leg": bob_leg})[0] == 409
    # Who comes later is recorded, too; and who leaves has a file that is whole.
    dave = stage.phone("dave", audio="G722/16000/1", with_video=False).dial(gateway.sip_uri("demo"))
    carol = stage.browser("carol", gateway, "demo")
    gateway.wait_pictures("demo", 2)
    legs = {leg["name"]: leg["id"] for leg in gateway.wait_legs("demo", 3)}

    def live():
        outputs = {o.get("leg", "mix"): o for o in gateway.room("demo")["outputs"]}
        return outputs if {"mix", *legs.values()} == {leg for leg, o in outputs.items() if o["state"] == "live"} else None
    outputs = wait_for(live, 15, "all to be written")
    files = {name: folder / outputs[leg]["url"].rpartition("/")[2] for name, leg in [*legs.items(), ("mix", "mix")]}
    assert files["bob"].name.startswith("demo-2") and files["bob"].name.endswith(f"-{bob_leg}.mkv"), files
    time.sleep(5)
    dave.stop()
    wait_for(lambda: len(gateway.room("demo")["outputs"]) == 3, 5, "dave's recording to end with his call")
    time.sleep(1)
    gateway.process.kill()

    expected = {"bob": ("pcm_mulaw", "h264"), "carol": ("opus", "h264"), "dave": ("adpcm_g722", None), "mix": ("aac", "h264")}
    for name, codecs in expected.items():
        probe = json.loads(run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", files[name]]))["streams"]
        found = {s["codec_type"]: s["codec_name"] for s in probe}
        assert (found.get("audio"), found.get("video")) == codecs, (name, found)
    for name in ("bob", "carol", "dave"):
        others = [other for other in ("alice", "bob", "carol", "dave") if other != name]
        heard = judge.sound(files[name], 1)
        assert len(heard) > 4 * judge.RATE, f"{name}'s file holds {len(heard) / judge.RATE} s"
        judge.assert_hears(heard, [name], others, f"{name}'s file")
        gap = judge.audio_gaps(heard, judge.PARTIES[name][0])
        assert gap < 100, f"{name}'s voice is away for {gap} ms"
        for kind in "av":
            times = judge.packets(files[name], kind)
            assert kind == "v" and name == "dave" or len(times) > 100, (name, kind, len(times))
        if name != "dave":
            judge.assert_shows(judge.picture(files[name], folder / f"{name}.png"), [name], f"{name}'s file", others)
            assert judge.frozen_ms(files[name]) < 1000


def test_a_recorded_leg_ends_its_file_by_the_api_or_with_its_mix(stage, folder):
    gateway = stage.gateway({"recording": {"directory": str(folder)}})
    stage.phone("alice", with_video=False).dial(gateway.sip_uri("demo"))
    leg = gateway.wait_legs("demo", 1)[0]["id"]
    status, output = gateway.api("POST", "/rooms/demo/outputs", {"record": "mkv", "leg": leg})
    assert status == 201 and output["leg"] == leg, output
    mixed = gateway.room("demo")["mixer"]["video_encoders"]
    wait_for(lambda: gateway.room("demo")["outputs"][0]["state"] == "live", 8, "the file to be written")
    assert gateway.room("demo")["mixer"]["video_encoders"] == mixed, "a leg is recorded without another encode"
    assert gateway.api("DELETE", f"/rooms/demo/outputs/{output['id']}")[0] == 204
    assert gateway.room("demo")["outputs"] == []
    file = folder / output["url"].rpartition("/")[2]
    log = f"output={output['id']} file:{file} is stopped"
    wait_for(lambda: log in gateway.process.text(), 5, "its end")
    judge.assert_hears(judge.sound(file), ["alice"], ["bob"], "the file")


def test_a_music_room_keeps_left_and_right_apart(stage, folder):
    """One phone plays one tone on the left and another on the right; dave's voice is in the middle of both."""
    gateway = stage.gateway({"rooms": {"stereo": ["music*"], "push_mix": False, "audio_kbps": 128}, "recording": {"directory": str(folder)},
                             "audio": {"common_loudness": False, "comfort_noise_dbov": -127}})
    stage.phone("alice", with_video=False, source=f"aufile,{media.stereo_file('alice', 'bob')}").dial(gateway.sip_uri("music-1"))
    bob = stage.phone("bob", with_video=False, source=f"aufile,{media.stereo_file('carol', 'carol')}").dial(gateway.sip_uri("music-1"))
    dave = stage.phone("dave", audio="PCMU/8000/1", with_video=False).dial(gateway.sip_uri("music-1"))
    gateway.wait_legs("music-1", 3)
    assert gateway.room("music-1")["stereo"]
    status, output = gateway.api("POST", "/rooms/music-1/outputs", {"record": "mkv"})
    assert status == 201, output
    time.sleep(6)
    heard = [judge.sound(bob.received(), channel=channel)[-2 * judge.RATE:] for channel in (0, 1)]
    narrow = judge.sound(dave.received())[-2 * judge.RATE:]
    assert gateway.api("DELETE", f"/rooms/music-1/outputs/{output['id']}")[0] == 204
    file = folder / output["url"].rpartition("/")[2]
    wait_for(lambda: f"{file} is stopped" in gateway.process.text(), 5, "the recording to end")

    judge.assert_hears(heard[0], ["alice", "dave"], ["bob", "carol"], "bob's left ear")
    judge.assert_hears(heard[1], ["bob", "dave"], ["alice", "carol"], "bob's right ear")
    judge.assert_hears(narrow, ["alice", "bob", "carol"], ["dave"], "dave")
    judge.assert_hears(judge.sound(file, 1, channel=0), ["alice", "carol", "dave"], ["bob"], "the recording's left channel")
    judge.assert_hears(judge.sound(file, 1, channel=1), ["bob", "carol", "dave"], ["alice"], "the recording's right channel")


def test_a_browser_plays_music_in_stereo_and_shows_its_screen(stage, folder):
    """Chromium's own test screen is dark green, with a pie in it."""
    gateway = stage.gateway({"rooms": {"stereo": ["music*"]}, "audio": {"tones": "join_and_leave"}})
    dave = stage.phone("dave").dial(gateway.sip_uri("music-1"))
    carol = stage.browser("carol", sound=media.stereo_file("alice", "bob"))
    carol.open(f"{gateway.url}/?room=music-1&name=carol")
    carol.click("#music")
    begins = len(judge.sound(dave.received()))
    carol.join()

    def heard():
        for channel, (here, there) in enumerate([("alice", "bob"), ("bob", "alice")]):
            judge.assert_hears(judge.sound(dave.received(), channel=channel)[-judge.RATE:], [here], [there], f"dave's channel {channel}")
        return True
    wait_for(heard, 15, "dave to hear left and right apart", every=0.7)
    alone = judge.sound(dave.received())
    assert judge.chimes(alone[begins:]) == ["join"]
    side_by_side = judge.assert_shows(judge.wait_shows(dave, ["carol", "dave"], folder / "before.png"), ["carol"], "dave")

    def presented():
        image = judge.picture(dave.snapshot(folder / "screen.png"))
        height, width, _ = image.shape
        red, green, blue = (int(value) for value in image[height // 3, width // 5])
        return [image] if red < 40 and 100 < green < 160 and blue < 40 else []
    carol.click("#screen")
    image, = wait_for(presented, 15, "the screen to be large in dave's picture")
    beside = judge.assert_shows(image, ["carol", "dave"], "dave beside the screen")
    assert beside["carol"][2] < side_by_side["carol"][2] / 2, (beside, side_by_side)
    carol.click("#screen")
    wait_for(lambda: not presented(), 15, "the screen to go")
    judge.wait_shows(dave, ["carol", "dave"], folder / "after.png")
    wait_for(lambda: len(gateway.legs("music-1")) == 2, 10, "the screen's stream to leave the room")

    # What a screen plays is for the others; Chromium's test screen plays nothing.
    carol.publish_tone("/whip/music-1/carol~screen", PARTIES["carol"][0])
    judge.wait_hears(dave, ["carol"], ["dave"])
    judge.assert_hears(judge.sound(carol.record(2, folder / "carol.webm"), 0.5), ["dave"], ["carol"], "carol")
    assert judge.chimes(judge.sound(dave.received())[len(alone):]) == [], "a screen is nobody who comes or goes"
    carol.click("#leave")
    wait_for(lambda: judge.chimes(judge.sound(dave.received())[len(alone):]) == ["leave"], 8, "dave to hear that carol left", every=0.5)


def test_the_layout_changes_while_the_room_goes_on(stage, folder):
    gateway = stage.gateway()
    phones = [stage.phone("alice").dial(gateway.sip_uri("demo")), stage.phone("bob", video="h264").dial(gateway.sip_uri("demo"))]
    gateway.wait_pictures("demo", 2)
    legs = {leg["name"]: leg["id"] for leg in gateway.legs("demo")}
    assert gateway.api("PATCH", "/rooms/demo", {"layout": "theatre"})[0] == 400
    status, room = gateway.api("PATCH", "/rooms/demo", {"layout": "presentation"})
    assert status == 200 and room["layout"] == "presentation"

    def large(name, other):
        tiles = judge.assert_shows(judge.picture(phones[0].snapshot(folder / f"{name}.png")), [name, other], f"a room with {name} pinned")
        return tiles[name][4] > 3 * tiles[other][4]
    for name, other in (("bob", "alice"), ("alice", "bob")):
        assert gateway.api("PATCH", f"/rooms/demo/legs/{legs[other]}", {"pinned": False})[0] == 200
        status, leg = gateway.api("PATCH", f"/rooms/demo/legs/{legs[name]}", {"pinned": True})
        assert status == 200 and leg["pinned"]
        wait_for(lambda: large(name, other), 8, f"{name} to be large")
