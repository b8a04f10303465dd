"""The same room with an SFU written by others in place of the embedded one: nothing changes but two URLs."""
import time

from support import judge
from support.pion import PionSfu

PUBLISH_AND_PLAY = """async ([room, name]) => {
  const media = await navigator.mediaDevices.getUserMedia(
    {audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}, video: true});
  const post = async (pc, path) => {
    await pc.setLocalDescription(await pc.createOffer());
    if (pc.iceGatheringState !== 'complete') await new Promise(done => {
      pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done(); });
    for (let tries = 0; tries < 40; ++tries) {  // the mix is there a moment after it is asked for
      const answer = await fetch(path, {method: 'POST', headers: {'Content-Type': 'application/sdp'}, body: pc.localDescription.sdp});
      if (answer.status === 201) return pc.setRemoteDescription({type: 'answer', sdp: await answer.text()});
      await new Promise(later => setTimeout(later, 250));
    }
    throw new Error(path);
  };
  const publish = new RTCPeerConnection();
  for (const track of media.getTracks()) {
    const transceiver = publish.addTransceiver(track, {direction: 'sendonly', streams: [media]});
    if (track.kind === 'video') transceiver.setCodecPreferences(
      RTCRtpSender.getCapabilities('video').codecs.filter(c => c.mimeType === 'video/H264'));
  }
  await post(publish, `/whip/${room}.${name}`);
  window.playMix = async () => {
    const play = new RTCPeerConnection();
    for (const kind of ['audio', 'video']) play.addTransceiver(kind, {direction: 'recvonly'});
    const video = Object.assign(document.createElement('video'), {id: 'mix', autoplay: true, srcObject: new MediaStream()});
    document.body.append(video);
    play.ontrack = e => video.srcObject.addTrack(e.track);
    await post(play, `/whep/${room}.mix~${name}`);
    window.partyline = {pcPlay: play, pcPublish: publish};
  };
}"""


def test_the_same_room_with_an_sfu_written_by_others(stage, folder):
    sfu = stage.keep(PionSfu(folder)).start()
    gateway = stage.gateway({"sfu": sfu.settings()})
    alice = stage.phone("alice").dial(gateway.sip_uri("demo"))
    carol = stage.browser("carol")
    carol.open(sfu.url + "/stats")
    carol.evaluate(PUBLISH_AND_PLAY, ["demo", "carol"])
    sfu.hook(gateway, "on_publish", "demo", "carol", "c1")
    sfu.hook(gateway, "on_play", "demo", "mix~carol", "c2")
    gateway.wait_legs("demo", 2)
    carol.evaluate("() => window.playMix()")
    carol.wait("() => document.getElementById('mix').videoWidth > 0", 20)
    time.sleep(4)
    seen = carol.record(4, folder / "carol.webm")
    judge.assert_shows(judge.picture(seen, folder / "carol.png"), ["alice", "carol"], "carol")
    judge.assert_hears(judge.sound(seen, 1), ["alice"], ["carol"], "carol")
    judge.assert_shows(judge.picture(alice.snapshot(folder / "alice.png")), ["alice", "carol"], "alice")
    judge.assert_hears(judge.sound(alice.received())[-2 * judge.RATE:], ["carol"], ["alice"], "alice")

    # The publisher leaves and comes back, as the hooks tell it.
    sfu.hook(gateway, "on_unpublish", "demo", "carol", "c1")
    gateway.wait_legs("demo", 1)
    sfu.hook(gateway, "on_publish", "demo", "carol", "c3")
    gateway.wait_legs("demo", 2)
