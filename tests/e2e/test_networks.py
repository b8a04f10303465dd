"""Real peers behind bad networks: a phone and a browser in a namespace of their own, an impaired link to the gateway. Judged by
content, as everywhere: tones by frequency, tiles by colour."""
import re
import time

import pytest
from support import judge
from support.gateway import Gateway
from support.pion import PionSfu
from support.process import Place, run, wait_for
from support.turn import PORT, SECRET, TurnServer


def meet(stage, wire, room, **phone):
    """The gateway on one side; alice's phone and carol's browser on the other, in one room."""
    gateway = stage.gateway(place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("people"), **phone).dial(gateway.sip_uri(room), 25)
    carol = stage.browser("carol", gateway, room, place=wire.place("people"))
    gateway.wait_legs(room, 2)
    return gateway, alice, carol


def test_loss_and_jitter(stage, folder):
    wire = stage.wire()
    wire.set(loss=5, delay=50, jitter=20)
    gateway, alice, carol = meet(stage, wire, "storm")
    seen = judge.assert_meet(alice, carol, folder, stage.stalls.mark)
    gap = judge.audio_gaps(judge.sound(seen, 1), 440)
    frozen = judge.frozen_ms(seen)
    print(f"carol: gap {gap} ms, frozen {frozen:.0f} ms; the machine stalled for {stage.stalls.longest_ms():.0f} ms")
    assert gap <= stage.stalls.allowed(200), f"carol misses alice's tone for {gap} ms"
    assert frozen < stage.stalls.allowed(2000), f"carol's picture stands still for {frozen:.0f} ms"


# What a browser says of the sound it gets: since the page was opened, in samples.
HEARD = """async () => {
  const all = [...(await window.partyline.pcPlay.getStats()).values()];
  const sound = all.find(each => each.type === 'inbound-rtp' && each.kind === 'audio');
  const sends = [...(await window.partyline.pcPublish.getStats()).values()].find(each => each.type === 'outbound-rtp' && each.kind === 'audio');
  return {concealed: sound.concealedSamples - sound.silentConcealedSamples, samples: sound.totalSamplesReceived, lost: sound.packetsLost,
          packets: sound.packetsReceived, nacks: sound.nackCount ?? 0, fec: sound.fecPacketsReceived ?? 0, again: sends.retransmittedPacketsSent,
          asked: sends.nackCount ?? 0};
}"""


def leg_of(gateway, room, name):
    return next(leg for leg in gateway.legs(room) if name in leg["name"])


@pytest.mark.long
def test_sound_where_a_tenth_is_lost_both_ways(stage, folder):
    """Browsers get and give it by RED and NACK: next to nothing is made up, on either side."""
    wire = stage.wire()
    gateway, alice, carol = meet(stage, wire, "patchy", with_video=False)
    wire.set(loss=10, delay=20)

    def redundant():
        metrics = gateway.request("GET", "/metrics")[1].decode()
        return sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("partyline_sfu_redundant_audio_sent_total"))
    # A browser reports what it loses every five seconds; then it gets RED.
    wait_for(lambda: redundant() > 100, 20, lambda: f"carol to be sent RED; now {redundant()} packets", every=0.5)
    judge.wait_hears(alice, ["carol"], ["alice"])
    stage.stalls.mark()
    lost = wire.lost()
    before, ours, began = carol.evaluate(HEARD), leg_of(gateway, "patchy", "carol"), time.monotonic()
    seen = carol.record(20, folder / "carol.webm")
    after, ours_after, ended = carol.evaluate(HEARD), leg_of(gateway, "patchy", "carol"), time.monotonic()
    heard = {key: after[key] - before[key] for key in after}
    share = heard["concealed"] / heard["samples"]
    taken = (ours_after["concealed_ms"] - ours["concealed_ms"]) / (1000 * (ended - began))
    print(f"carol conceals {100 * share:.2f} %, the mix {100 * taken:.2f} % of her; {wire.lost() - lost} packets lost: {heard}")
    assert wire.lost() - lost > 200, "the path does lose"
    allowed = stage.stalls.allowed(400) / 20_000
    assert share < allowed, f"carol makes up {100 * share:.1f} % of what she hears: {heard}"
    assert taken < allowed, f"the mix makes up {100 * taken:.1f} % of carol: {ours_after}"
    judge.wait_hears(alice, ["carol"], ["alice"])
    judge.assert_hears(judge.sound(seen, 1), ["alice"], ["carol"], "carol")


