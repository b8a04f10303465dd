// The page: lobby, room, and the wires between form, devices and call.

import { Call } from './call.js';
import { Devices, LevelMeter } from './devices.js';
import { endpoints, initialOf, inviteLink, isStreamName, readAddress, streamNameFor } from './names.js';
import { ScreenShare } from './screen.js';
import { captureWords, joinWords, retryWords } from './words.js';

const $ = (id) => document.getElementById(id);
const devices = new Devices();
// Whether the server takes the camera in several sizes and shows each viewer the one he needs, and takes sound twice (RED).
const settings = fetch('settings.json', { signal: AbortSignal.timeout(3000) }).then((answer) => answer.json()).catch(() => ({}));
const meter = new LevelMeter(showLevel);
const kLeft = { title: 'You left the room', text: 'Join again whenever you like.', calm: true };
let call = null;
let wakeLock = null;

/** For tests and for curious people: what the page is doing. */
window.partyline = {
  get state() { return call?.state ?? document.body.dataset.view; },
  get pcPublish() { return call?.publish?.pc ?? null; },
  get pcPlay() { return call?.play?.pc ?? null; },
};

// ---- lobby ----------------------------------------------------------------------------------------------------------

function fillForm() {
  const address = readAddress(location);
  $('room').value = address.room || 'demo';
  $('name').value = address.name || recall('name');
  $('token').value = address.token || recall('token', sessionStorage);
  if ($('token').value) $('token-row').hidden = false;
  if (address.room) $('join-title').textContent = `Join “${address.room}”`;
  ($('name').value ? $('join') : $('name')).focus({ preventScroll: true });
  showDialHint();
  showName();
}

function showDialHint() {
  const room = $('room').value.trim();
  $('dial-hint').textContent = isStreamName(room) ? `By phone: dial sip:${room}@${location.hostname}` : '';
}

function showName() {
  $('preview-initial').textContent = initialOf($('name').value);
}

/** Camera and microphone, as far as they are there yet; whoever joins at once waits for them, not for a question left unanswered. */
let opening = Promise.resolve();

function openDevices() {
  opening = askForDevices();
  return opening;
}

const patience = (ms) => new Promise((later) => setTimeout(later, ms));

async function askForDevices() {
  $('preview-note').textContent = 'Asking for your camera and microphone…';
  hideNotice();
  devices.large = (await settings).simulcast === true;
  await devices.open();
  const { audio, video } = devices.errors;
  if (audio && video) showNotice(captureWords(video, 'camera and microphone'));
  else if (video && devices.camOn) showNotice(captureWords(video, 'camera'));
  else if (audio) showNotice(captureWords(audio, 'microphone'));
}

function chooseMusic(on) {
  remember('music', on ? '1' : '');
  opening = opening.then(() => devices.setMusic(on));  // the microphone may only just be opening for a voice
}

async function showDevices() {
  const video = devices.videoTrack;
  for (const element of [$('preview'), $('self-video')]) show(element, video);
  meter.watch(devices.audioTrack);
  $('preview-empty').hidden = Boolean(video && devices.camOn);
  $('preview-note').textContent = video || devices.errors.video ? 'No camera' : devices.camOn ? 'Asking for your camera…' : 'Your camera is off';
  $('self').classList.toggle('dark', !(video && devices.camOn));
  $('self-muted').toggleAttribute('hidden', devices.micOn && Boolean(devices.audioTrack));
  paintToggle([$('lobby-mic'), $('mic')], devices.micOn, Boolean(devices.audioTrack), 'mic', ['Mute', 'Unmute'], ['Mute microphone', 'Unmute microphone'], 'M');
  paintToggle([$('lobby-cam'), $('cam')], devices.camOn, Boolean(video) || !devices.camOn, 'cam', ['Camera off', 'Camera on'], ['Turn camera off', 'Turn camera on'], 'V');
  $('join').textContent = devices.audioTrack || video ? 'Join' : devices.errors.audio || devices.errors.video ? 'Join to watch and listen' : 'Join';
  const lists = await devices.list();
  fillSelect($('mic-select'), lists.audio, devices.audioTrack, 'No microphone');
  fillSelect($('cam-select'), lists.video, video, devices.camOn ? 'No camera' : 'Camera is off');
}

function show(element, track) {
  const current = element.srcObject?.getVideoTracks()[0] ?? null;
  if (current !== track) element.srcObject = track ? new MediaStream([track]) : null;
}

function paintToggle(buttons, on, available, icon, labels, titles, key) {
  for (const button of buttons) {
    const off = !on || !available;
    button.classList.toggle('off', off);
    button.disabled = !available;
    button.setAttribute('aria-label', titles[on ? 0 : 1]);
    button.title = available ? `${titles[on ? 0 : 1]} (${key})` : 'Not available';
    button.querySelector('use').setAttribute('href', `#i-${icon}${off ? '-off' : ''}`);
    const label = button.querySelector('.label');
    if (label) label.textContent = labels[on ? 0 : 1];
  }
}

