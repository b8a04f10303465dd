// What we show of our screen: a stream of its own beside the camera's, which takes the room's presentation region.
// Pictures alone: its sound would come back to whoever shares it.

import { MediaSession, preferCodecs } from './session.js';

const kBitsPerSecond = 2_500_000;
const kTellMs = 8000;  // how long the page says why the server would not have it
const kCapture = { video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { max: 15 } }, audio: false };

export class ScreenShare extends EventTarget {
  constructor({ url, token }) {
    super();
    Object.assign(this, { url, token, track: null, session: null, problem: null });
  }

  static get possible() {
    return Boolean(navigator.mediaDevices?.getDisplayMedia);  // phones cannot
  }

  get active() {
    return this.track !== null;
  }

  /** Asks the user what to show; throws what getDisplayMedia throws, NotAllowedError when he thought better of it. */
  async start() {
    const stream = await navigator.mediaDevices.getDisplayMedia(kCapture);
    this.stop();
    [this.track] = stream.getVideoTracks();
    if ('contentHint' in this.track) this.track.contentHint = 'detail';  // letters before movement
    this.track.onended = () => this.stop();  // the browser's own "Stop sharing"
    this.session = new MediaSession({
      url: this.url, token: this.token, prepare: (pc) => this.#prepare(pc),
      patient: ['taken'],  // by our own last session: the server lets go of it when it has noticed
      onstate: (state, facts) => { if (state === 'fatal') this.#end(facts.problem); },
    });
    this.problem = null;
    this.session.start();
    this.#say();
  }

  stop() {
    if (this.active) this.#end(null);
  }

  hurry() {
    this.session?.hurry();
  }

  #prepare(pc) {
    const stream = new MediaStream([this.track]);
    const transceiver = pc.addTransceiver(this.track, { direction: 'sendonly', streams: [stream], sendEncodings: [{ maxBitrate: kBitsPerSecond }] });
    preferCodecs(transceiver, 'video', 'send');
  }

  #end(problem) {
    this.track.onended = null;
    this.track.stop();
    this.session.stop();
    Object.assign(this, { track: null, session: null, problem });
    if (problem) setTimeout(() => { this.problem = null; this.#say(); }, kTellMs);
    this.#say();
  }

  #say() {
    this.dispatchEvent(new Event('change'));
  }
}