# What a browser's two connections say of their video: how much was asked for again, and how much of it came or went by RTX. A
# browser publishes several simulcast layers, each with its own statistics, and which of them it sends is its own choice.
REPEATED = """async () => {
  const found = {};
  for (const [name, type] of [['pcPlay', 'inbound-rtp'], ['pcPublish', 'outbound-rtp']]) {
    const all = [...(await window.partyline[name].getStats()).values()];
    const layers = all.filter(each => each.type === type && each.kind === 'video');
    const sum = key => layers.reduce((total, each) => total + (each[key] ?? 0), 0);
    found[type] = {rtx: layers.every(each => each.rtxSsrc), packets: sum('retransmittedPacketsReceived') + sum('retransmittedPacketsSent'),
                   nacks: sum('nackCount'), layers: layers.map(each => [each.rid, each.packetsSent ?? each.packetsReceived])};
  }
  return found;
}"""


def test_lost_video_comes_again_by_rtx_both_ways(stage, folder):
    wire = stage.wire()
    wire.set(loss=5, delay=25)
    gateway, alice, carol = meet(stage, wire, "again")
    for direction, video in carol.evaluate(REPEATED).items():
        assert video["rtx"], f"{direction}: no RTX is agreed"

    def repeated():
        return all(video["nacks"] > 0 and video["packets"] > 0 for video in carol.evaluate(REPEATED).values())
    wait_for(repeated, 20, lambda: f"packets to be asked for and sent again both ways; now {carol.evaluate(REPEATED)}", every=0.5)
    judge.wait_shows(alice, ["alice", "carol"], folder / "alice.png")


def test_an_outage_of_300_ms(stage, folder):
    wire = stage.wire()
    wire.set(delay=20)
    gateway, alice, carol = meet(stage, wire, "outage")
    judge.wait_shows(carol, ["alice", "carol"], folder / "carol-before.png")
    judge.wait_hears(alice, ["carol"], ["alice"])
    heard_before = len(judge.sound(alice.received()))
    stage.stalls.mark()
    carol.start_recording()
    time.sleep(2.5)
    wire.cut(0.3)
    time.sleep(3.5)
    seen = carol.stop_recording(folder / "carol.webm")
    assert wire.lost() > 20, "there was an outage, however well it is hidden"
    judge.assert_shows(judge.picture(seen, folder / "carol.png"), ["alice", "carol"], "carol")
    judge.assert_hears(judge.sound(seen, 1), ["alice"], ["carol"], "carol")
    judge.wait_hears(alice, ["carol"], ["alice"])
    judge.wait_shows(alice, ["alice", "carol"], folder / "alice.png")
    for who, samples, tone in (("carol", judge.sound(seen, 1), 440), ("alice", judge.sound(alice.received())[heard_before:], 1550)):
        gap = judge.audio_gaps(samples, tone)
        print(f"{who}: gap {gap} ms")
        assert gap <= stage.stalls.allowed(700), f"{who}'s gap is {gap} ms, the outage was 300"
    frozen = judge.frozen_ms(seen)
    print(f"carol: frozen {frozen:.0f} ms")
    assert frozen < stage.stalls.allowed(2500), f"carol's picture stands still for {frozen:.0f} ms"


def test_a_browser_whose_firewall_blocks_udp(stage, folder):
    wire = stage.wire()
    wire.block("meta l4proto udp")
    gateway = stage.gateway(place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("gateway")).dial(gateway.sip_uri("tcp"))
    carol = stage.browser("carol", gateway, "tcp", place=wire.place("people"))
    gateway.wait_legs("tcp", 2)
    judge.assert_meet(alice, carol, folder)
    assert " over TCP" in gateway.process.text()