function fillSelect(select, list, track, nothing) {
  const current = track?.getSettings().deviceId ?? '';
  const options = track || list.length ? list : [];
  select.replaceChildren(...(options.length ? options.map(({ id, label }) => new Option(label, id, false, id === current)) : [new Option(nothing, '')]));
  select.disabled = !track || options.length === 0;
}

function showLevel(level) {
  const percent = Math.round(level * 100);
  $('meter').firstElementChild.style.transform = `scaleX(${level.toFixed(3)})`;
  $('meter').setAttribute('aria-valuenow', String(percent));
  $('mic').style.setProperty('--voice', level.toFixed(3));
}

function showNotice({ title, text, retry, calm }) {
  $('notice').dataset.tone = calm ? 'calm' : 'bad';
  $('notice-title').textContent = title;
  $('notice-text').textContent = text.replace(/\s+/g, ' ');
  $('notice-action').hidden = !retry;
  $('notice-action').textContent = 'Try again';
  $('notice').hidden = false;
  $('notice').scrollIntoView({ block: 'nearest' });
}

function hideNotice() {
  $('notice').hidden = true;
}

function fieldError(field, text) {
  const line = $(`${field}-error`);
  line.textContent = text;
  line.hidden = !text;
  $(field).toggleAttribute('aria-invalid', Boolean(text));
  if (text) $(field).focus();
  return !text;
}

async function join() {
  const name = $('name').value.trim();
  const room = $('room').value.trim();
  const roomGood = fieldError('room', isStreamName(room) ? '' : room ? 'Only letters, digits, and . _ - please, 64 at most.' : 'Which room?');
  const nameGood = fieldError('name', name ? '' : 'Tell the others who you are.');
  if (!nameGood || !roomGood) return;
  if (typeof RTCPeerConnection === 'undefined') return showNotice(joinWords({ kind: 'unsupported' }, { name, room }));
  hideNotice();
  $('join').disabled = true;
  await Promise.race([opening, patience(3000)]);
  $('join').disabled = false;
  remember('name', name);
  remember('token', $('token').value.trim(), sessionStorage);  // for a reload, not for the next user of this browser
  const { stream, display } = streamNameFor(name);
  $('room-title').textContent = room;
  $('self-name').textContent = name;
  $('self-off').textContent = initialOf(name);
  call = new Call({ urls: endpoints(document.baseURI, room, stream, display), token: $('token').value.trim(), devices, video: $('mix'), ...(await settings) });
  $('self').hidden = !call.publishing;
  for (const id of ['mic', 'cam']) $(id).hidden = !call.publishing;
  call.addEventListener('change', showCall);
  call.addEventListener('playing', () => showPlayback(true));
  call.addEventListener('blocked', () => showPlayback(false));
  call.addEventListener('ended', () => backToLobby(joinWords(call.problem, { name, room }), call.problem));
  document.title = `${room} · Partyline`;
  history.replaceState(null, '', inviteLink(document.baseURI, room));
  view('call');
  $('screen').hidden = !call.publishing || !ScreenShare.possible;
  showPlayback(true);
  showCall();
  call.start();
  keepAwake();
}

// ---- room -----------------------------------------------------------------------------------------------------------

function showCall() {
  if (!call) return;
  const [tone, text] = {
    joining: ['busy', 'Connecting'],
    'in-room': ['good', call.publishing ? 'Connected' : 'Watching'],
    reconnecting: ['bad', 'Reconnecting'],
  }[call.state] ?? ['busy', 'Connecting'];
  const pill = $('link-state');
  if (pill.lastElementChild.textContent !== text) pill.lastElementChild.textContent = text;
  pill.dataset.tone = tone;
  const troubled = call.state === 'reconnecting' && call.problem;
  showTrouble(troubled ? retryWords(call.problem, call.seconds) : '');
  showScreen();
  $('stage').classList.toggle('live', call.pictures && call.play.state === 'connected');
  $('stage-text').textContent = call.state === 'joining' ? 'Joining the room…'
    : call.state === 'reconnecting' ? 'Coming back…' : 'You are in. The picture starts when the room has one.';
}

function showTrouble(text) {
  $('banner').hidden = !text;
  $('banner').textContent = text;
}

function showScreen() {
  const { active, problem } = call.screen;
  if (problem) {
    const { title, text } = joinWords(problem, { name: 'Your screen', room: $('room').value.trim() });
    showTrouble(`Your screen is not shared. ${title}: ${text}`);
  }
  $('screen').classList.toggle('on', active);
  const does = active ? 'Stop sharing your screen' : 'Share your screen';
  Object.assign($('screen'), { ariaLabel: does, title: does });
  $('screen').querySelector('.label').textContent = active ? 'Stop' : 'Present';
}

