// One WHIP or WHEP session, kept alive: POST the offer, connect, watch, DELETE, back off, again, until stop().
//
//   connecting ──▶ connected ──▶ waiting ──▶ connecting …        fatal ends the story: the page must ask its user
//
// No trickle: the server is ICE-lite and learns our address from our checks, so the offer leaves at once.

const kConnectMs = 12000;   // from the answer to connected
const kRequestMs = 10000;   // for one HTTP exchange
const kFirstRetryMs = 500;
const kLongestRetryMs = 15000;
const kHealthyMs = 30000;   // connected for so long: back-off starts over
const kLostMs = 5000;       // "disconnected" often heals by itself
const kBusyMs = 60000;      // how long our own dead session may hold our name

export class Problem extends Error {
  constructor(kind, { status = 0, detail = '' } = {}) {
    super(detail || kind);
    Object.assign(this, { kind, status, detail });
  }
}

export class MediaSession {
  /**
   * @param url     the WHIP or WHEP endpoint
   * @param prepare (pc) => void: adds transceivers before each offer
   * @param patient kinds of refusal that mean "not yet" here
   * @param stereo  what we send is two channels
   * @param onstate (state, {problem, seconds}) => void
   */
  constructor({ url, token = '', prepare, patient = [], stereo = false, onstate = () => {} }) {
    Object.assign(this, { url, token, prepare, patient: new Set(patient), stereo, onstate });
    this.state = 'idle';
    this.attempt = null;  // {pc, resource, timers}
    this.failures = 0;
    this.everConnected = false;
    this.busySince = 0;
  }

  get pc() {
    return this.attempt?.pc ?? null;
  }

  start() {
    this.#connect();
  }

  /** Ends the session; `leaving` keeps the DELETE alive while the page goes away. */
  stop() {
    this.state = 'stopped';
    clearTimeout(this.retryTimer);
    clearInterval(this.countdown);
    this.#drop(this.attempt);
    this.attempt = null;
  }

  /** The network is back, or the page is looked at again: do not sit out the back-off. */
  hurry() {
    if (this.state === 'waiting') this.#connect();
  }

  /** The owner saw that nothing arrives although the connection stands. */
  restart() {
    if (this.state === 'connected') this.#fail(this.attempt, new Problem('silent'));
  }

  async #connect() {
    clearTimeout(this.retryTimer);
    clearInterval(this.countdown);
    this.#set('connecting');
    const attempt = { pc: null, resource: '', timers: [] };
    this.attempt = attempt;
    try {
      attempt.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
      attempt.pc.addEventListener('connectionstatechange', () => this.#onConnection(attempt));
      this.prepare(attempt.pc);
      // The offer is set only when the answer is here: gathering then knows the servers that came with it (RFC 9725 §4.6).
      const plain = await attempt.pc.createOffer();
      const offer = { type: 'offer', sdp: withStereo(withAudioRepeats(plain.sdp)) };
      const { answer, iceServers } = await this.#post(attempt, offer.sdp);
      if (this.attempt !== attempt) return;
      if (iceServers.length) attempt.pc.setConfiguration({ ...attempt.pc.getConfiguration(), iceServers });
      await attempt.pc.setLocalDescription(offer).catch(() => attempt.pc.setLocalDescription(plain));
      await attempt.pc.setRemoteDescription({ type: 'answer', sdp: this.stereo ? withStereo(answer) : answer });
      attempt.timers.push(setTimeout(() => {
        if (attempt.pc.connectionState !== 'connected') this.#fail(attempt, new Problem('blocked'));
      }, kConnectMs));
    } catch (error) {
      this.#fail(attempt, error instanceof Problem ? error : new Problem('refused', { detail: error.message }));
    }
  }

