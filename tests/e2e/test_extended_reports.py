"""RTCP extended reports (RFC 3611), as pion's decoder reads them: voice metrics and statistics of losses that were made on
purpose, and round trips of a delay that was made on purpose, each side measuring."""
import time

import pytest

from support.pion import PionPhone
from support.process import wait_for

ROUND_TRIP = 80  # ms: 40 each way


def last(phone, name):
    return phone.events(name)[-1]


@pytest.mark.long
def test_a_phone_that_asks_is_told_how_its_voice_arrives(stage, folder):
    gateway = stage.gateway()
    phone = stage.keep(PionPhone(gateway, "xr", folder, "audio", ["a=rtcp-xr:rcvr-rtt=all voip-metrics"]))
    phone.call("-delay", "40ms", "-reference")
    assert "a=rtcp-xr:rcvr-rtt=all" in phone.answer, phone.answer
    gateway.wait_legs("xr", 1)
    stage.stalls.mark()
    # Losses far from each other: the gap between bursts.
    phone.tell("lose " + "." * 19 + "x")
    wait_for(lambda: len(phone.events("voip")) >= 9, 20, "nine reports")
    metrics = last(phone, "voip")
    print(metrics)
    assert metrics["ssrc"] == int.from_bytes(b"phon", "big") and metrics["gmin"] == 16
    assert 0.035 < metrics["loss"] < 0.06 and 0.035 < metrics["gap_density"] < 0.065, metrics
    assert metrics["burst_ms"] * metrics["burst_density"] < 40 and metrics["discarded"] == 0, metrics
    assert ROUND_TRIP * 0.8 < metrics["round_trip_ms"] < ROUND_TRIP + stage.stalls.allowed(30), metrics
    assert 0 < metrics["buffer_ms"] < 300 <= metrics["buffer_most_ms"] and metrics["end_system_ms"] >= metrics["buffer_ms"], metrics
    assert 50 < metrics["rating"] < 90 and 20 < metrics["listening"] < 45 and 20 < metrics["conversation"] <= metrics["listening"], metrics

    # And bursts: 200 ms in which every second packet is lost, each second and a half.
    before = metrics
    phone.tell("lose " + "x." * 5 + "." * 65)
    reports = len(phone.events("voip"))
    wait_for(lambda: len(phone.events("voip")) >= reports + 12, 25, "twelve reports more")
    metrics = last(phone, "voip")
    print(metrics)
    assert 0.4 < metrics["burst_density"] < 0.8 and 100 < metrics["burst_ms"] < 300, metrics
    assert metrics["gap_density"] < before["gap_density"] and metrics["gap_ms"] > 500, metrics

    # The phone asked for the round trip, too, and measures it by what it is answered.
    trips = [event["ms"] for event in phone.events("dlrr")]
    print(f"{len(trips)} round trips, {min(trips):.1f} to {max(trips):.1f} ms")
    assert len(trips) >= 10 and min(trips) > ROUND_TRIP * 0.95 and sorted(trips)[len(trips) // 2] < ROUND_TRIP + stage.stalls.allowed(15), trips
    assert "does not understand" not in phone.process.text(), phone.process.text()


def test_who_is_only_listened_to_is_asked_for_the_round_trip(stage, folder):
    gateway = stage.gateway()
    phone = stage.keep(PionPhone(gateway, "trip", folder, "audio", ["a=rtcp-xr:rcvr-rtt=all", "a=sendonly"]))
    phone.call("-delay", "40ms")
    wait_for(lambda: phone.events("reference"), 10, "the gateway to ask")
    wait_for(lambda: gateway.legs("trip")[0]["audio"]["round_trip_ms"] > 0, 10, "the round trip to be known")
    time.sleep(3)
    measured = gateway.legs("trip")[0]["audio"]["round_trip_ms"]
    print(f"{measured} ms")
    assert ROUND_TRIP * 0.95 < measured < ROUND_TRIP + stage.stalls.allowed(15), measured
    assert not phone.events("voip"), "nobody asked for them"


def test_a_phone_that_asks_for_statistics_is_told_what_was_lost_and_came_twice(stage, folder):
    gateway = stage.gateway()
    phone = stage.keep(PionPhone(gateway, "statistics", folder, "audio", ["a=rtcp-xr:stat-summary=loss,dup,jitt,TTL"]))
    phone.call()
    assert "a=rtcp-xr:stat-summary=loss,dup,jitt\r\n" in phone.answer, phone.answer
    gateway.wait_legs("statistics", 1)
    stage.stalls.mark()
    phone.tell("lose " + "." * 9 + "x" + "." * 9 + "d")  # one of 20 is lost, one comes twice
    wait_for(lambda: phone.events("statistics"), 10, "a first summary")
    begun = len(phone.events("statistics")) + 1  # the pattern began somewhere in these
    wait_for(lambda: len(phone.events("statistics")) >= begun + 8, 20, "eight summaries more")
    every = phone.events("statistics")
    told = every[begun:]
    print(told[-1])
    assert all(one["ssrc"] == int.from_bytes(b"phon", "big") and one["has_lost"] and one["has_duplicates"] and one["has_jitter"] for one in told), told
    assert all(one["end"] == next["begin"] for one, next in zip(every, every[1:])), every
    packets = sum((one["end"] - one["begin"]) % 65536 for one in told)
    assert packets > 300, told
    for what in ("lost", "duplicates"):
        count = sum(one[what] for one in told)
        assert abs(count - packets / 20) <= 2, (what, count, packets)
    # Packets come each 20 ms, give or take the machine's moods; 8 units are a millisecond.
    for one in told:
        assert one["least"] <= one["mean"] <= one["most"] and one["deviation"] <= one["most"], one
    assert sorted(one["mean"] for one in told)[len(told) // 2] < 8 * stage.stalls.allowed(10), told
    assert not phone.events("voip") and "does not understand" not in phone.process.text(), phone.process.text()
