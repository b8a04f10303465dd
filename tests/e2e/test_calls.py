"""SIP as phones speak it: delayed offer, hold and resume, ends from either side, refusals that say why."""
import json
import re
import socket
import time

import pytest
from support import judge
from support.media import wav_file
from support.process import PATIENCE, wait_for
from support.sip import FfmpegPhone, Phone, media_ports

PCMU = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n")


def test_options_tells_what_we_can_do(stage):
    gateway = stage.gateway()
    phone = Phone(gateway, "demo")
    phone.send("OPTIONS")
    answer = phone.final("OPTIONS")
    assert answer.status == 200
    assert "INVITE" in answer.get("Allow")
    assert "opus/48000/2" in answer.body and "H264/90000" in answer.body


def test_a_call_without_an_offer_gets_one(stage):
    gateway = stage.gateway()
    phone = Phone(gateway, "late")
    answer = phone.invite(ack_sdp=lambda offer: PCMU.format(port=40000) + "m=video 0 RTP/AVP 97\r\n")
    assert answer.status == 200
    assert set(media_ports(answer.body)) == {"audio", "video"} and all(media_ports(answer.body).values())
    leg = gateway.wait_legs("late", 1)[0]
    assert leg["kind"] == "sip"
    assert phone.bye().status == 200
    wait_for(lambda: gateway.room("late") is None, 5, "the room to end")


@pytest.mark.parametrize("room, sdp, status, words", [
    ("demo", PCMU.format(port=40000).replace("RTP/AVP 0 101", "RTP/AVP 18"), 488, "codec"),
    ("demo", "this is no SDP\r\n", 400, "SDP"),
    ("closed", PCMU.format(port=40000), 403, "closed"),
    ("no%20such", PCMU.format(port=40000), 404, "room"),
])
def test_a_refusal_says_why(stage, room, sdp, status, words):
    gateway = stage.gateway({"rooms": {"forbidden": ["closed"]}})
    answer = Phone(gateway, room).invite(sdp)
    assert answer.status == status, answer.first
    assert words.lower() in answer.get("Warning").lower(), answer.get("Warning")
    assert gateway.api("GET", "/rooms")[1]["rooms"] == []


def test_an_unknown_room_is_not_found_when_rooms_are_not_made_on_demand(stage):
    gateway = stage.gateway({"rooms": {"create_on_demand": False}})
    assert Phone(gateway, "demo").invite(PCMU.format(port=40000)).status == 404


def test_cancel_before_the_answer_leaves_nothing_behind(stage):
    gateway = stage.gateway()
    phone = Phone(gateway, "demo")
    phone.send("INVITE", PCMU.format(port=40000))
    branch = phone.branch
    phone.send("CANCEL", cseq=phone.cseq, branch=branch)
    # We answer at once, so either the CANCEL wins (487) or the call is up and is ended like any other.
    answer = phone.final("INVITE")
    phone.to = answer.get("To")
    if answer.status == 200:
        phone.target = re.search(r"<([^>]+)>", answer.get("Contact")).group(1)
        phone.send("ACK", cseq=phone.cseq)
        assert phone.bye().status == 200
    else:
        assert answer.status == 487
        phone.send("ACK", cseq=phone.cseq, branch=branch)
    wait_for(lambda: gateway.room("demo") is None, 5, "the room to end")


def test_hold_and_resume(stage, folder):
    gateway = stage.gateway()
    alice = stage.phone("alice").dial(gateway.sip_uri("hold"))
    bob = stage.phone("bob", audio="PCMU/8000/1", video="h264").dial(gateway.sip_uri("hold"))
    gateway.wait_legs("hold", 2)
    judge.wait_hears(bob, ["alice"], ["bob"])
    alice.command("hold")
    gateway.wait_legs("hold", 1, state="held")
    judge.wait_hears(bob, [], ["alice"])
    alice.command("resume")
    gateway.wait_legs("hold", 2, state="connected")
    judge.wait_hears(bob, ["alice"], ["bob"])
    judge.wait_hears(alice, ["bob"], ["alice"])


def pictures_within(receiver, seconds):
    """Keyframes (parameter sets, in a packet of their own or aggregated) among the RTP that comes."""
    found, end = 0, time.monotonic() + seconds * PATIENCE
    receiver.settimeout(0.1)
    while time.monotonic() < end and not found:
        try:
            packet = receiver.recv(2048)
        except (TimeoutError, socket.timeout):
            continue
        nal = packet[12] & 31 if len(packet) > 16 and packet[1] & 127 == 97 else 0
        found += nal == 7 or (nal == 24 and packet[15] & 31 == 7)
    return found