  async #post(attempt, sdp) {
    let response;
    try {
      response = await fetch(this.url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/sdp', Accept: 'application/sdp', ...this.#credentials() },
        body: sdp,
        cache: 'no-store',
        signal: AbortSignal.timeout(kRequestMs),
      });
    } catch {
      throw new Problem('unreachable');
    }
    const location = response.headers.get('Location');
    if (response.status === 201 && location) {
      attempt.resource = new URL(location, response.url).href;
      if (this.attempt !== attempt) this.#release(attempt);  // stopped while the server was answering
    }
    const body = await response.text().catch(() => '');
    if (response.status !== 201) throw problemOf(response, body);
    return { answer: body, iceServers: iceServersOf(response.headers.get('Link') ?? '') };
  }

  #onConnection(attempt) {
    if (this.attempt !== attempt) return;
    const state = attempt.pc.connectionState;
    if (state === 'connected') {
      this.everConnected = true;
      this.busySince = 0;
      attempt.timers.push(setTimeout(() => { this.failures = 0; }, kHealthyMs));
      this.#set('connected');
    } else if (state === 'disconnected') {
      attempt.timers.push(setTimeout(() => {
        if (attempt.pc.connectionState === 'disconnected') this.#fail(attempt, new Problem('lost'));
      }, kLostMs));
    } else if (state === 'failed' || state === 'closed') {
      this.#fail(attempt, new Problem(this.everConnected ? 'lost' : 'blocked'));
    }
  }

  #fail(attempt, problem) {
    this.#drop(attempt);
    if (this.attempt !== attempt) return;
    this.attempt = null;
    problem.hadToken = this.token !== '';
    this.problemKind = problem.kind;
    if (this.#isFatal(problem)) {
      this.#set('fatal', { problem });
      return;
    }
    const base = Math.min(kLongestRetryMs, kFirstRetryMs * 2 ** this.failures++);
    const delay = base * (0.75 + Math.random() / 2);
    let left = Math.ceil(delay / 1000);
    this.#set('waiting', { problem, seconds: left });
    this.countdown = setInterval(() => {
      left = Math.max(0, left - 1);
      this.onstate('waiting', { problem, seconds: left });
    }, 1000);
    this.retryTimer = setTimeout(() => this.#connect(), delay);
  }

  #isFatal(problem) {
    if (this.patient.has(problem.kind)) return false;
    if (problem.kind === 'taken' && this.everConnected) {
      // Our own last session: the server lets go of it when it has noticed.
      this.busySince ||= Date.now();
      return Date.now() - this.busySince > kBusyMs;
    }
    if (['lost', 'silent'].includes(problem.kind)) return false;
    if (['unreachable', 'blocked'].includes(problem.kind)) return !this.everConnected;
    return !this.everConnected || ['taken', 'denied'].includes(problem.kind);
  }

  #drop(attempt) {
    if (!attempt) return;
    attempt.timers.forEach(clearTimeout);
    this.#release(attempt);
    attempt.pc?.close();
  }

  #release(attempt) {
    if (!attempt.resource) return;
    fetch(attempt.resource, { method: 'DELETE', keepalive: true, headers: this.#credentials() }).catch(() => {});
    attempt.resource = '';
  }

  #credentials() {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }

  #set(state, facts = {}) {
    this.state = state;
    this.onstate(state, facts);
  }
}

/** Link headers with rel="ice-server", as RTCPeerConnection takes them. */
export function iceServersOf(links) {
  const servers = [];
  for (const [, urls, rest] of links.matchAll(/<((?:stun|turn)s?:[^>]*)>((?:\s*;\s*[\w-]+=(?:"(?:[^"\\]|\\.)*"|[^\s",;]+))*)/g)) {
    const facts = {};
    for (const [, name, quoted, plain] of rest.matchAll(/([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+))/g)) {
      facts[name.toLowerCase()] = plain ?? quoted.replace(/\\(.)/g, '$1');
    }
    const { rel, username, credential } = facts;
    if (rel === 'ice-server') servers.push(credential ? { urls, username: username ?? '', credential } : { urls });
  }
  return servers;
}