def test_a_browser_that_only_turn_lets_through(stage, folder):
    wire = stage.wire()
    wire.block("meta l4proto udp")
    turn = stage.keep(TurnServer(folder, wire.place("gateway"))).start()
    gateway = stage.gateway({"webrtc": {"ice_servers": [{"url": turn.url(), "secret": SECRET, "username": "carol"}]}},
                            place=wire.place("gateway"))
    wire.block(f"tcp dport {gateway.media_port}")
    alice = stage.phone("alice", place=wire.place("gateway")).dial(gateway.sip_uri("turn"))
    carol = stage.browser("carol", gateway, "turn", place=wire.place("people"))
    gateway.wait_legs("turn", 2)
    judge.assert_meet(alice, carol, folder)
    assert "connected to 10.77.0.1:30" in gateway.process.text(), "one of coturn's relay ports"


@pytest.mark.parametrize("transport", [pytest.param("tcp", marks=pytest.mark.long), pytest.param("udp", marks=pytest.mark.long), "tls"])
def test_a_gateway_that_only_turn_lets_through_to_its_sfu(stage, folder, transport, monkeypatch):
    """Nothing is configured: the SFU's answers name the TURN server."""
    wire = stage.wire()
    wire.block("meta l4proto udp", but=[f"udp {end} {PORT}" for end in ("sport", "dport")] if transport == "udp" else [])
    here, there = wire.place("people"), wire.place("gateway")
    turn = stage.keep(TurnServer(folder, there, user="gateway:s3cret", tls=transport == "tls")).start()
    if turn.certificate:
        monkeypatch.setenv("SSL_CERT_FILE", str(turn.certificate))
        wire.block(f"tcp dport {PORT}")
    sfu = stage.keep(PionSfu(folder, there, [f'<{turn.url(transport)}>; rel="ice-server"; username="gateway"; credential="s3cret"'])).start()
    gateway = stage.gateway({"sfu": sfu.settings(), "hooks": {"allowed_addresses": [here.address]}}, place=here)
    alice = stage.phone("alice", place=here).dial(gateway.sip_uri("far"))
    carol = stage.browser("carol", place=there, trusted=[sfu.url])
    sfu.meet(gateway, carol, "far")
    judge.assert_meet(alice, carol, folder)
    assert turn.process.text().count("ALLOCATE processed, success") >= 2, "one for the pull, one for each push"


def test_a_gateway_behind_a_nat_offers_the_address_that_stun_tells(stage, folder):
    wire = stage.wire()
    there, here = wire.place("gateway"), wire.nat()
    stun = stage.keep(TurnServer(folder, there)).start()
    sfu = stage.keep(PionSfu(folder, there, [f'<{stun.stun_url()}>; rel="ice-server"'])).start()
    gateway = stage.gateway({"sfu": {**sfu.settings(), "ice_servers": [{"url": stun.stun_url()}]}, "hooks": {"allowed_addresses": [here.address]}},
                            place=here)
    alice = stage.phone("alice", place=here).dial(gateway.sip_uri("nat"))
    carol = stage.browser("carol", place=there, trusted=[sfu.url])
    sfu.meet(gateway, carol, "nat")
    judge.assert_meet(alice, carol, folder)
    outside = [line for line in sfu.process.text().splitlines() if " typ srflx " in line]
    for way in ("/whip/", "/whep/"):
        assert any(way in line and " 10.77.0.2 " in line and f" raddr {here.address} " in line for line in outside), outside


@pytest.mark.long
def test_a_stun_server_that_an_sfu_names_is_asked_the_next_time(stage, folder):
    """Link headers come with the answer: too late for that offer's candidates."""
    wire = stage.wire()
    there, here = wire.place("gateway"), wire.nat()
    stun = stage.keep(TurnServer(folder, there)).start()
    sfu = stage.keep(PionSfu(folder, there, [f'<{stun.stun_url()}>; rel="ice-server"'])).start()
    gateway = stage.gateway({"sfu": sfu.settings()}, place=here)
    stage.phone("alice", place=here).dial(gateway.sip_uri("nat"))
    wait_for(lambda: sfu.stats().get("nat.mix", {}).get("audio", 0) > 20, 20, lambda: f"the mix to be pushed; now {sfu.stats()}")
    assert " typ srflx " not in sfu.process.text()
    sfu.stop()
    sfu.start()
    wait_for(lambda: " typ srflx " in sfu.process.text(), 30, "the next offer to have a server-reflexive candidate")
    wait_for(lambda: sfu.stats().get("nat.mix", {}).get("audio", 0) > 20, 20, lambda: f"the mix to be pushed again; now {sfu.stats()}")


