// Camera and microphone: one stream that is rebuilt when a device is chosen, muted, refused or unplugged.

const kSmall = { width: { ideal: 640 }, height: { ideal: 360 } }, kLarge = { width: { ideal: 1280 }, height: { ideal: 720 } };
const kFrameRate = { ideal: 30, max: 30 };
const kVoice = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const kMusic = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: { ideal: 2 } };
const kBlackFramesMs = 250;

export class Devices extends EventTarget {
  constructor() {
    super();
    this.audioTrack = null;
    this.videoTrack = null;
    this.audioId = '';
    this.videoId = '';
    this.micOn = true;
    this.camOn = true;
    this.music = false;  // the microphone as it is, in stereo: what helps a voice spoils an instrument
    this.large = false;  // worth it only where the server takes it in several sizes
    this.errors = { audio: null, video: null };
    if (navigator.mediaDevices) navigator.mediaDevices.addEventListener('devicechange', () => this.#changed());
  }

  /** Asks for both at once (one question to the user); where that fails, for each alone, so that one may be missing. */
  async open() {
    this.errors = { audio: null, video: null };
    if (!navigator.mediaDevices?.getUserMedia) {
      const error = new DOMException('getUserMedia is missing', 'InsecureOrigin');
      this.errors = { audio: error, video: error };
      this.#changed();
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: this.#audio(), video: this.#video() });
      this.#take('audio', stream.getAudioTracks()[0]);
      this.#take('video', stream.getVideoTracks()[0]);
    } catch (both) {
      // A refusal of the common question is a refusal of both; asking twice more would only annoy.
      if (both.name === 'NotAllowedError' && !(await this.#oneIsAllowed())) {
        this.errors = { audio: both, video: both };
      } else {
        await this.#openOne('audio');
        await this.#openOne('video');
      }
    }
    this.#changed();
  }

  async choose(kind, id) {
    this[`${kind}Id`] = id;
    if (kind === 'video' && !this.camOn) return;
    await this.#openOne(kind);
    this.#changed();
  }

  async setMusic(on) {
    this.music = on;
    if (this.audioTrack) await this.#openOne('audio');
    this.#changed();
  }

  setMic(on) {
    this.micOn = on;
    if (this.audioTrack) this.audioTrack.enabled = on;
    this.#changed();
  }

  /** Off really releases the camera (its light goes out), after a few black frames so that nobody is left frozen. */
  async setCam(on) {
    this.camOn = on;
    if (on) {
      this.#changed();
      if (!this.videoTrack) await this.#openOne('video');
      else this.videoTrack.enabled = true;
    } else if (this.videoTrack) {
      this.videoTrack.enabled = false;
      this.#changed();
      await new Promise((done) => setTimeout(done, kBlackFramesMs));
      if (!this.camOn) this.#take('video', null);
    }
    this.#changed();
  }

  async list() {
    if (!navigator.mediaDevices?.enumerateDevices) return { audio: [], video: [] };
    const all = await navigator.mediaDevices.enumerateDevices();
    const named = (kind, word) => all
      .filter((device) => device.kind === kind && device.deviceId)
      .map((device, index) => ({ id: device.deviceId, label: device.label || `${word} ${index + 1}` }));
    return { audio: named('audioinput', 'Microphone'), video: named('videoinput', 'Camera') };
  }

  close() {
    this.#take('audio', null);
    this.#take('video', null);
  }

  #audio() {
    return { ...(this.music ? kMusic : kVoice), ...(this.audioId ? { deviceId: { ideal: this.audioId } } : {}) };
  }

  #video() {
    return { ...(this.large ? kLarge : kSmall), frameRate: kFrameRate, ...(this.videoId ? { deviceId: { ideal: this.videoId } } : { facingMode: 'user' }) };
  }

  async #oneIsAllowed() {
    const ask = (name) => navigator.permissions?.query({ name }).then((answer) => answer.state === 'granted', () => false);
    return (await ask('camera')) || (await ask('microphone'));
  }

  async #openOne(kind) {
    if (kind === 'video') this.#take('video', null);  // many cameras open only once
    const constraints = kind === 'audio' ? { audio: this.#audio() } : { video: this.#video() };
    try {
      const stream = await navigator.mediaDevices.getUserMedia(constraints);
      if (kind === 'video' && !this.camOn) {
        stream.getTracks().forEach((track) => track.stop());
        return;
      }
      this.#take(kind, stream.getTracks()[0]);
      this.errors[kind] = null;
    } catch (error) {
      this.#take(kind, null);
      this.errors[kind] = error;
    }
  }

  #take(kind, track) {
    const key = `${kind}Track`;
    if (this[key] && this[key] !== track) {
      this[key].onended = null;
      this[key].stop();
    }
    this[key] = track ?? null;
    if (!track) return;
    track.enabled = kind === 'audio' ? this.micOn : this.camOn;
    if (kind === 'video' && 'contentHint' in track) track.contentHint = 'motion';
    track.onended = () => {  // unplugged, or taken back by the user
      this[key] = null;
      this.errors[kind] = new DOMException('The device is gone', 'NotFoundError');
      this.#changed();
    };
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** Calls `show(0…1)` some thirty times a second with the loudness of `track`, until it is given another one. */
export class LevelMeter {
  constructor(show) {
    this.show = show;
    this.track = null;
  }

  watch(track) {
    if (track === this.track) return;
    this.track = track;
    this.source?.disconnect();
    cancelAnimationFrame(this.frame);
    this.show(0);
    const Context = window.AudioContext || window.webkitAudioContext;
    if (!track || !Context) return;
    this.context ??= new Context();
    this.analyser ??= new AnalyserNode(this.context, { fftSize: 1024 });
    this.source = this.context.createMediaStreamSource(new MediaStream([track]));
    this.source.connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
    this.level = 0;
    this.#step(0);
  }

  /** Browsers start audio suspended until the page was touched. */
  resume() {
    this.context?.resume();
  }

  #step(tick) {
    this.frame = requestAnimationFrame(() => this.#step(tick + 1));
    if (tick % 2) return;
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    const decibels = 10 * Math.log10(power + 1e-9);
    const loudness = Math.min(1, Math.max(0, (decibels + 60) / 50));  // -60 … -10 dBFS
    this.level = Math.max(loudness, this.level * 0.85);
    this.show(this.track.enabled ? this.level : 0);
  }
}
