"""Keyframes for phones that know no RTCP feedback: SIP INFO picture_fast_update (RFC 5168), both ways."""
import datetime
import re
import time

import numpy
from support import judge
from support.media import long_shot
from support.old_phones import Forgetter, Listener, PictureSender
from support.process import ROOT, Process, free_port, wait_for
from support.sip import Phone, media_ports

SDP = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video {port} RTP/AVP 97\r\n"
       "a=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=1;profile-level-id=42e01f\r\n")


def test_a_phone_that_asks_by_info_gets_a_keyframe_at_once(stage, folder):
    gateway = stage.gateway()
    stage.phone("alice").dial(gateway.sip_uri("info"))
    gateway.wait_pictures("info", 1)
    ear, eye = stage.keep(Listener()), stage.keep(Listener())
    messages = folder / "messages.log"
    sipp = stage.keep(Process(["sipp", f"127.0.0.1:{gateway.sip_port}", "-sf", ROOT / "tests/e2e/peers/sipp/fast_update.xml", "-s", "info", "-m", "1",
                               "-i", "127.0.0.1", "-p", free_port(), "-nostdin", "-skip_rlimit", "-timeout", "30s", "-timeout_error", "-trace_msg", "-message_file",
                               messages, "-key", "audio_port", ear.port, "-key", "video_port", eye.port], folder / "sipp.log", cwd=folder))
    wait_for(lambda: not sipp.running, 30, "SIPp to be done")
    # It takes no request that is not in the scenario: who sends no picture is not asked for one.
    assert sipp.popen.returncode == 0, sipp.text()[-2000:]
    # The trace: a line with the time, one that says "sent", the message.
    sent = [datetime.datetime.fromisoformat(stamp).timestamp() for stamp in re.findall(r"^-+ (\d{4}-\d\d-\d\d.[\d:.]+)\s+UDP message sent[^\n]*\n\s*INFO ",
                                                                                       messages.read_text(), re.M)]
    assert len(sent) == 2, messages.read_text()[:3000]
    print("INFO at", [round(t - sent[0], 2) for t in sent], "keyframes at", [round(t - sent[0], 2) for t in eye.keyframes])
    assert eye.packets > 100, "the mix goes on"
    out_of_turn = 0
    for asked in sent:
        before, after = [t for t in eye.keyframes if t < asked], [t for t in eye.keyframes if t >= asked]
        # One in 500 ms at most, for all who ask; and a picture's time.
        assert after and after[0] - asked < stage.stalls.allowed(600) / 1000, f"no keyframe soon after {asked}: {eye.keyframes}"
        out_of_turn += after[0] - before[-1] < 1.9
    assert out_of_turn > 0, "one comes every two seconds anyway; these come because they are asked for"


def moves(gateway, room, folder):
    """The mix shows another picture than half a second ago. (The box is back at its place twice a second, so it looks three times.)"""
    seen = []
    for i in range(3):
        status, still = gateway.request("GET", f"/api/v1/rooms/{room}/picture.jpg?width=640")
        assert status == 200, still
        (folder / f"still{i}.jpg").write_bytes(still)
        seen.append(judge.picture(folder / f"still{i}.jpg").astype(int))
        time.sleep(0.23)
    return max(numpy.abs(a - b).max() for a, b in zip(seen, seen[1:])) > 60


def infos(phone, seconds):
    """Answers the gateway's INFOs of so long; when they came."""
    end, came = time.monotonic() + seconds, []
    while (left := end - time.monotonic()) > 0:
        message = phone.receive(left)
        if message and message.method == "INFO":
            assert message.get("Content-Type") == "application/media_control+xml" and "<picture_fast_update" in message.body, message.body
            came.append(time.monotonic())
            phone.reply(message)
    return came


def test_a_phone_without_feedback_is_asked_by_info_for_what_it_lost(stage, folder):
    gateway = stage.gateway()
    sender = stage.keep(PictureSender(long_shot("alice")))
    phone = Phone(gateway, "gap", "alice")
    answer = phone.invite(SDP.format(port=sender.port))
    assert answer.status == 200 and "rtcp-fb" not in answer.body, answer.body
    gateway.wait_legs("gap", 1)
    # The first keyframe never arrives, and for a while nobody makes another one.
    sender.lose(1)
    sender.send_to(media_ports(answer.body)["video"])
    came = infos(phone, 6)
    steps = [round(b - a, 2) for a, b in zip(came, came[1:])]
    print("INFO again after", steps)
    assert 3 <= len(came) <= 6 and min(steps) > 0.3, f"asked {len(came)} times, {steps}"
    assert gateway.legs("gap")[0].get("width", 0) == 0, "nothing that can be decoded has come"
    sender.keyframe()
    gateway.wait_pictures("gap", 1)
    infos(phone, 0.5)
    assert not infos(phone, 3), "nobody asks for what is there"
    assert moves(gateway, "gap", folder)

    sender.lose(5)
    assert 1 <= len(infos(phone, 1.2)) <= 3
    assert not moves(gateway, "gap", folder), "the last good picture stays"
    image = judge.picture(folder / "still2.jpg")
    judge.assert_shows(image, ["alice"], "the mix")
    sender.keyframe()
    wait_for(lambda: moves(gateway, "gap", folder), 3, "the picture to return")
    infos(phone, 0.5)
    assert not infos(phone, 2), "nobody asks for what is there"
    phone.bye()


def test_a_real_phone_without_rtcp_sends_a_keyframe_when_info_asks_for_it(stage, folder):
    gateway = stage.gateway()
    between = stage.keep(Forgetter(gateway))
    alice = stage.phone("alice").dial(f"sip:real@127.0.0.1:{between.port}")
    gateway.wait_pictures("real", 1)
    wait_for(lambda: moves(gateway, "real", folder), 5, "the picture to move")
    asked = lambda: alice.process.text().count("receive media control: fast_update=1")  # noqa: E731
    keyframes = lambda: gateway.legs("real")[0]["video"]["keyframes_received"]  # noqa: E731
    time.sleep(1)
    for _ in range(3):  # so that a keyframe that came by chance is no proof
        before = asked(), keyframes()
        between.lose(10)
        wait_for(lambda: asked() > before[0], 2, "the phone to be asked")
        wait_for(lambda: keyframes() > before[1], 2, "its keyframe")
        wait_for(lambda: moves(gateway, "real", folder), 3, "the picture to return")
    judge.assert_shows(judge.picture(folder / "still2.jpg"), ["alice"], "the mix")
    assert between.swallowed > 0, "no RTCP has come through"
