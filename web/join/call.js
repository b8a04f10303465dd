// The call: one session that publishes us and one that plays the room, and the facts the page shows about them.
// No page elements here but the <video> that plays.

import { ScreenShare } from './screen.js';
import { MediaSession, preferCodecs } from './session.js';

const kVideoBitsPerSecond = 1_000_000;
// Largest first: a server that takes only one of them takes the first.
const kLayers = [
  { rid: 'h', maxBitrate: 1_500_000, maxFramerate: 30 },
  { rid: 'm', maxBitrate: 500_000, maxFramerate: 30, scaleResolutionDownBy: 2 },
  { rid: 'l', maxBitrate: 150_000, maxFramerate: 15, scaleResolutionDownBy: 4 },
];
const kVoiceBitsPerSecond = 48_000, kMusicBitsPerSecond = 160_000;
const kSilenceMs = 10000;   // connected, media came before, nothing comes now
const kWatchMs = 1000;

export class Call extends EventTarget {
  constructor({ urls, token, devices, video, simulcast = false, redundancy = false }) {
    super();
    Object.assign(this, { urls, token, devices, video, simulcast, redundancy });
    this.publishing = Boolean(devices.audioTrack || devices.videoTrack);
    this.state = 'joining';
    this.problem = null;
    this.seconds = 0;
    this.remote = new MediaStream();
    this.senders = {};
    this.pictures = false;
    this.onDevices = () => this.#sendTracks();
    devices.addEventListener('change', this.onDevices);
    video.srcObject = this.remote;
    video.onresize = () => this.#showPictures(video.videoWidth > 0);  // the first decoded picture, sooner than statistics
    if (this.publishing) {
      this.publish = new MediaSession({
        url: urls.publish, token, prepare: (pc) => this.#preparePublish(pc), stereo: devices.music, onstate: (...facts) => this.#onPublish(...facts),
      });
    }
    this.screen = new ScreenShare({ url: urls.screen, token });
    this.screen.addEventListener('change', () => this.#say('change'));
    this.play = new MediaSession({
      url: this.publishing ? urls.playOwn : urls.playAll, token, prepare: (pc) => this.#preparePlay(pc),
      // "No such stream" and "busy" mean that the mix is not there yet.
      patient: ['missing', 'taken'], onstate: (...facts) => this.#onPlay(...facts),
    });
  }

  start() {
    // Who publishes first asks for his name; only then is there a mix without him.
    (this.publish ?? this.play).start();
    this.watchdog = setInterval(() => this.#watch(), kWatchMs);
  }

  stop() {
    clearInterval(this.watchdog);
    this.devices.removeEventListener('change', this.onDevices);
    this.screen.stop();
    this.publish?.stop();
    this.play.stop();
    this.video.onresize = null;
    this.video.srcObject = null;
    this.state = 'left';
  }

  hurry() {
    this.publish?.hurry();
    this.screen.hurry();
    this.play.hurry();
  }

  #preparePublish(pc) {
    const stream = new MediaStream();
    const add = (kind, ...encodings) => {
      const transceiver = pc.addTransceiver(this.devices[`${kind}Track`] ?? kind, { direction: 'sendonly', streams: [stream], sendEncodings: encodings });
      preferCodecs(transceiver, kind, 'send', this.redundancy && !this.devices.music);
      this.senders[kind] = transceiver.sender;
    };
    add('audio', { maxBitrate: this.devices.music ? kMusicBitsPerSecond : kVoiceBitsPerSecond });
    add('video', ...(this.simulcast ? kLayers : [{ maxBitrate: kVideoBitsPerSecond, maxFramerate: 30 }]));
  }

  #preparePlay(pc) {
    for (const kind of ['audio', 'video']) preferCodecs(pc.addTransceiver(kind, { direction: 'recvonly' }), kind, 'receive');
    this.remote.getTracks().forEach((track) => this.remote.removeTrack(track));
    this.lastBytes = 0;
    this.lastMedia = 0;
    pc.addEventListener('track', ({ track }) => {
      this.remote.addTrack(track);
      this.video.play().then(() => this.#say('playing'), (error) => {
        if (error.name === 'NotAllowedError') this.#say('blocked');
      });
    });
  }

  /** Devices come, go and change during a call without a new offer. */
  #sendTracks() {
    for (const kind of ['audio', 'video']) {
      const track = this.devices[`${kind}Track`];
      if (this.senders[kind] && this.senders[kind].track !== track) this.senders[kind].replaceTrack(track).catch(() => {});
    }
  }

  #onPublish(state, facts) {
    if (state === 'fatal') return this.#end(facts.problem);
    if (state === 'connected' && this.play.state === 'idle') this.play.start();
    if (state === 'connected') this.play.hurry();
    this.#judge();
    this.#remember(state, facts);
  }

  #onPlay(state, facts) {
    if (state === 'fatal') return this.#end(facts.problem);
    this.#judge();
    this.#remember(state, facts);
  }

  #remember(state, { problem, seconds }) {
    if (state === 'waiting') Object.assign(this, { problem, seconds });
    this.#say('change');
  }

  #judge() {
    const publish = this.publish?.state ?? 'connected';
    const play = this.play.state;
    if (publish === 'connected' && play === 'connected') this.state = 'in-room';
    else if (publish === 'connected' && play === 'waiting' && this.play.patient.has(this.play.problemKind)) this.state = 'in-room';
    else if (this.state !== 'joining' || publish === 'waiting') this.state = 'reconnecting';
  }

  #end(problem) {
    this.problem = problem;
    this.stop();
    this.state = 'error';
    this.#say('ended');
  }

  async #watch() {
    const pc = this.play.pc;
    if (!pc || this.play.state !== 'connected') return;
    let bytes = 0, frames = 0;
    (await pc.getStats()).forEach((report) => {
      if (report.type !== 'inbound-rtp') return;
      bytes += report.bytesReceived || 0;
      frames += report.framesDecoded || 0;
    });
    if (pc !== this.play.pc) return;
    const now = performance.now();
    if (bytes > this.lastBytes) this.lastMedia = now;
    this.lastBytes = bytes;
    this.#showPictures(frames > 0);
    // A mix that never came is not lost: its server says when it comes. One that stopped is asked for again.
    if (this.lastMedia && now - this.lastMedia > kSilenceMs) this.play.restart();
  }

  #showPictures(there) {
    if (this.pictures === there) return;
    this.pictures = there;
    this.#say('change');
  }

  #say(what) {
    this.dispatchEvent(new Event(what));
  }
}