async function toggleScreen() {
  if (call.screen.active) return call.screen.stop();
  const { screen } = call;
  try {
    await screen.start();
    if (call?.screen !== screen) screen.stop();  // left while the browser was asking
  } catch (error) {
    if (error.name !== 'NotAllowedError') showTrouble(`Your screen cannot be shared: ${error.message}`);
  }
}

function showPlayback(allowed) {
  $('unmute-playback').hidden = allowed;
  $('stage').classList.toggle('needs-click', !allowed);
}

function backToLobby(notice, problem) {
  const wasFullScreen = document.fullscreenElement;
  if (wasFullScreen) document.exitFullscreen().catch(() => {});
  wakeLock?.release().catch(() => {});
  view('lobby');
  document.title = 'Partyline';
  showNotice(notice);
  if (problem?.kind === 'denied') $('token-row').hidden = false;
  const field = notice.field;
  if (field) $(field).focus();
  else $('join').focus();
  call = null;
}

function leave() {
  if (!call) return;
  call.stop();
  backToLobby(kLeft);
}

function view(name) {
  document.body.dataset.view = name;
  $('lobby').hidden = name !== 'lobby';
  $('call').hidden = name !== 'call';
}

async function keepAwake() {
  try {
    wakeLock = await navigator.wakeLock?.request('screen');
  } catch {
    // Only comfort.
  }
}

function invite() {
  const room = $('room').value.trim();
  $('invite-link').value = inviteLink(document.baseURI, room);
  $('invite-sip').value = `sip:${room}@${location.hostname}`;
  $('copied').textContent = '';
  $('invite').showModal();
}

async function copy(id) {
  $(id).select();
  try {
    await navigator.clipboard.writeText($(id).value);  // missing on insecure pages
  } catch {
    document.execCommand('copy');
  }
  $('copied').textContent = 'Copied.';
}

function toggleFull() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if ($('call').requestFullscreen) $('call').requestFullscreen().catch(() => {});
  else $('mix').webkitEnterFullscreen?.();  // iPhone
}

function announce(text) {
  $('announcer').textContent = text;
}

function toggleMic() {
  if (!devices.audioTrack) return;
  devices.setMic(!devices.micOn);
  announce(devices.micOn ? 'Microphone on' : 'Microphone muted');
}

function toggleCam() {
  devices.setCam(!devices.camOn);
  announce(devices.camOn ? 'Camera on' : 'Camera off');
}

// ---- wires ----------------------------------------------------------------------------------------------------------

function recall(key, storage = localStorage) {
  try {
    return storage.getItem(`partyline.${key}`) ?? '';
  } catch {
    return '';
  }
}

function remember(key, value, storage = localStorage) {
  try {
    storage.setItem(`partyline.${key}`, value);
  } catch {
    // Private windows may refuse.
  }
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches('input, select, textarea') || $('invite').open) return;
  const action = { m: toggleMic, v: toggleCam, f: call && toggleFull }[event.key.toLowerCase()];
  if (action) action();
}

$('join-form').addEventListener('submit', (event) => { event.preventDefault(); join(); });
$('notice-action').addEventListener('click', openDevices);
$('mic-select').addEventListener('change', (event) => devices.choose('audio', event.target.value));
$('cam-select').addEventListener('change', (event) => devices.choose('video', event.target.value));
for (const id of ['lobby-mic', 'mic']) $(id).addEventListener('click', toggleMic);
for (const id of ['lobby-cam', 'cam']) $(id).addEventListener('click', toggleCam);
$('share').addEventListener('click', invite);
$('screen').addEventListener('click', toggleScreen);
$('music').addEventListener('change', (event) => chooseMusic(event.target.checked));
$('full').addEventListener('click', toggleFull);
$('leave').addEventListener('click', leave);
$('unmute-playback').addEventListener('click', () => $('mix').play().then(() => showPlayback(true)));
$('name').addEventListener('input', () => { fieldError('name', ''); showName(); });
$('room').addEventListener('input', () => { fieldError('room', ''); showDialHint(); });
document.querySelectorAll('[data-copy]').forEach((button) => button.addEventListener('click', () => copy(button.dataset.copy)));
document.addEventListener('keydown', onKey);
document.addEventListener('pointerdown', () => meter.resume());
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  call?.hurry();
  if (call) keepAwake();
});
window.addEventListener('online', () => call?.hurry());
window.addEventListener('pagehide', () => call?.stop());
window.addEventListener('pageshow', (event) => { if (event.persisted && call) backToLobby(kLeft); });
devices.addEventListener('change', showDevices);

if (!document.documentElement.requestFullscreen && !HTMLVideoElement.prototype.webkitEnterFullscreen) $('full').hidden = true;
$('music').checked = devices.music = recall('music') === '1';
fillForm();
openDevices();
