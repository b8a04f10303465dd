"""Two parties with a common codec get each other's stream as it is: nothing is decoded, nothing encoded. A third one makes it a mix
without a gap over 200 ms in sound or 500 ms in pictures. Judged by content: tones by frequency, pictures by colour."""
import json
import os
import pathlib
import threading
import time

from support import judge
from support.media import PARTIES
from support.process import wait_for

SETTINGS = {"mixer": {"pass_through": True}}


def passed(gateway, room):
    mixer = gateway.room(room)["mixer"]
    return mixer["audio_passed"], mixer["video_passed"]


def wait_passed(gateway, room, count):
    wait_for(lambda: passed(gateway, room) == (count, count), 20, f"{count} outputs each way to be passed; now {gateway.room(room)}")


def wait_mixed(gateway, room):
    """Pictures change over at the mix's next keyframe, which is asked for at once."""
    wait_for(lambda: passed(gateway, room) == (0, 0), 5, "everything to be mixed")


def processor_seconds(gateway):
    fields = pathlib.Path(f"/proc/{gateway.process.popen.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sees_full_screen(phone, name, others, folder):
    tiles = judge.assert_shows(judge.picture(phone.snapshot(folder / f"{phone.name}-alone.png")), [name], phone.name, others)
    assert tiles[name][4] > 0.9, f"{phone.name} sees {name} and nothing else: {tiles}"


def test_two_phones_are_passed_through_and_a_third_makes_it_a_mix_without_a_gap(stage, folder):
    gateway = stage.gateway(SETTINGS)
    alice = stage.phone("alice").dial(gateway.sip_uri("talk"))
    bob = stage.phone("bob").dial(gateway.sip_uri("talk"))
    wait_passed(gateway, "talk", 2)
    time.sleep(1)
    began, used = time.monotonic(), processor_seconds(gateway)
    encoded = gateway.room("talk")["mixer"]
    assert encoded["video_encoders"] == 0 and encoded["audio_encoders"] == 0, encoded
    sees_full_screen(alice, "bob", ["alice"], folder)
    sees_full_screen(bob, "alice", ["bob"], folder)
    time.sleep(3)
    share = (processor_seconds(gateway) - used) / (time.monotonic() - began)
    print(f"two parties of 640x360 cost {share * 100:.1f} % of a core")

    carol = stage.phone("carol", audio="PCMU/8000/1").dial(gateway.sip_uri("talk"))
    gateway.wait_pictures("talk", 3)
    wait_mixed(gateway, "talk")
    time.sleep(3)
    (folder / "room.json").write_text(json.dumps(gateway.room("talk"), indent=1))
    everybody = ["alice", "bob", "carol"]
    for phone in (alice, bob, carol):
        judge.assert_shows(judge.picture(phone.snapshot(folder / f"{phone.name}.png")), everybody, phone.name)
    carol.command("hangup")
    wait_passed(gateway, "talk", 2)
    time.sleep(2)
    sees_full_screen(alice, "bob", everybody[::2], folder)
    for phone, other in ((alice, "bob"), (bob, "alice")):
        heard = judge.sound(phone.received())[-12 * judge.RATE:-judge.RATE // 4]
        gap = judge.audio_gaps(heard, PARTIES[other][0])
        print(f"{phone.name} did not hear {other} for {gap} ms at most")
        assert gap <= 200, f"{phone.name} did not hear {other} for {gap} ms"
        judge.assert_hears(heard, [other], [phone.name], phone.name)


def test_a_phone_and_a_browser_are_passed_through_and_a_third_makes_it_a_mix_without_a_gap(stage, folder):
    gateway = stage.gateway(SETTINGS)
    alice = stage.phone("alice").dial(gateway.sip_uri("talk"))
    carol = stage.browser("carol", gateway, "talk")
    wait_passed(gateway, "talk", 2)
    time.sleep(2)
    sees_full_screen(alice, "carol", ["alice"], folder)

    def third():
        time.sleep(4)
        stage.phone("bob", audio="PCMU/8000/1").dial(gateway.sip_uri("talk"))
    coming = threading.Thread(target=third)
    coming.start()
    seen = carol.record(12, folder / "carol.webm")
    coming.join()
    wait_mixed(gateway, "talk")
    steps = judge.longest_step_ms(judge.packets(seen, "v"))
    gap = judge.audio_gaps(judge.sound(seen, 1)[:-judge.RATE // 2], PARTIES["alice"][0])
    print(f"pictures are {steps:.0f} ms apart at most, alice's tone is missing for {gap} ms")
    assert steps <= 500 and gap <= 200, (steps, gap)
    gateway.wait_pictures("talk", 3)
    seen = carol.record(3, folder / "carol-later.webm")
    judge.assert_shows(judge.picture(seen, folder / "carol.png"), ["alice", "bob", "carol"], "carol")
    judge.assert_shows(judge.picture(alice.snapshot(folder / "alice.png")), ["alice", "bob", "carol"], "alice")


def test_what_an_operator_does_or_somebody_else_watches_needs_the_mix(stage, folder):
    gateway = stage.gateway({**SETTINGS, "recording": {"directory": str(folder)}})
    alice = stage.phone("alice").dial(gateway.sip_uri("talk"))
    bob = stage.phone("bob").dial(gateway.sip_uri("talk"))
    wait_passed(gateway, "talk", 2)
    legs = {leg["name"]: leg["id"] for leg in gateway.legs("talk")}
    assert gateway.api("PATCH", f"/rooms/talk/legs/{legs['bob']}", {"muted": True})[0] == 200
    wait_for(lambda: passed(gateway, "talk")[0] == 1, 10, "bob's sound to go through the mix")
    time.sleep(2)
    heard = judge.sound(alice.received())[-judge.RATE:]
    judge.assert_hears(heard, [], ["bob"], "alice")
    assert gateway.api("PATCH", f"/rooms/talk/legs/{legs['bob']}", {"muted": False})[0] == 200
    wait_passed(gateway, "talk", 2)
    status, output = gateway.api("POST", "/rooms/talk/outputs", {"record": "mkv"})
    assert status == 201, output
    wait_passed(gateway, "talk", 0)
    time.sleep(4)
    for phone in (alice, bob):
        judge.assert_shows(judge.picture(phone.snapshot(folder / f"{phone.name}.png")), ["alice", "bob"], phone.name)
    assert gateway.request("DELETE", f"/api/v1/rooms/talk/outputs/{output['id']}")[0] == 204
    wait_passed(gateway, "talk", 2)
    file = folder / output["url"].removeprefix("file:").rpartition("/")[2]
    judge.assert_hears(judge.sound(file, 1), ["alice", "bob"], ["carol"], "the recording")
