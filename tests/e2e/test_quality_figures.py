"""What is told of a call's quality, with real peers: a phone whose way loses packets on purpose, and a browser whose way does not."""
import datetime
import re
import time

from support.process import wait_for

LOSS = 7  # per cent, both ways of the phone
SECONDS = 15


def utc(ago=0):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago)).strftime("%H:%M:%S")


def metric(gateway, name, *labels):
    """The only sample of that name with these labels."""
    lines = [line for line in gateway.request("GET", "/metrics")[1].decode().splitlines()
             if line.startswith(name + "{") and all(label in line for label in labels)]
    assert len(lines) == 1, (name, labels, lines)
    return float(lines[0].split()[-1])


def share_lost(track):
    return track["packets_lost"] / (track["packets_lost"] + track["packets_received"])


def closing_line(gateway, pattern):
    return wait_for(lambda: re.search(pattern, gateway.process.text()), 10, lambda: f"a line with {pattern}:\n{gateway.process.text()[-3000:]}").group(0)


def test_loss_on_a_phones_way_is_told_in_figures_and_in_words(stage, folder):
    wire = stage.wire()
    gateway = stage.gateway(place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("people"), with_video=False).dial(gateway.sip_uri("figures"), 15)
    carol = stage.browser("carol", gateway, "figures", place=wire.place("gateway"))
    gateway.wait_legs("figures", 2)
    began = utc(ago=1)  # losses are counted by the second, and told from the beginning of the first
    wire.set(loss=LOSS, delay=10)
    time.sleep(SECONDS)
    legs = {leg["kind"]: leg for leg in gateway.legs("figures")}
    phone, browser = legs["sip"], legs["whep"]
    room = gateway.room("figures")

    assert 0.04 < share_lost(phone["audio"]) < 0.10, phone
    assert phone["audio"]["packets_missing"] <= phone["audio"]["packets_lost"], phone
    assert phone["mos"] < browser["mos"] - 0.1, (phone["mos"], browser["mos"])
    assert phone["audio"]["round_trip_ms"] >= 15, phone
    assert "phone → gateway audio lost" in phone["quality"], phone["quality"]
    labels = 'room="figures"', f'leg="{phone["id"]}"', 'media="audio"'
    lost, came = (metric(gateway, f"partyline_leg_packets_{what}", *labels) for what in ("lost", "received"))
    assert 0.04 < lost / (lost + came) < 0.10
    assert metric(gateway, "partyline_leg_mos", *labels[:2]) < metric(gateway, "partyline_leg_mos", f'leg="{browser["id"]}"')
    assert metric(gateway, "partyline_leg_keyframes", f'leg="{browser["id"]}"', 'direction="in"') > 0

    # The browser's own way to the SFU, measured there, and the way of the mix to it.
    own = browser["publisher"]
    assert own["audio"]["packets_received"] > 40 * SECONDS and share_lost(own["audio"]) < 0.02, own
    assert 0 < own["audio"]["round_trip_ms"] < stage.stalls.allowed(100) and own["mos"] > 4, own
    assert [layer["rid"] for layer in own["layers"]], own
    assert browser["audio"]["round_trip_ms"] > 0, "the SFU answers who asks for the round trip"
    played = [player for push in room["pushes"] for player in push.get("players", []) if push["stream"] == "mix~carol"]
    assert len(played) == 1 and played[0]["audio"]["packets_sent"] > 40 * SECONDS and played[0]["audio"]["round_trip_ms"] > 0, room["pushes"]
    assert metric(gateway, "partyline_link_packets_received", 'stream="carol"', 'role="publisher"', 'media="audio"') > 40 * SECONDS

    alice.command("hangup")
    line = closing_line(gateway, rf"leg={phone['id']} left after .*")
    print(line)
    told = re.search(r"phone → gateway audio lost (\d+) % between (\d\d:\d\d:\d\d) and (\d\d:\d\d:\d\d)", line)
    assert told and 4 <= int(told[1]) <= 10, line
    if "00:00:01" < began < "23:59:00":  # else the day may have changed
        assert began <= told[2] < told[3] <= utc(), (began, line)
    assert float(re.search(r"speech MOS (\d\.\d)", line)[1]) < browser["mos"], line
    carol.click("#leave")
    line = closing_line(gateway, r"stream=figures/carol publisher \S+ ended after .*")
    print(line)
    assert "audio lost" not in line and float(re.search(r"speech MOS (\d\.\d)", line)[1]) > 4, line
    assert re.search(r"stream=figures/mix~carol player \S+ ended after .* sent \d+ packets", gateway.process.text())
