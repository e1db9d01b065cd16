// Walks one journey through the page for people, in headless Chromium, as people would.
//
//   node test/journey.mjs <address of Cloakroom> <journey> [<more for the journey> …]
//
// A journey is a function of journeys/*.mjs. It fails when a step does not come about, and also when a page prints an error,
// breaks its policy, or asks anything of another host. CHROMIUM names the browser (default /usr/bin/chromium), FAILED a PNG
// to write where a journey fails.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [base, name, ...more] = process.argv.slice(2);
const origin = new URL(base).origin;
const PASSWORD = 'a long walk home';
const TIMEOUT_MS = 30_000;
/** A whole journey: one that waits for what never comes has to end. */
const JOURNEY_MS = 180_000;

const folder = new URL('./journeys/', import.meta.url);
const files = (await readdir(folder)).filter((file) => file.endsWith('.mjs'));
const modules = await Promise.all(files.map((file) => import(new URL(file, folder))));
const journey = modules.map((module) => module[name]).find(Boolean);
assert.ok(journey, `there is no journey ${name}`);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--mute-audio'],
});
const faults = [];
/** Origins that a journey leads to, besides Cloakroom's. */
const friends = new Set([origin]);
const contexts = [];
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** A browser of its own; whatever must not happen in its pages is noted. `expected`: console errors that belong to the journey. */
async function window(options = {}, expected = /^$/) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', baseURL: base, ...options });
  context.setDefaultTimeout(TIMEOUT_MS);
  contexts.push(context);
  context.on('page', (page) => {
    page.on('pageerror', (error) => faults.push(`script error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !expected.test(message.text())) faults.push(`console error: ${message.text()}`);
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (!friends.has(url.origin) && !['data:', 'blob:', 'about:'].includes(url.protocol)) faults.push(`request to another host: ${url}`);
    });
  });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy violation: ${event.violatedDirective} refused ${event.blockedURI || 'inline'} ${event.sample}`);
    });
  });
  return context.newPage();
}

/** Asks the API with the cookies of a page. */
async function ask(page, query, variables = {}) {
  const answer = await (await page.request.post('/graphql', { data: { query, variables } })).json();
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}

/** Somebody with an account of this name, who is signed in and looks at the list of files. */
async function person(username, options = {}, expected = undefined) {
  const page = await window(options, expected);
  await ask(page, 'mutation($u: String!, $p: String!) { signUp(username: $u, password: $p) { id } }', { u: username, p: PASSWORD });
  await page.goto('/');
  return page;
}

/** Uploads a file by the API; its id. */
async function uploaded(page, file, bytes = 'hello') {
  const answer = await page.request.post('/graphql', {
    multipart: {
      operations: JSON.stringify({ query: 'mutation($f: Upload!) { uploadFile(file: $f) { id } }', variables: { f: null } }),
      map: JSON.stringify({ file: ['variables.f'] }),
      file: { name: file, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) },
    },
  });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data.uploadFile.id;
}

/** Has the test do something with the server, and waits until it has. */
async function tell(line) {
  console.log(line);
  await answers.next();
}

const overdue = new Promise((_, reject) => {
  setTimeout(() => reject(new Error(`${name} does not end`)), JOURNEY_MS).unref();
});

try {
  await Promise.race([overdue, journey({ base, browser, more, window, person, ask, uploaded, tell, PASSWORD, faults, friends })]);
  assert.deepEqual(faults, []);
} catch (error) {
  const pages = contexts.flatMap((context) => context.pages());
  for (const [at, page] of pages.entries()) {
    if (process.env.FAILED) await page.screenshot({ path: `${process.env.FAILED}-${at}.png` }).catch(() => undefined);
  }
  console.error(error.stack, '\nmeanwhile:', faults);
  process.exitCode = 1;
} finally {
  await browser.close();
  process.stdin.destroy();
}
