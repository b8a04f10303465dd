// What the address bar and the form mean. Pure functions, no page.

const kStreamName = /^[A-Za-z0-9_.-]{1,64}$/;
const kScreen = '~screen';  // a stream with such a name is a screen
const kLongest = 64 - kScreen.length;  // of a stream that may have one
const kReserved = new Set(['mix', '.', '..']);

/** True when `text` can stand in a WHIP URL as it is. */
export function isStreamName(text) {
  return kStreamName.test(text) && !kReserved.has(text.toLowerCase());
}

/** ?room=demo&name=Ann, or #demo, or #room=demo&token=… (the part after # is never sent to a server). */
export function readAddress(location) {
  const query = new URLSearchParams(location.search);
  const fragment = location.hash.replace(/^#/, '');
  const hash = new URLSearchParams(fragment.includes('=') ? fragment : '');
  const bare = fragment.includes('=') ? '' : decode(fragment);
  const pick = (key) => (query.get(key) ?? hash.get(key) ?? '').trim();
  return { room: pick('room') || bare.trim(), name: pick('name'), token: pick('token') };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The stream name for a display name: the name itself where it is safe and leaves room for its screen's; else what is left of it in ASCII plus a few
 * random characters, and the name as people write it in `display`.
 */
export function streamNameFor(display, random = randomSuffix) {
  const name = display.normalize('NFC').replace(/\s+/g, ' ').trim();
  if (isStreamName(name) && name.length <= kLongest) return { stream: name, display: '' };
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9_.-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 40);
  return { stream: `${slug || 'guest'}-${random()}`, display: name };
}

function randomSuffix() {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';
  return Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => alphabet[byte % alphabet.length]).join('');
}

/** Endpoints below the page's own address, so that a reverse proxy may put everything under a path. */
export function endpoints(base, room, stream, display) {
  const query = display ? `?display=${encodeURIComponent(display)}` : '';
  const screen = `${stream}${kScreen}`;
  return {
    screen: new URL(`whip/${room}/${screen}?display=${encodeURIComponent(`${display || stream} · screen`)}`, base).href,
    publish: new URL(`whip/${room}/${stream}${query}`, base).href,
    // Who publishes gets the mix without himself; who only listens gets the whole mix.
    playOwn: new URL(`whep/${room}/mix~${stream}`, base).href,
    playAll: new URL(`whep/${room}/mix`, base).href,
  };
}

export function inviteLink(base, room) {
  const url = new URL('.', base);
  url.search = `?room=${encodeURIComponent(room)}`;
  url.hash = '';
  return url.href;
}

export function initialOf(name) {
  const [first] = new Intl.Segmenter().segment(name.trim());
  return first ? first.segment.toUpperCase() : '';
}