function problemOf(response, body) {
  const kinds = { 401: 'denied', 403: 'denied', 404: 'missing', 409: 'taken', 429: 'full', 502: 'unreachable', 503: 'unreachable', 504: 'unreachable' };
  let detail = '';
  try {
    const parsed = JSON.parse(body);  // RFC 9457
    detail = String(parsed.detail || parsed.title || '');
  } catch {
    detail = /^\s*</.test(body) ? '' : body;
  }
  return new Problem(kinds[response.status] || 'refused', { status: response.status, detail: detail.slice(0, 200).trim() });
}

/** Lost packets of sound are asked for again (RFC 4585), which browsers can do but do not offer. */
export function withAudioRepeats(sdp) {
  return sdp.replace(/^m=audio[^]*?(?=^m=|$(?![^]))/gm, (section) => {
    const opus = section.match(/^a=rtpmap:(\d+) opus\//m)?.[1];
    if (!opus || new RegExp(`^a=rtcp-fb:${opus} nack\\s*$`, 'm').test(section)) return section;
    return section.replace(new RegExp(`^a=rtpmap:${opus} .*\r\n`, 'm'), `$&a=rtcp-fb:${opus} nack\r\n`);
  });
}

/**
 * Whoever receives wants two channels (RFC 7587 §6.1). In our offer: browsers fold what they play to one unless they say that.
 * In an answer: they send one unless the server says it.
 */
export function withStereo(sdp) {
  return sdp.replace(/^m=audio[^]*?(?=^m=|$(?![^]))/gm, (section) => {
    const opus = section.match(/^a=rtpmap:(\d+) opus\//m)?.[1];
    if (!opus || !/^a=recvonly\s*$/m.test(section) || /[ ;]stereo=/.test(section)) return section;
    const parameters = new RegExp(`^a=fmtp:${opus} [^\r\n]*`, 'm');
    if (parameters.test(section)) return section.replace(parameters, '$&;stereo=1');
    return section.replace(new RegExp(`^a=rtpmap:${opus} .*\r\n`, 'm'), `$&a=fmtp:${opus} stereo=1\r\n`);
  });
}

/** Each packet of sound twice (RFC 2198), where the server takes that. */
function preferRedundancy(transceiver) {
  const codecs = RTCRtpSender.getCapabilities?.('audio')?.codecs ?? [];
  const is = (name) => (codec) => codec.mimeType.toLowerCase() === `audio/${name}`;
  const red = codecs.filter(is('red'));
  try {
    if (red.length) transceiver.setCodecPreferences([...red, ...codecs.filter((codec) => !is('red')(codec))]);
  } catch {
    // Once is enough.
  }
}

/** H.264 first (the mix is H.264, and phones send it too), VP8 behind it, nothing exotic. */
export function preferCodecs(transceiver, kind, direction, redundancy = false) {
  if (!transceiver.setCodecPreferences) return;
  if (kind === 'audio' && redundancy) preferRedundancy(transceiver);
  if (kind !== 'video') return;
  const capabilities = (direction === 'send' ? RTCRtpSender : RTCRtpReceiver).getCapabilities?.('video');
  if (!capabilities) return;
  const rank = (codec) => {
    const mime = codec.mimeType.toLowerCase();
    if (mime === 'video/h264') {
      const line = codec.sdpFmtpLine || '';
      return (line.includes('packetization-mode=1') ? 0 : 2) + (line.includes('profile-level-id=42e0') ? 0 : 1);
    }
    return { 'video/vp8': 4, 'video/rtx': 5 }[mime] ?? -1;
  };
  const wanted = capabilities.codecs.filter((codec) => rank(codec) >= 0).sort((a, b) => rank(a) - rank(b));
  try {
    if (wanted.some((codec) => rank(codec) < 5)) transceiver.setCodecPreferences(wanted);
  } catch {
    // An old browser that wants other lists: its own order will do.
  }
}
