"""Two parties with a common codec get each other's stream as it is: nothing is decoded, nothing encoded. A third one makes it a mix
without a gap over 200 ms in sound or 500 ms in pictures. Judged by content: tones by frequency, pictures by colour."""
import json
import os
import pathlib
import time

import pytest

from support import judge
from support.media import PARTIES
from support.process import wait_for

SETTINGS = {"mixer": {"pass_through": True}}


def passed(gateway, room):
    mixer = gateway.room(room)["mixer"]
    return mixer["audio_passed"], mixer["video_passed"]


def wait_passed(gateway, room, count):
    wait_for(lambda: passed(gateway, room) == (count, count), 20, lambda: f"{count} outputs each way to be passed; now {gateway.room(room)}")


def wait_mixed(gateway, room):
    """Pictures change over at the mix's next keyframe, which is asked for at once."""
    wait_for(lambda: passed(gateway, room) == (0, 0), 5, "everything to be mixed")


def processor_seconds(gateway):
    fields = pathlib.Path(f"/proc/{gateway.process.popen.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_two_phones_are_passed_through_and_a_third_makes_it_a_mix_without_a_gap(stage, folder):
    gateway = stage.gateway(SETTINGS)
    alice = stage.phone("alice").dial(gateway.sip_uri("talk"))
    bob = stage.phone("bob").dial(gateway.sip_uri("talk"))
    wait_passed(gateway, "talk", 2)
    encoders = lambda: [gateway.room("talk")["mixer"][f"{kind}_encoders"] for kind in ("video", "audio")]  # noqa: E731
    wait_for(lambda: encoders() == [0, 0], 5, lambda: f"nothing to be encoded any more; now {gateway.room('talk')}")
    judge.wait_full_screen(alice, "bob", ["alice"], folder / "alice-alone.png")
    judge.wait_full_screen(bob, "alice", ["bob"], folder / "bob-alone.png")
    for phone, other in ((alice, "bob"), (bob, "alice")):
        judge.wait_hears(phone, [other], [phone.name])
    began, used = time.monotonic(), processor_seconds(gateway)
    time.sleep(3)
    share = (processor_seconds(gateway) - used) / (time.monotonic() - began)
    print(f"two parties of 640x360 cost {share * 100:.1f} % of a core")

    begins = {phone: len(judge.sound(phone.received())) for phone in (alice, bob)}
    stage.stalls.mark()
    carol = stage.phone("carol", audio="PCMU/8000/1").dial(gateway.sip_uri("talk"))
    gateway.wait_pictures("talk", 3)
    wait_mixed(gateway, "talk")
    (folder / "room.json").write_text(json.dumps(gateway.room("talk"), indent=1))
    everybody = ["alice", "bob", "carol"]
    for phone in (alice, bob, carol):
        judge.wait_shows(phone, everybody, folder / f"{phone.name}.png")
    time.sleep(1)
    carol.command("hangup")
    wait_passed(gateway, "talk", 2)
    judge.wait_full_screen(alice, "bob", everybody[::2], folder / "alice-again.png")
    time.sleep(1)
    allowed = stage.stalls.allowed(200)
    for phone, other in ((alice, "bob"), (bob, "alice")):
        heard = judge.sound(phone.received())[begins[phone]:-judge.RATE // 4]
        gap = judge.audio_gaps(heard, PARTIES[other][0])
        print(f"{phone.name} did not hear {other} for {gap} ms at most")
        assert gap <= allowed, f"{phone.name} did not hear {other} for {gap} ms"
        judge.assert_hears(heard, [other], [phone.name], phone.name)


def test_a_phone_and_a_browser_are_passed_through_and_a_third_makes_it_a_mix_without_a_gap(stage, folder):
    gateway = stage.gateway(SETTINGS)
    alice = stage.phone("alice").dial(gateway.sip_uri("talk"))
    carol = stage.browser("carol", gateway, "talk")
    wait_passed(gateway, "talk", 2)
    judge.wait_full_screen(alice, "carol", ["alice"], folder / "alice-alone.png")
    judge.wait_full_screen(carol, "alice", ["carol"], folder / "carol-alone.png")
    stage.stalls.mark()
    carol.start_recording()
    time.sleep(3)
    stage.phone("bob", audio="PCMU/8000/1").dial(gateway.sip_uri("talk"))
    gateway.wait_pictures("talk", 3)
    wait_mixed(gateway, "talk")
    judge.wait_shows(alice, ["alice", "bob", "carol"], folder / "alice.png")
    judge.wait_shows(carol, ["alice", "bob", "carol"], folder / "carol-last.png")
    time.sleep(1)
    seen = carol.stop_recording(folder / "carol.webm")
    allowed = stage.stalls.allowed
    steps = judge.longest_step_ms(judge.packets(seen, "v"))
    gap = judge.audio_gaps(judge.sound(seen, 1)[:-judge.RATE // 2], PARTIES["alice"][0])
    print(f"pictures are {steps:.0f} ms apart at most, alice's tone is missing for {gap} ms")
    assert steps <= allowed(500) and gap <= allowed(200), (steps, gap)
    judge.assert_shows(judge.picture(seen, folder / "carol.png"), ["alice", "bob", "carol"], "carol")


def test_a_camera_that_is_switched_off_is_a_name_and_no_black_picture(stage, folder):
    gateway = stage.gateway(SETTINGS)
    alice = stage.phone("alice").dial(gateway.sip_uri("talk"))
    leg = gateway.wait_legs("talk", 1)[0]["id"]
    assert gateway.api("PATCH", f"/rooms/talk/legs/{leg}", {"video_muted": True})[0] == 200  # carol's is the only picture
    carol = stage.browser("carol", gateway, "talk")
    judge.wait_full_screen(alice, "carol", ["alice"], folder / "on.png")
    assert passed(gateway, "talk")[1] == 1
    carol.click("#cam")
    wait_for(lambda: passed(gateway, "talk")[1] == 0, 8, "the mix to be shown instead of what does not come")

    def both_names():
        image = judge.picture(alice.snapshot(folder / "off.png"))
        judge.assert_shows(image, [], "alice", ["alice", "carol"])
        height, width, _ = image.shape
        middles = [image[height * 9 // 20:height * 11 // 20, x - width // 20:x + width // 20] for x in (width // 4, width * 3 // 4)]
        return all(middle.max() > 180 for middle in middles)  # the first letters of both
    wait_for(both_names, 8, "alice to see two names", every=0.5)
    carol.click("#cam")
    judge.wait_full_screen(alice, "carol", ["alice"], folder / "on-again.png")
    assert passed(gateway, "talk")[1] == 1


def test_what_an_operator_does_or_somebody_else_watches_needs_the_mix(stage, folder):
    gateway = stage.gateway({**SETTINGS, "recording": {"directory": str(folder)}})
    alice = stage.phone("alice").dial(gateway.sip_uri("talk"))
    bob = stage.phone("bob").dial(gateway.sip_uri("talk"))
    wait_passed(gateway, "talk", 2)
    legs = {leg["name"]: leg["id"] for leg in gateway.legs("talk")}
    assert gateway.api("PATCH", f"/rooms/talk/legs/{legs['bob']}", {"muted": True})[0] == 200
    wait_for(lambda: passed(gateway, "talk")[0] == 1, 10, "bob's sound to go through the mix")
    judge.wait_hears(alice, [], ["bob"])
    assert gateway.api("PATCH", f"/rooms/talk/legs/{legs['bob']}", {"muted": False})[0] == 200
    wait_passed(gateway, "talk", 2)
    status, output = gateway.api("POST", "/rooms/talk/outputs", {"record": "mkv"})
    assert status == 201, output
    wait_passed(gateway, "talk", 0)
    wait_for(lambda: gateway.room("talk")["outputs"][0]["state"] == "live", 15, "the recording to be written")
    for phone in (alice, bob):
        judge.wait_shows(phone, ["alice", "bob"], folder / f"{phone.name}.png")
        other = {"alice": "bob", "bob": "alice"}[phone.name]
        judge.wait_hears(phone, [other], [phone.name])
    time.sleep(3)
    assert gateway.request("DELETE", f"/api/v1/rooms/talk/outputs/{output['id']}")[0] == 204
    wait_passed(gateway, "talk", 2)
    file = folder / output["url"].removeprefix("file:").rpartition("/")[2]
    judge.assert_hears(judge.sound(file, 1), ["alice", "bob"], ["carol"], "the recording")


def test_a_still_of_what_is_passed_through_is_a_true_picture_at_once(stage, folder):
    gateway = stage.gateway(SETTINGS)
    phones = [stage.phone(name).dial(gateway.sip_uri("talk")) for name in ("alice", "bob")]
    wait_passed(gateway, "talk", 2)
    for width in (1280, 320):
        assert gateway.room("talk")["mixer"]["video_encoders"] == 0, "nothing is decoded or encoded"
        began = time.monotonic()
        status, jpeg = gateway.request("GET", f"/api/v1/rooms/talk/picture.jpg?width={width}")
        print(f"{width} wide, after {time.monotonic() - began:.2f} s")
        assert status == 200, jpeg
        (folder / f"{width}.jpg").write_bytes(jpeg)
        image = judge.picture(folder / f"{width}.jpg", folder / f"{width}.png")
        assert image.shape[:2] == (width * 9 // 16, width)
        judge.assert_shows(image, ["alice", "bob"], "the still", ["carol", "dave"])
        assert passed(gateway, "talk") == (2, 2), "nobody's call notices"
        wait_for(lambda: gateway.room("talk")["mixer"]["video_encoders"] == 0, 5, "the still to be over")
    for phone, other in zip(phones, ("bob", "alice")):
        judge.wait_full_screen(phone, other, [phone.name], folder / f"{phone.name}.png")


def picture_sent(gateway, room, name):
    """The rendition that the mix has for a phone; what is passed through is not made from it."""
    return next(leg for leg in gateway.legs(room) if name in leg["name"])["video"]["sent"]


@pytest.mark.long  # waits for the path to be believed wide again
def test_who_is_passed_more_than_his_path_carries_gets_a_smaller_mix_until_it_recovers(stage, folder):
    wire = stage.wire()
    gateway = stage.gateway(SETTINGS, place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("gateway"), busy=True).dial(gateway.sip_uri("talk"))
    bob = stage.phone("bob", place=wire.place("people")).dial(gateway.sip_uri("talk"))
    wait_for(lambda: passed(gateway, "talk")[1] == 2, 20, f"both pictures to be passed; now {gateway.room('talk')}")
    time.sleep(2)
    wire.set(rate=400, delay=20)  # alice's camera sends 700 kbit/s
    wait_for(lambda: passed(gateway, "talk")[1] == 0 and picture_sent(gateway, "talk", "bob")["width"] <= 640, 25,
             "bob to get a smaller picture of the mix")
    time.sleep(8)
    judge.wait_moves(bob, folder / "narrow.png")
    image = judge.picture(folder / "narrow.png")
    judge.assert_shows(image, ["alice", "bob"], "bob")
    assert image.shape[1] <= 640, image.shape
    # A mix that is made anyway is for both.
    image = judge.picture(alice.snapshot(folder / "alice.png"))
    judge.assert_shows(image, ["alice", "bob"], "alice")
    assert image.shape[:2] == (720, 1280), image.shape
    wire.set(rate=0)
    began = time.monotonic()
    wait_for(lambda: passed(gateway, "talk")[1] == 2, 90, "bob to see alice as she is again")
    print(f"passed again {time.monotonic() - began:.0f} s after the path's recovery")
    judge.wait_full_screen(bob, "alice", ["bob"], folder / "bob-again.png")
