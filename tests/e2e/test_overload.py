"""A gateway that has more to do than one core can: pictures suffer in a fixed order and come back, sound does not, and new rooms are
refused meanwhile."""
import contextlib
import http.client
import json
import os
import pathlib
import time

from support import judge
from support.media import PARTIES
from support.old_phones import Listener
from support.process import wait_for
from support.sip import Phone
from test_calls import PCMU
from test_fast_update import SDP

OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" \
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\n" \
    "a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=rtpmap:111 opus/48000/2\r\na=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"


def squeeze(gateway):
    """All its threads onto one core."""
    for task in pathlib.Path(f"/proc/{gateway.process.popen.pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # a thread that has just ended
            os.sched_setaffinity(int(task.name), {min(os.sched_getaffinity(0))})


def least_step(pictures):
    """Between two pictures, in ms: 17 at 60 a second."""
    return min((b - a) % 2**32 for a, b in zip(pictures, pictures[1:])) / 90


def post(gateway, path, body, content_type):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=10)
    connection.request("POST", path, body, {"Content-Type": content_type})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("Retry-After")


def test_under_overload_pictures_suffer_first_sound_never_and_all_comes_back(stage, folder):
    gateway = stage.gateway({"mixer": {"governor": True, "threads": 1},
                             "rooms": {"width": 3840, "height": 2160, "frames_per_second": 60, "video_kbps": 8000, "push_mix": False}})
    mixer = lambda: gateway.api("GET", "/mixer")[1]  # noqa: E731
    alice = stage.phone("alice", audio="PCMU/8000/1", with_video=False).dial(gateway.sip_uri("talk"))
    dave = stage.phone("dave", audio="PCMU/8000/1", with_video=False).dial(gateway.sip_uri("talk"))
    gateway.wait_legs("talk", 2)
    judge.wait_hears(alice, ["dave"], ["alice"])
    judge.wait_hears(dave, ["alice"], ["dave"])
    begins = {phone: len(judge.sound(phone.received())) for phone in (alice, dave)}
    stage.stalls.mark()
    bob = stage.phone("bob", video="h264").dial(gateway.sip_uri("big"))
    eye, viewer = stage.keep(Listener()), Phone(gateway, "big")
    # Level 4.2: 1920x1080 at 60 pictures a second.
    assert viewer.invite(SDP.format(port=eye.port).replace("42e01f", "42e02a;level-asymmetry-allowed=1") + "a=recvonly\r\n").status == 200
    wait_for(lambda: len(eye.pictures) > 30, 10, "pictures of the big room")
    usual = least_step(eye.pictures)
    squeeze(gateway)
    # Nobody takes it, but it is encoded: 4K at 60 pictures a second.
    status, output = gateway.api("POST", "/rooms/big/outputs", {"url": "rtmp://127.0.0.1:1/x/y"})
    assert status == 201, output
    before = wait_for(lambda: (lambda m: m if m["step"] >= 2 else None)(mixer()), 40, "the governor to act")
    (folder / "mixer.json").write_text(json.dumps(before))
    assert not before["accepts_rooms"] and before["cuts"][0] == "encoders take their fastest preset", before

    cut = len(eye.pictures)
    wait_for(lambda: len(eye.pictures) > cut + 20, 10, "pictures after the cut")
    slower = least_step(eye.pictures[cut + 5:])
    print(f"pictures came {usual:.0f} ms apart at least, and {slower:.0f} ms after the cut")
    assert slower > 1.8 * usual, (usual, slower)
    assert viewer.bye().status == 200

    status, answer = gateway.request("GET", "/readyz")
    assert status == 503 and json.loads(answer) == {"ready": False, "reasons": ["overloaded: no further room begins to be mixed"]}, answer
    newcomer = Phone(gateway, "late")
    refusal = newcomer.invite(PCMU.format(port=40000))
    assert refusal.status == 503 and int(refusal.get("Retry-After")) > 0, refusal.first
    newcomer.close()
    for path, body, kind in (("/whep/late/mix", OFFER, "application/sdp"),
                             ("/api/v1/rooms/late/outputs", json.dumps({"url": "rtmp://127.0.0.1:1/x/y"}), "application/json")):
        status, retry = post(gateway, path, body, kind)
        assert status == 503 and int(retry) > 0, (path, status, retry)
    assert gateway.room("late") is None
    assert bob.process.running and len(gateway.legs("big", "connected")) == 1, "who was there stays"

    assert gateway.request("DELETE", f"/api/v1/rooms/big/outputs/{output['id']}")[0] == 204
    after = wait_for(lambda: (lambda m: m if m["step"] == 0 and m["accepts_rooms"] else None)(mixer()), 100, "all to be as before")
    assert after["cuts"] == []
    assert gateway.request("GET", "/readyz")[0] == 200
    time.sleep(1)
    allowed = stage.stalls.allowed(60)
    for phone, other in ((alice, "dave"), (dave, "alice")):
        heard = judge.sound(phone.received())[begins[phone]:]
        gap = judge.audio_gaps(heard[:-judge.RATE // 2], PARTIES[other][0])
        assert gap <= allowed, f"{phone.name} did not hear {other} for {gap} ms of {len(heard) / judge.RATE:.0f} s"
    metrics = gateway.request("GET", "/metrics")[1].decode()
    counted = {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in metrics.splitlines()
               if line.startswith(("partyline_mixer_governor_steps_total", "partyline_rooms_refused_total"))}
    down, up = (counted[f'partyline_mixer_governor_steps_total{{direction="{way}"}}'] for way in ("down", "up"))
    assert down == up >= 2 and counted['partyline_rooms_refused_total{reason="overload"}'] == 3, counted
    log = gateway.process.text()
    assert log.count("overload: the pool is busy") == down and log.count("less load: the pool is busy") == up
