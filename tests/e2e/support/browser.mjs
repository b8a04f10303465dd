// Drives one headless Chromium: commands come as JSON lines on standard input, answers go as JSON lines to standard output.
//   node browser.mjs MICROPHONE.wav CAMERA.y4m [WIDTH HEIGHT]
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {chromium} from 'playwright-core';

const [microphone, camera, width = '1280', height = '800'] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'partyline-browser-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  headless: true,
  timeout: 100000,
  viewport: {width: Number(width), height: Number(height)},
  permissions: ['camera', 'microphone'],
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
    '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${microphone}`,
    `--use-file-for-fake-video-capture=${camera}`, '--allow-loopback-in-peer-connection',
    '--disable-features=WebRtcHideLocalIpsWithMdns',
    ...(process.env.TRUSTED_ORIGINS ? [`--unsafely-treat-insecure-origin-as-secure=${process.env.TRUSTED_ORIGINS}`] : []),
  ],
});
const page = context.pages()[0] ?? await context.newPage();
page.on('console', m => process.stderr.write(`${m.type()}: ${m.text()}\n`));
page.on('pageerror', e => process.stderr.write(`page error: ${e}\n`));

// Not waitForFunction: it evaluates strings inside the page, which the page's content security policy forbids.
async function waitFor(script, timeout) {
  for (const end = Date.now() + timeout; Date.now() < end; await new Promise(later => setTimeout(later, 50))) {
    if (await page.evaluate(`(${script})()`)) return true;
  }
  throw new Error(`waited ${timeout} ms for ${script}`);
}

const actions = {
  open: ({url}) => page.goto(url).then(() => null),
  evaluate: ({script, argument}) => page.evaluate(`(${script})(${JSON.stringify(argument ?? null)})`),
  click: ({selector}) => page.click(selector, {timeout: 10000}),
  fill: ({selector, text}) => page.fill(selector, text, {timeout: 10000}),
  wait: ({script, timeout}) => waitFor(script, timeout),
  screenshot: ({path}) => page.screenshot({path}).then(() => path),
  close: () => context.close().then(() => null),
};

// playwright-core does not tell the browser's pid: it is the process that holds our profile.
function browserPid() {
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (line.includes(profile) && !line.includes('--type=')) return Number(pid);
    } catch { /* ended meanwhile */ }
  }
  return 0;
}

const answer = value => process.stdout.write(JSON.stringify(value) + '\n');
answer({pid: browserPid()});
for await (const line of createInterface({input: process.stdin})) {
  const request = JSON.parse(line);
  try {
    answer({value: (await actions[request.command](request)) ?? null});
  } catch (error) {
    answer({error: String(error)});
  }
  if (request.command === 'close') break;
}
await context.close().catch(() => {});
rmSync(profile, {recursive: true, force: true});
process.exit(0);
