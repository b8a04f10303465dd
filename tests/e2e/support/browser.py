"""A real browser: headless Chromium with a camera and a microphone of the test's own, driven through playwright-core."""
import base64
import json
import os
import pathlib
import select
import subprocess
import time

from .media import wav_file, y4m_file
from .process import HOME, PATIENCE, ROOT, die_with_the_tests, run

FOLDER = ROOT / "tests/e2e"

# Records what the page's player receives, until window.stopRecording(), which resolves to base64 of a WebM file.
RECORD = """() => {
  const stream = new MediaStream(window.partyline.pcPlay.getReceivers().map(r => r.track).filter(t => t));
  const recorder = new MediaRecorder(stream, {mimeType: 'video/webm;codecs=vp8,opus', videoBitsPerSecond: 3000000});
  const parts = [];
  recorder.ondataavailable = e => parts.push(e.data);
  const recorded = new Promise((resolve, reject) => {
    recorder.onerror = e => reject(String(e.error));
    recorder.onstop = async () => {
      const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
      let text = '';
      for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
      resolve(btoa(text));
    };
  });
  window.stopRecording = () => { recorder.stop(); return recorded; };
  recorder.start(500);
}"""

# What the page's player shows, as base64 of a PNG file.
SNAPSHOT = """() => {
  const video = document.getElementById('mix');
  const canvas = Object.assign(document.createElement('canvas'), {width: video.videoWidth, height: video.videoHeight});
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.toDataURL('image/png').split(',')[1];
}"""

# Publishes camera and microphone with one video codec, and makes playMix() ready, on a page of the same origin as the two URLs.
PUBLISH_AND_PLAY = """async ([publishUrl, playUrl, codec]) => {
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
      RTCRtpSender.getCapabilities('video').codecs.filter(c => c.mimeType === codec));
  }
  await post(publish, publishUrl);
  window.playMix = async () => {
    const play = new RTCPeerConnection();
    for (const kind of ['audio', 'video']) play.addTransceiver(kind, {direction: 'recvonly'});
    const video = Object.assign(document.createElement('video'), {id: 'mix', autoplay: true, srcObject: new MediaStream()});
    document.body.append(video);
    play.ontrack = e => video.srcObject.addTrack(e.track);
    await post(play, playUrl);
    window.partyline = {pcPlay: play, pcPublish: publish};
  };
}"""


# Plays what the URL has, on a page of the same origin; its offer lacks what is left out, a line each.
WATCH = """async ([url, leftOut]) => {
  const play = new RTCPeerConnection();
  for (const kind of ['audio', 'video']) play.addTransceiver(kind, {direction: 'recvonly'});
  const video = Object.assign(document.createElement('video'), {autoplay: true, muted: true, srcObject: new MediaStream()});
  document.getElementById('mix')?.remove();
  video.id = 'mix';
  document.body.append(video);
  play.ontrack = e => video.srcObject.addTrack(e.track);
  await play.setLocalDescription(await play.createOffer());
  if (play.iceGatheringState !== 'complete') await new Promise(done => {
    play.onicegatheringstatechange = () => play.iceGatheringState === 'complete' && done(); });
  const offer = play.localDescription.sdp.split('\\r\\n').filter(line => !leftOut.some(part => line.includes(part))).join('\\r\\n');
  const answer = await fetch(url, {method: 'POST', headers: {'Content-Type': 'application/sdp'}, body: offer});
  if (answer.status !== 201) throw new Error(`${url}: ${answer.status}`);
  await play.setRemoteDescription({type: 'answer', sdp: await answer.text()});
  window.partyline = {pcPlay: play};
}"""


# Publishes a tone and nothing else, on a page of the same origin.
PUBLISH_TONE = """async ([url, hz]) => {
  const context = new AudioContext();
  const tone = new OscillatorNode(context, {frequency: hz}), loudness = new GainNode(context, {gain: 0.25});
  const out = context.createMediaStreamDestination();
  tone.connect(loudness).connect(out);
  tone.start();
  await context.resume();
  const publish = window.tonePublisher = new RTCPeerConnection();  // kept from being collected
  publish.addTransceiver(out.stream.getAudioTracks()[0], {direction: 'sendonly', streams: [out.stream]});
  await publish.setLocalDescription(await publish.createOffer());
  if (publish.iceGatheringState !== 'complete') await new Promise(done => {
    publish.onicegatheringstatechange = () => publish.iceGatheringState === 'complete' && done(); });
  const answer = await fetch(url, {method: 'POST', headers: {'Content-Type': 'application/sdp'}, body: publish.localDescription.sdp});
  if (answer.status !== 201) throw new Error(`${url}: ${answer.status}`);
  await publish.setRemoteDescription({type: 'answer', sdp: await answer.text()});
}"""


