"""Bad things happen to some, and nobody else notices: no gap over 200 ms in audio or 500 ms in video. The judge is a viewer of the
broadcast who records all the while."""
import os
import time

import pytest
from support import judge
from support.media import PARTIES, flash_and_beep
from support.process import Process, wait_for
from support.rtmp import RtmpServer
from support.sip import FfmpegPhone, Phone
from test_calls import PCMU


class Watched:
    """A room with alice in it, live, while somebody records."""

    def __init__(self, stage, folder, settings=None):
        self.stalls = stage.stalls
        self.gateway = stage.gateway(settings)
        self.rtmp = stage.rtmp()
        self.alice = stage.phone("alice").dial(self.gateway.sip_uri("demo"))
        assert self.gateway.api("POST", "/rooms/demo/outputs", {"url": self.rtmp.url("show")})[0] == 201
        wait_for(lambda: self.gateway.room("demo")["outputs"][0]["state"] == "live", 15, "the output to be live")
        time.sleep(2)
        self.recording = folder / "broadcast.flv"
        self.stalls.mark()
        self.recorder = stage.keep(self.rtmp.recorder("show", self.recording))
        wait_for(lambda: self.recording.exists() and self.recording.stat().st_size > 20000, 10, "the recording to grow")

    def judge(self):
        time.sleep(2)
        self.recorder.stop(5)
        stalled, sound, pictures = self.stalls.longest_ms(), self.stalls.allowed(200), self.stalls.allowed(500)
        samples = judge.sound(self.recording, 1)
        audio = judge.audio_gaps(samples[:-judge.RATE // 2], PARTIES["alice"][0])
        steps = judge.longest_step_ms(judge.packets(self.recording, "v"))
        frozen = judge.frozen_ms(self.recording)
        print(f"alice's tone is missing for {audio} ms at most, pictures are {steps:.0f} ms apart and the same for {frozen:.0f} ms; "
              f"the machine stalled for {stalled:.0f} ms")
        assert audio <= sound and steps <= pictures and frozen <= pictures, (audio, steps, frozen, stalled)


def test_a_phone_vanishes(stage, folder):
    room = Watched(stage, folder, {"sip": {"rtp_timeout_seconds": 2}})
    bob = stage.phone("bob", video="h264").dial(room.gateway.sip_uri("demo"))
    room.gateway.wait_legs("demo", 2)
    time.sleep(1)
    bob.process.kill()
    room.gateway.wait_legs("demo", 1, seconds=8)
    room.judge()


def test_phones_come_hold_resume_and_go(stage, folder):
    room = Watched(stage, folder)
    gateway = room.gateway
    bob = stage.phone("bob", audio="PCMU/8000/1", video="h264").dial(gateway.sip_uri("demo"))
    gateway.wait_legs("demo", 2)
    bob.command("hold")
    gateway.wait_legs("demo", 1, state="held")
    bob.command("resume")
    gateway.wait_legs("demo", 2)
    bob.command("hangup")
    gateway.wait_legs("demo", 1)
    bob.stop()
    dave = stage.phone("dave", audio="G722/16000/1", video="vp8").dial(gateway.sip_uri("demo"))
    legs = gateway.wait_legs("demo", 2)
    kicked = next(leg["id"] for leg in legs if leg["name"] == "dave")
    assert gateway.api("DELETE", f"/rooms/demo/legs/{kicked}")[0] == 204
    gateway.wait_legs("demo", 1)
    hasty = Phone(gateway, "demo")
    hasty.send("INVITE", PCMU.format(port=40000))
    hasty.send("CANCEL", cseq=hasty.cseq, branch=hasty.branch)
    answer = hasty.final("INVITE")
    hasty.to = answer.get("To")
    hasty.send("ACK", cseq=hasty.cseq, branch=hasty.branch)
    if answer.status == 200:
        hasty.bye()
    gateway.wait_legs("demo", 1)
    assert dave.process.running
    room.judge()


def test_a_browser_is_killed(stage, folder):
    room = Watched(stage, folder)
    carol = stage.browser("carol", room.gateway, "demo")
    room.gateway.wait_legs("demo", 2)
    time.sleep(1)
    carol.kill()
    wait_for(lambda: len(room.gateway.legs("demo")) == 1, 40, "the browser's leg to end")
    room.judge()


def test_the_rtmp_server_dies_and_comes_back(stage, folder):
    room = Watched(stage, folder)
    gateway = room.gateway
    dying = stage.keep(RtmpServer(folder / "dying"))
    dying.start()
    assert gateway.api("POST", "/rooms/demo/outputs", {"url": dying.url("x")})[0] == 201
    states = lambda: [o["state"] for o in gateway.room("demo")["outputs"]]  # noqa: E731
    wait_for(lambda: states() == ["live", "live"], 15, "both outputs to be live")
    dying.process.kill()
    wait_for(lambda: states() != ["live", "live"], 15, "the dead output to be noticed")
    assert "live" in states(), "the other output goes on"
    dying.start()
    wait_for(lambda: states() == ["live", "live"], 40, "the output to come back")
    back = dying.record("x", 4, folder / "back.flv")
    judge.assert_hears(judge.sound(back, 1), ["alice"], [], "the broadcast that came back")
    judge.assert_shows(judge.picture(back, folder / "back.png"), ["alice"], "the broadcast that came back")
    room.judge()


def test_a_stalled_rtmp_server_costs_only_its_own_output(stage, folder):
    import signal
    room = Watched(stage, folder)
    stalled = stage.rtmp()
    assert room.gateway.api("POST", "/rooms/demo/outputs", {"url": stalled.url("x")})[0] == 201
    wait_for(lambda: [o["state"] for o in room.gateway.room("demo")["outputs"]] == ["live", "live"], 15, "both to be live")
    stalled.process.send_signal(signal.SIGSTOP)
    time.sleep(8)
    stalled.process.send_signal(signal.SIGCONT)
    room.judge()


def test_the_publisher_of_a_stream_is_replaced(stage, folder):
    room = Watched(stage, folder)
    carol = stage.browser("carol", room.gateway, "demo")
    room.gateway.wait_legs("demo", 2)
    carol.click("#leave")
    room.gateway.wait_legs("demo", 1)
    carol.click("#join")
    carol.wait("() => window.partyline.pcPlay && window.partyline.pcPlay.connectionState === 'connected'", 20)
    room.gateway.wait_legs("demo", 2)
    judge.wait_shows(room.alice, ["alice", "carol"], folder / "alice.png")
    room.judge()


def test_the_audio_tick_keeps_its_time_while_all_processors_are_busy(stage, folder):
    """Burners of ordinary priority take every core several times over: sound goes on, and no tick is left out."""
    room = Watched(stage, folder)
    gateway = room.gateway
    if "without real-time priority" in (gateway.folder / "gateway.log").read_text():
        pytest.skip("no right to real-time priorities")
    counters = lambda: {  # noqa: E731
        line.split()[0]: float(line.split()[1]) for line in gateway.request("GET", "/metrics")[1].decode().splitlines()
        if line.startswith("partyline_mixer_audio_tick")}
    before = counters()
    burners = [stage.keep(Process(["sh", "-c", "while :; do :; done"], folder / f"burner{i}.log"))
               for i in range(4 * os.cpu_count())]
    time.sleep(6)
    for burner in burners:
        burner.stop()
    since = {name: value - before.get(name, 0) for name, value in counters().items()}
    ticks = since["partyline_mixer_audio_tick_microseconds_count"]
    print(f"{ticks:.0f} ticks, {since['partyline_mixer_audio_ticks_late_total']:.0f} late")
    assert since["partyline_mixer_audio_ticks_skipped_total"] == 0
    assert since["partyline_mixer_audio_ticks_late_total"] <= ticks / 50
    room.judge()


def test_flash_and_beep_meet(stage, folder):
    gateway = stage.gateway()
    rtmp = stage.rtmp()
    reel = stage.keep(FfmpegPhone(gateway, "sync", folder, flash_and_beep())).call()
    assert gateway.api("POST", "/rooms/sync/outputs", {"url": rtmp.url("sync")})[0] == 201
    wait_for(lambda: gateway.room("sync")["outputs"][0]["state"] == "live", 15, "the output to be live")
    time.sleep(6)
    stage.stalls.mark()
    recording = rtmp.record("sync", 10, folder / "sync.flv")
    allowed = stage.stalls.allowed(40)
    offsets = judge.flash_beep_offsets(recording)
    print("beep later than flash by (ms):", [round(o) for o in offsets])
    assert len(offsets) >= 6, offsets
    assert all(abs(o) <= allowed for o in offsets), (offsets, allowed)
    assert reel.sender.running


@pytest.mark.parametrize("rounds", [30])
def test_many_calls_leave_nothing_behind(stage, folder, rounds):
    gateway = stage.gateway()
    descriptors = lambda: len(os.listdir(f"/proc/{gateway.process.popen.pid}/fd"))  # noqa: E731
    threads = lambda: len(os.listdir(f"/proc/{gateway.process.popen.pid}/task"))  # noqa: E731

    def call():
        phone = Phone(gateway, "churn")
        assert phone.invite(PCMU.format(port=40000)).status == 200
        assert phone.bye().status == 200
        phone.close()
    call()
    wait_for(lambda: gateway.room("churn") is None, 5, "the room to end")
    time.sleep(0.5)
    before = descriptors(), threads()
    for _ in range(rounds):
        call()
    wait_for(lambda: gateway.room("churn") is None, 5, "the room to end")
    wait_for(lambda: (descriptors(), threads()) <= before, 5, f"sockets and threads to be given back; before {before}")
    assert gateway.stop() == 0, "the gateway ends as asked"