class FarSfu:
    """A gateway whose SFU is another gateway's embedded one; a phone at each of them."""

    def __init__(self, stage, folder, here, there, far):
        self.far = far
        self.near = stage.keep(Gateway(folder / "near", {"sfu": {
            "embedded": False, "whip_url": far.url + "/whip/{room}/near-{stream}", "whep_url": far.url + "/whep/{room}/{stream}"}}, place=here)).start()
        stage.phone("alice", place=here).dial(self.near.sip_uri("long"))
        self.bob = stage.phone("bob", place=there).dial(far.sip_uri("long"))
        far.wait_legs("long", 2)
        judge.wait_hears(self.bob, ["alice"], ["bob"])
        self.legs = [leg["id"] for leg in far.legs("long")]

    def publisher(self):
        """What the far gateway said last of where the near one's publication comes from."""
        return re.findall(r"stream=long/near-mix publisher \S+ connected to (\S+)", self.far.process.text())[-1]

    def assert_restarted(self, folder):
        def metrics():
            return self.near.request("GET", "/metrics")[1].decode()
        wait_for(lambda: 'partyline_whip_client_ice_restarts_total{result="answered"}' in metrics(), 30, "ICE to be restarted")
        judge.wait_hears(self.bob, ["alice"], ["bob"])
        judge.wait_shows(self.bob, ["alice"], folder / "bob.png")
        assert [leg["id"] for leg in self.far.legs("long")] == self.legs, "the publication is still the same"
        assert self.far.process.text().count("stream=long/near-mix publisher") == 2, "it came and connected once"
        assert "the path is lost, ICE restarts" in self.near.process.text()


@pytest.mark.long  # consent takes a while to be in doubt
def test_a_gateway_whose_way_to_its_sfu_dies_restarts_ice_on_the_same_resource(stage, folder):
    """What dies is the one flow, as when a NAT or a firewall forgets it."""
    wire = stage.wire()
    there = wire.place("gateway")
    call = FarSfu(stage, folder, wire.place("people"), there, stage.gateway(place=there))
    address, port = call.publisher().split(":")
    assert address == "10.77.0.2"
    wire.block(f"udp sport {port}")
    wire.block(f"udp dport {port}")
    call.assert_restarted(folder)


@pytest.mark.long  # consent takes a while to be in doubt
def test_a_gateway_whose_turn_server_starts_anew_restarts_ice_through_it(stage, folder):
    wire = stage.wire()
    wire.block("meta l4proto udp")
    there = wire.place("gateway")
    turn = stage.keep(TurnServer(folder, there)).start()
    far = stage.gateway({"webrtc": {"ice_servers": [{"url": turn.url(), "secret": SECRET, "username": "near"}]}}, place=there)
    wire.block(f"tcp dport {far.media_port}")
    call = FarSfu(stage, folder, wire.place("people"), there, far)
    assert call.publisher().startswith("10.77.0.1:30"), "one of coturn's relay ports"
    turn.stop()
    turn.start()
    call.assert_restarted(folder)


@pytest.mark.long  # consent takes a while to be in doubt
def test_a_gateway_whose_address_changes_restarts_ice(stage, folder):
    wire = stage.wire()
    there = wire.place("gateway")
    with wire.side("people"):  # for its phone, whose address stays
        run(["ip", "addr", "add", "10.78.0.1/32", "dev", "lo"])
    here = Place("10.78.0.1", lambda: wire.side("people"))
    call = FarSfu(stage, folder, here, there, stage.gateway(place=there))
    assert call.publisher().startswith("10.77.0.2:")
    with wire.side("people"):
        run(["ip", "addr", "del", "10.77.0.2/24", "dev", "wire"])
        run(["ip", "addr", "add", "10.77.0.3/24", "dev", "wire"])
    call.assert_restarted(folder)


def test_ipv6_only(stage, folder):
    wire = stage.wire(families=[6])
    gateway, alice, carol = meet(stage, wire, "six")
    judge.assert_meet(alice, carol, folder)
    assert "[fd77::2]" in gateway.process.text()


