"""What a phone sees of the room: with or without itself, and in the layout that somebody chose on his telephone. Judged by colour."""
import re
import time

from support import judge
from support.process import wait_for
from support.sip import Phone
from test_calls import PCMU


SMALL = {"width": 640, "height": 360, "video_kbps": 800}


def own_views(gateway, room):
    return sorted(leg["name"] for leg in gateway.legs(room) if leg["video"] and leg["video"].get("sent", {}).get("own_view"))


def sees(phone, present, absent, folder, name):
    """Once the picture has changed over."""
    def right():
        return judge.assert_shows(judge.picture(phone.snapshot(folder / f"{name}.png")), present, phone.name, absent)
    return wait_for(right, 10, f"{phone.name} to see {present} and not {absent}")


def test_a_phone_is_shown_the_room_without_itself_as_far_as_three_renditions_go(stage, folder):
    gateway = stage.gateway({"rooms": SMALL})
    phones = {name: stage.phone(name).dial(gateway.sip_uri("demo")) for name in ("alice", "bob", "carol")}
    everybody = list(phones)
    gateway.wait_pictures("demo", 3)
    legs = {leg["name"]: leg["id"] for leg in gateway.legs("demo")}
    assert own_views(gateway, "demo") == []

    status, leg = gateway.api("PATCH", f"/rooms/demo/legs/{legs['alice']}", {"self_view": False})
    assert status == 200 and leg["self_view"] is False
    wait_for(lambda: own_views(gateway, "demo") == ["alice"], 5, "alice to have her own view")
    sees(phones["alice"], ["bob", "carol"], ["alice"], folder, "alice-without-alice")
    sees(phones["bob"], everybody, [], folder, "bob-everybody")
    assert gateway.figure("partyline_room_video_encoders", "demo") == 2
    assert gateway.figure("partyline_room_video_outputs", "demo") == 3

    # Of four who want it, the first two get it: with everybody's picture that makes three.
    phones["dave"] = stage.phone("dave").dial(gateway.sip_uri("demo"))
    gateway.wait_pictures("demo", 4)
    status, room = gateway.api("PATCH", "/rooms/demo", {"self_view": False})
    assert status == 200 and room["self_view"] is False
    wait_for(lambda: own_views(gateway, "demo") == ["alice", "bob"], 5, "alice and bob to have their own views")
    sees(phones["bob"], ["alice", "carol", "dave"], ["bob"], folder, "bob-without-bob")
    sees(phones["carol"], [*everybody, "dave"], [], folder, "carol-everybody")
    assert gateway.figure("partyline_room_video_encoders", "demo") == 3
    assert gateway.figure("partyline_room_video_outputs", "demo") == 4

    assert gateway.api("PATCH", "/rooms/demo", {"self_view": True})[0] == 200
    wait_for(lambda: own_views(gateway, "demo") == [], 5, "everybody to see everybody")
    sees(phones["alice"], [*everybody, "dave"], [], folder, "alice-everybody")
    assert gateway.figure("partyline_room_video_encoders", "demo") == 1


def test_keys_change_the_layout_where_the_operator_allows_it(stage, folder):
    gateway = stage.gateway({"rooms": {**SMALL, "dtmf": {"*1": "grid", "*5": "presentation"}}})
    alice, bob = (stage.phone(name).dial(gateway.sip_uri("keys")) for name in ("alice", "bob"))
    gateway.wait_pictures("keys", 2)

    def share_of_bob():
        return judge.assert_shows(judge.picture(alice.snapshot(folder / "alice.png")), ["alice", "bob"], "alice")["bob"][4]
    alice.command("sndcode", "*95")  # nothing that the operator knows
    wait_for(lambda: "pressed 5" in gateway.process.text(), 5, "the digits")
    assert gateway.room("keys")["layout"] == "auto"
    bob.command("sndcode", "*5")
    wait_for(lambda: gateway.room("keys")["layout"] == "presentation", 5, "the layout that bob chose")
    wait_for(lambda: share_of_bob() < 0.15, 8, "bob to be small, for alice came first")

    script = Phone(gateway, "keys")
    assert script.invite(PCMU.format(port=40000)).status == 200
    for key in "*1":
        script.send("INFO", f"Signal={key}\r\nDuration=160\r\n", content_type="application/dtmf-relay")
        assert script.final("INFO").status == 200
    wait_for(lambda: gateway.room("keys")["layout"] == "grid", 5, "the layout chosen by SIP INFO")
    script.bye()
    wait_for(lambda: share_of_bob() > 0.2, 8, "bob to be as large as alice")
    time.sleep(1)
    assert len(re.findall("changes the layout", gateway.process.text())) == 2