def test_a_phone_that_turns_its_video_off_and_on_sees_again(stage):
    gateway = stage.gateway()
    phone = Phone(gateway, "dark")
    video = ("m=video {port} RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
             "a=fmtp:97 packetization-mode=1;profile-level-id=42e01f;level-asymmetry-allowed=1\r\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        port = receiver.getsockname()[1]
        for offered, seen in ((port, True), (0, False), (port, True)):
            answer = phone.invite(PCMU.format(port=40000) + video.format(port=offered))
            assert answer.status == 200 and bool(media_ports(answer.body)["video"]) == seen, answer.body
            if seen:
                assert pictures_within(receiver, 5), "no picture comes"
            leg = gateway.wait_legs("dark", 1)[0]
            assert bool(leg["video"]) == seen, leg
            while seen and pictures_within(receiver, 0.2):
                pass
    phone.bye()


def test_either_side_may_hang_up(stage):
    gateway = stage.gateway()
    alice = stage.phone("alice").dial(gateway.sip_uri("end"))
    bob = stage.phone("bob").dial(gateway.sip_uri("end"))
    legs = gateway.wait_legs("end", 2)
    kicked = next(leg for leg in legs if leg["name"] == "alice")
    assert gateway.api("DELETE", f"/rooms/end/legs/{kicked['id']}")[0] == 204
    wait_for(lambda: "terminated" in alice.process.text() or "closed" in alice.process.text(), 5, "alice's phone to hear BYE")
    gateway.wait_legs("end", 1)
    bob.command("hangup")
    wait_for(lambda: gateway.room("end") is None, 5, "the room to end")


def test_a_digit_is_reported_once(stage):
    gateway = stage.gateway()
    alice = stage.phone("alice", audio="PCMU/8000/1", with_video=False).dial(gateway.sip_uri("keys"))
    gateway.wait_legs("keys", 1)
    time.sleep(1)
    alice.command("sndcode", "5#")
    wait_for(lambda: "pressed #" in gateway.process.text(), 5, "the digits")
    time.sleep(0.5)
    pressed = re.findall(r"pressed (.)", gateway.process.text())
    assert pressed == ["5", "#"], pressed


def test_events_tell_what_happens(stage):
    import urllib.request
    gateway = stage.gateway()
    with urllib.request.urlopen(gateway.url + "/api/v1/events", timeout=10) as events:
        phone = Phone(gateway, "news")
        assert phone.invite(PCMU.format(port=40000)).status == 200
        assert phone.bye().status == 200
        seen = []
        while "room.closed" not in seen:
            line = events.readline().decode()
            assert line, f"the stream ended after {seen}"
            if line.startswith("data: "):
                seen.append(json.loads(line[6:])["type"])
    assert seen[0] == "room.created" and "leg.joined" in seen and "leg.left" in seen, seen
    assert gateway.request("GET", "/healthz")[0] == 200


def test_a_gateway_that_works_says_that_it_is_ready(stage):
    status, answer = stage.gateway().request("GET", "/readyz")
    assert status == 200 and json.loads(answer) == {"ready": True, "reasons": []}, answer


def test_the_metrics_show_the_room(stage):
    gateway = stage.gateway()
    phone = Phone(gateway, "count")
    assert phone.invite(PCMU.format(port=40000)).status == 200
    gateway.wait_legs("count", 1)
    text = gateway.request("GET", "/metrics")[1].decode()
    assert 'partyline_room_legs{room="count",kind="sip"} 1' in text
    assert 'partyline_room_mixing{room="count"} 1' in text
    phone.bye()


def test_calls_over_tcp(stage):
    gateway = stage.gateway()
    stage.phone("alice", transport="tcp").dial(gateway.sip_uri("tcp") + ";transport=tcp")
    gateway.wait_legs("tcp", 1)


def test_a_silent_phone_is_hung_up_but_not_one_on_hold(stage, folder):
    gateway = stage.gateway({"sip": {"rtp_timeout_seconds": 3}})
    silent = Phone(gateway, "quiet")
    assert silent.invite(PCMU.format(port=40000)).status == 200
    held = Phone(gateway, "quiet", "held")
    assert held.invite(PCMU.format(port=40002) + "a=inactive\r\n").status == 200
    gateway.wait_legs("quiet", 1, state="connected")
    bye = silent.request_from_gateway("BYE", 8)
    silent.reply(bye)
    assert [leg["name"] for leg in gateway.legs("quiet")] == ["held"]
    assert "no RTP for 3 s" in gateway.process.text()


def test_dialling_out_brings_a_phone_in(stage):
    gateway = stage.gateway()
    bob = stage.phone("bob", extra=["call_accept yes"])
    accounts = bob.folder / "accounts"
    accounts.write_text(accounts.read_text().strip() + ";answermode=auto\n")
    bob.stop()
    bob.process = None
    bob.start()
    status, leg = gateway.api("POST", "/rooms/out/legs", {"dial": f"sip:bob@127.0.0.1:{bob.sip_port}"})
    assert status == 201, leg
    gateway.wait_legs("out", 1)


def test_an_ffmpeg_phone_is_heard(stage, folder):
    gateway = stage.gateway()
    alice = stage.phone("alice", with_video=False).dial(gateway.sip_uri("reel"))
    reel = FfmpegPhone(gateway, "reel", folder, wav_file("dave"), video=False)
    stage.keep(reel).call()
    gateway.wait_legs("reel", 2)
    judge.wait_hears(alice, ["dave"], ["alice"])


@pytest.mark.parametrize("codec", ["opus", "g722", "pcmu", "pcma"])
def test_avpf_is_answered_in_kind_and_heard(stage, folder, codec):
    gateway = stage.gateway()
    alice = stage.phone("alice", with_video=False).dial(gateway.sip_uri("reel"))
    reel = FfmpegPhone(gateway, "reel", folder, wav_file("dave"), video=False, codec=codec, profile="RTP/AVPF")
    stage.keep(reel).call()
    assert re.search(rf"^m=audio \d+ RTP/AVPF {reel.payload_type}\b", reel.answer, re.M), reel.answer
    gateway.wait_legs("reel", 2)
    judge.wait_hears(alice, ["dave"], ["alice"])