REMEMBER_RESOURCES = """() => {
  const fetch = window.fetch;
  window.resources = [];
  window.fetch = async (url, options) => {
    const answer = await fetch(url, options);
    if (options?.method === 'POST' && answer.status === 201) window.resources.push(new URL(answer.headers.get('Location'), answer.url).href);
    return answer;
  };
}"""

# RFC 9725 §4.3.3: the offer's new credentials go in a PATCH, the server's come back and take the place of those in its answer.
RESTART_ICE = """async () => {
  const pc = window.partyline.pcPublish, url = window.resources.find(u => u.includes('/whip/'));
  const line = (text, name) => text.match(new RegExp(`a=${name}:(\\\\S+)`))[1];
  const before = line(pc.currentLocalDescription.sdp, 'ice-ufrag');
  pc.restartIce();
  await pc.setLocalDescription(await pc.createOffer());
  const offer = pc.localDescription.sdp;
  const answer = await fetch(url, {
    method: 'PATCH', headers: {'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*'},
    body: `a=ice-ufrag:${line(offer, 'ice-ufrag')}\\r\\na=ice-pwd:${line(offer, 'ice-pwd')}\\r\\n`});
  const fragment = await answer.text();
  let sdp = pc.currentRemoteDescription.sdp;
  for (const name of ['ice-ufrag', 'ice-pwd']) sdp = sdp.replace(new RegExp(`a=${name}:\\\\S+`, 'g'), `a=${name}:${line(fragment, name)}`);
  await pc.setRemoteDescription({type: 'answer', sdp});
  const sent = async () => [...(await pc.getStats()).values()].filter(s => s.type === 'outbound-rtp' && s.kind === 'audio').reduce((n, s) => n + s.packetsSent, 0);
  const then = await sent();
  for (let i = 0; i < 400 && (pc.iceConnectionState !== 'connected' || await sent() < then + 60); ++i) await new Promise(later => setTimeout(later, 50));
  return {status: answer.status, state: pc.iceConnectionState, changed: before !== line(pc.currentLocalDescription.sdp, 'ice-ufrag'),
          sent: await sent() - then};
}"""


# What DTLS agreed on (RFC 5764): the version as on the wire (1.2: FEFD), and SRTP's profile.
SECURED = """async () => {
  const all = [...(await window.partyline.pcPlay.getStats()).values()];
  const {dtlsState, tlsVersion, srtpCipher} = all.find(each => each.type === 'transport');
  return {dtlsState, tlsVersion, srtpCipher};
}"""


def test_a_browser_that_changes_its_network_restarts_ice(stage, folder):
    wire = stage.wire()
    gateway = stage.gateway(place=wire.place("gateway"))
    alice = stage.phone("alice", place=wire.place("gateway")).dial(gateway.sip_uri("move"))
    carol = stage.browser("carol", place=wire.place("people"), trusted=[gateway.url])
    carol.open(f"{gateway.url}/?room=move&name=carol")
    carol.evaluate(REMEMBER_RESOURCES)
    carol.join()
    gateway.wait_legs("move", 2)
    # It offered DTLS 1.3 as well, which Debian 12's libraries do not have.
    secured = carol.evaluate(SECURED)
    assert (secured["dtlsState"], secured["tlsVersion"]) == ("connected", "FEFD"), secured
    assert secured["srtpCipher"].removeprefix("SRTP_") == "AEAD_AES_128_GCM", "newer browsers name it without SRTP_"
    before = [leg["id"] for leg in gateway.legs("move")]
    with wire.side("people"):
        run(["ip", "addr", "del", "10.77.0.2/24", "dev", "wire"])
        run(["ip", "addr", "add", "10.77.0.3/24", "dev", "wire"])
    told = carol.evaluate(RESTART_ICE)
    assert told["status"] == 200 and told["state"] == "connected" and told["changed"] and told["sent"] >= 60, told
    judge.wait_shows(alice, ["alice", "carol"], folder / "alice.png")
    judge.wait_hears(alice, ["carol"], ["alice"])
    assert [leg["id"] for leg in gateway.legs("move")] == before, "carol's publication is still the same"
