"""Real peers behind bad networks: a phone and a browser in a namespace of their own, an impaired link to the gateway. Judged by
content, as everywhere: tones by frequency, tiles by colour."""
import threading
import time

from support import judge


def meet(stage, wire, room, **phone):
    """The gateway on one side; alice's phone and carol's browser on the other, in one room."""
    gateway = stage.gateway(place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("people"), **phone).dial(gateway.sip_uri(room), 25)
    carol = stage.browser("carol", gateway, room, place=wire.place("people"))
    gateway.wait_legs(room, 2)
    return gateway, alice, carol


def assert_all_is_there(alice, carol, folder, seen):
    both = ["alice", "carol"]
    judge.assert_shows(judge.picture(seen, folder / "carol.png"), both, "carol")
    judge.assert_shows(judge.picture(alice.snapshot(folder / "alice.png")), both, "alice")
    judge.assert_hears(judge.sound(seen, 1), ["alice"], ["carol"], "carol")
    judge.assert_hears(judge.sound(alice.received())[-2 * judge.RATE:], ["carol"], ["alice"], "alice")


def test_loss_and_jitter(stage, folder):
    wire = stage.wire()
    wire.set(loss=5, delay=50, jitter=20)
    gateway, alice, carol = meet(stage, wire, "storm")
    time.sleep(3)
    seen = carol.record(5, folder / "carol.webm")
    assert_all_is_there(alice, carol, folder, seen)
    gap = judge.audio_gaps(judge.sound(seen, 1), 440)
    assert gap <= 200, f"carol misses alice's tone for {gap} ms"
    frozen = judge.frozen_ms(seen)
    print(f"carol: gap {gap} ms, frozen {frozen:.0f} ms")
    assert frozen < 2000, f"carol's picture stands still for {frozen:.0f} ms"


def test_an_outage_of_300_ms(stage, folder):
    wire = stage.wire()
    wire.set(delay=20)
    gateway, alice, carol = meet(stage, wire, "outage")
    time.sleep(2)
    heard_before = len(judge.sound(alice.received()))
    cut = threading.Timer(2.5, wire.cut, [0.3])
    cut.start()
    seen = carol.record(6, folder / "carol.webm")
    cut.join()
    assert_all_is_there(alice, carol, folder, seen)
    for who, samples, tone in (("carol", judge.sound(seen, 1), 440), ("alice", judge.sound(alice.received())[heard_before:], 1550)):
        gap = judge.audio_gaps(samples, tone)
        print(f"{who}: gap {gap} ms")
        assert 100 <= gap <= 700, f"{who}'s gap is {gap} ms, the outage was 300"
    frozen = judge.frozen_ms(seen)
    print(f"carol: frozen {frozen:.0f} ms")
    assert frozen < 2500, f"carol's picture stands still for {frozen:.0f} ms"


def test_a_browser_whose_firewall_blocks_udp(stage, folder):
    wire = stage.wire()
    wire.block("meta l4proto udp")
    gateway = stage.gateway(place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("gateway")).dial(gateway.sip_uri("tcp"))
    carol = stage.browser("carol", gateway, "tcp", place=wire.place("people"))
    gateway.wait_legs("tcp", 2)
    time.sleep(2)
    assert_all_is_there(alice, carol, folder, carol.record(4, folder / "carol.webm"))
    assert " over TCP" in gateway.process.text()


def test_ipv6_only(stage, folder):
    wire = stage.wire(families=[6])
    gateway, alice, carol = meet(stage, wire, "six")
    time.sleep(2)
    assert_all_is_there(alice, carol, folder, carol.record(4, folder / "carol.webm"))
    assert "[fd77::2]" in gateway.process.text()
