"""Who cannot be heard because of himself: the API says so, and his tile, where the others look. Judged by the icon in their pictures."""
import re
import time

from support import judge
from support.media import talking_file
from support.process import wait_for
from support.sip import FfmpegPhone


def leg_of(gateway, room, name):
    return next(leg for leg in gateway.legs(room) if leg["name"] == name)


def wait_muted_by(gateway, room, name, wanted, seconds=8):
    wait_for(lambda: leg_of(gateway, room, name)["muted_by"] == wanted, seconds,
             lambda: f"{name} to be muted by {wanted}; now {leg_of(gateway, room, name)['muted_by']}")


def left_out(gateway):
    return int(re.search(r"^partyline_mixer_audio_left_out_total (\d+)$", gateway.request("GET", "/metrics")[1].decode(), re.M).group(1))


def test_a_phone_that_has_agreed_to_send_no_sound_is_shown_as_muted_and_one_on_hold_is_not(stage, folder):
    gateway = stage.gateway()
    alice = stage.phone("alice").dial(gateway.sip_uri("mute"))
    bob = stage.keep(FfmpegPhone(gateway, "mute", folder, talking_file("bob"), user="bob")).call()
    gateway.wait_pictures("mute", 2)
    judge.wait_crossed_out(alice, "bob", False, folder / "talking.png")
    judge.wait_hears(alice, ["bob"], ["alice"])
    assert leg_of(gateway, "mute", "bob")["muted_by"] == []

    assert bob.invite(bob.sdp(audio="recvonly")).status == 200
    judge.wait_crossed_out(alice, "bob", True, folder / "recvonly.png")
    assert leg_of(gateway, "mute", "bob")["muted_by"] == ["self"] and leg_of(gateway, "mute", "bob")["state"] == "connected"
    assert gateway.api("PATCH", f"/rooms/mute/legs/{leg_of(gateway, 'mute', 'bob')['id']}", {"muted": True})[0] == 200
    wait_muted_by(gateway, "mute", "bob", ["operator", "self"])
    assert gateway.api("PATCH", f"/rooms/mute/legs/{leg_of(gateway, 'mute', 'bob')['id']}", {"muted": False})[0] == 200

    assert bob.invite(bob.sdp()).status == 200
    judge.wait_crossed_out(alice, "bob", False, folder / "talking-again.png")
    judge.wait_hears(alice, ["bob"], ["alice"])
    wait_muted_by(gateway, "mute", "bob", [])

    assert bob.invite(bob.sdp("inactive")).status == 200
    wait_for(lambda: leg_of(gateway, "mute", "bob")["state"] == "held", 5, "bob to be on hold")
    time.sleep(4)
    assert leg_of(gateway, "mute", "bob")["muted_by"] == []

    assert bob.invite(bob.sdp()).status == 200
    judge.wait_hears(alice, ["bob"], ["alice"])
    bob.vanish()
    wait_muted_by(gateway, "mute", "bob", ["self"])


def test_everybody_sees_who_has_pressed_the_join_pages_mute_button(stage, folder):
    gateway = stage.gateway()
    alice = stage.phone("alice").dial(gateway.sip_uri("button"))
    carol = stage.browser("carol", gateway, "button")
    gateway.wait_pictures("button", 2)
    judge.wait_hears(alice, ["carol"], ["alice"])
    judge.wait_crossed_out(alice, "carol", False, folder / "on.png")

    carol.click("#mic")
    judge.wait_crossed_out(alice, "carol", True, folder / "muted.png")
    judge.wait_crossed_out(carol, "carol", True, folder / "muted-by-herself.png")
    wait_muted_by(gateway, "button", "carol", ["self"])
    before = left_out(gateway)
    time.sleep(3)
    assert left_out(gateway) - before > 100, "a silent member is not decoded to see that he is silent"
    assert judge.is_crossed_out(judge.picture(alice.snapshot(folder / "still-muted.png")), "carol")

    carol.click("#mic")
    began = time.monotonic()
    judge.wait_crossed_out(alice, "carol", False, folder / "on-again.png")
    print(f"the icon was gone {time.monotonic() - began:.1f} s after the button")
    wait_muted_by(gateway, "button", "carol", [])
    judge.wait_hears(alice, ["carol"], ["alice"])