class Browser:
    def __init__(self, folder, name, place=HOME, trusted=(), camera="640x360", sound=None):
        """`trusted`: origins that get camera and microphone although they are neither https nor localhost; `sound`: a WAV file,
        the party's tone otherwise."""
        self.name, self.place, self.trusted, self.camera, self.sound = name, place, trusted, camera, sound or wav_file(name)
        self.folder = pathlib.Path(folder) / f"browser-{name}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.popen = None

    def start(self):
        with self.place.inside():
            self.popen = subprocess.Popen(
                ["node", str(FOLDER / "support/browser.mjs"), str(self.sound), str(y4m_file(self.name, self.camera))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.folder / "log", "ab"), cwd=FOLDER,
                env={**os.environ, "TRUSTED_ORIGINS": ",".join(self.trusted)}, start_new_session=True,
                preexec_fn=die_with_the_tests)
        self.pid = self._read()["pid"]
        assert self.pid > 0, "the browser's process was not found"
        return self

    def _read(self, seconds=60):
        """The next answer; never waits for ever."""
        ready, _, _ = select.select([self.popen.stdout], [], [], seconds * PATIENCE)
        assert ready, f"{self.name}'s browser did not answer in {seconds * PATIENCE} s"
        line = self.popen.stdout.readline()
        assert line, f"{self.name}'s browser ended: " + (self.folder / "log").read_text(errors="replace")[-1500:]
        answer = json.loads(line)
        assert "error" not in answer, f"{self.name}'s browser: {answer['error']}"
        return answer

    def ask(self, command, **arguments):
        self.popen.stdin.write((json.dumps({"command": command, **arguments}) + "\n").encode())
        self.popen.stdin.flush()
        return self._read().get("value")

    def open(self, url):
        return self.ask("open", url=url)

    def evaluate(self, script, argument=None):
        return self.ask("evaluate", script=script, argument=argument)

    def publish(self, publish_url, play_url, codec="video/H264"):
        return self.evaluate(PUBLISH_AND_PLAY, [publish_url, play_url, codec])

    def publish_tone(self, url, hz):
        return self.evaluate(PUBLISH_TONE, [url, hz])

    def watch(self, url, left_out=()):
        return self.evaluate(WATCH, [url, list(left_out)])

    def click(self, selector):
        return self.ask("click", selector=selector)

    def fill(self, selector, text):
        return self.ask("fill", selector=selector, text=text)

    def join(self, sees_picture=True):
        """Presses the button of the join page, which must be open, and waits until media flows."""
        self.wait("() => window.partyline && !document.getElementById('join').disabled")
        self.click("#join")
        self.wait("() => window.partyline.pcPlay && window.partyline.pcPlay.connectionState === 'connected' && "
                  "window.partyline.pcPublish && window.partyline.pcPublish.connectionState === 'connected'", 20)
        if sees_picture:
            self.wait("() => document.getElementById('mix').videoWidth > 0", 20)

    def wait(self, script, seconds=15):
        return self.ask("wait", script=script, timeout=seconds * PATIENCE * 1000)

    def screenshot(self, path):
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        return self.ask("screenshot", path=str(path))

    def snapshot(self, path):
        """What the player shows at this moment."""
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(path).write_bytes(base64.b64decode(self.evaluate(SNAPSHOT)))
        return path

    def record(self, seconds, path):
        self.start_recording()
        time.sleep(seconds)
        return self.stop_recording(path)

    def start_recording(self):
        self.evaluate(RECORD)

    def stop_recording(self, path):
        data = base64.b64decode(self.evaluate("() => window.stopRecording()"))
        raw = pathlib.Path(path).with_suffix(".raw.webm")
        raw.parent.mkdir(parents=True, exist_ok=True)
        raw.write_bytes(data)
        # MediaRecorder writes no duration and no cues: put it into a file that tools can seek in.
        run(["ffmpeg", "-v", "error", "-y", "-i", raw, "-c", "copy", path])
        return path

    def kill(self):
        """As if the machine lost power: no farewell of any kind."""
        import signal
        for pid in (self.pid, self.popen.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.popen.wait(5)

    def stop(self):
        if self.popen and self.popen.poll() is None:
            try:
                self.ask("close")
                self.popen.stdin.close()
                self.popen.wait(8)
            except (OSError, AssertionError, subprocess.TimeoutExpired):
                self.kill()
