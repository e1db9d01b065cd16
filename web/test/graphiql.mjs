// Drives the GraphiQL page of a running server in a headless Chromium, as a person would.
//
//   node test/graphiql.mjs <base URL> <username> <password>
//
// The user must exist. CHROMIUM names the browser (default /usr/bin/chromium); SCREENSHOT, if set, the PNG to write.
// Exits with 0 when everything held, else with 1 and the reason on stderr.

import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import { chromium } from 'playwright-core';

const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const TIMEOUT_MS = 15_000;

const [base, username, password] = process.argv.slice(2);
if (!base || !username || !password) {
  console.error('usage: node test/graphiql.mjs <base URL> <username> <password>');
  process.exit(2);
}
const origin = new URL(base).origin;

/** Notes what must not happen, from now until the end: it is asserted last, and told when a step fails. */
function watch(page) {
  const faults = [];
  page.on('pageerror', (error) => faults.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console error: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.origin !== origin) faults.push(`request to another origin: ${url}`);
  });
  return faults;
}

/** Has the page report violations to the console, where `watch` hears them: Chromium itself does not print them all. */
async function reportViolations(page) {
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP violation: ${event.violatedDirective} refused ${event.blockedURI || 'inline'}`);
    });
  });
}

async function openPage(page) {
  const response = await page.goto(`${base.replace(/\/$/, '')}/graphql`);
  assert.equal(response.status(), 200, 'the page answers 200');
  const policy = response.headers()['content-security-policy'] ?? '';
  assert.match(policy, /script-src 'self'(;|$)/, 'the page comes with a Content-Security-Policy');
  assert.equal(await page.title(), 'Cloakroom');
  await page.locator('.graphiql-query-editor .CodeMirror').waitFor();
}

/** Replaces the query by typing, runs it by click, and waits until the answer holds `expected`. */
async function run(page, query, expected) {
  await page.locator('.graphiql-query-editor .CodeMirror').click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.insertText(query);
  await page.locator('.graphiql-execute-button').click();
  const answer = page.locator('.graphiql-response .CodeMirror-code');
  try {
    await answer.filter({ hasText: expected }).waitFor();
  } catch {
    assert.fail(`no ${expected} in the result pane, which shows: ${await answer.innerText()}`);
  }
}

/** An answer whose `field` is an object with the user's name; an error that only names the field is none. */
function named(field) {
  const name = username.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`"${field}":\\s*\\{\\s*"username":\\s*"${name}"`);
}

async function signIn(page) {
  const credentials = `username: ${JSON.stringify(username)}, password: ${JSON.stringify(password)}`;
  await run(page, `mutation { signIn(${credentials}) { username } }`, named('signIn'));
}

async function whoAmI(page) {
  await run(page, '{ me { username } }', named('me'));
}

/** The other tabs hold examples, which run as they are. */
async function runExamples(page) {
  const tabs = page.getByRole('tab');
  const names = (await tabs.allInnerTexts()).map((name) => name.trim());
  assert.deepEqual(names.slice(1), ['MyFiles', 'Share', 'Link', 'SharedWithMe', 'Feed']);
  const answer = page.locator('.graphiql-response .CodeMirror-code');
  for (const [name, expected] of [['MyFiles', '"files"'], ['SharedWithMe', '"sharedWithMe"']]) {
    await page.getByRole('tab', { name }).click();
    await page.locator('.graphiql-execute-button').click();
    await answer.filter({ hasText: expected }).waitFor();
  }
}

/** Events are shown as they come, until the subscription is stopped. */
async function follow(page) {
  await page.getByRole('tab', { name: 'Feed' }).click();
  const socket = page.waitForEvent('websocket');
  await page.locator('.graphiql-execute-button').click();
  await socket;
  const answer = page.locator('.graphiql-response .CodeMirror-code');
  for (let tries = 0; tries < 20 && !(await answer.filter({ hasText: 'GROUP_CREATED' }).count()); tries += 1) {
    // The subscription may begin a moment after it was asked for.
    await page.request.post('/graphql', { data: { query: 'mutation { createGroup(name: "seen") { id } }' } });
    await page.waitForTimeout(250);
  }
  await answer.filter({ hasText: 'GROUP_CREATED' }).waitFor();
  await page.getByRole('button', { name: /stop/i }).click();
}

/** The description of the type User, as the schema has it. */
async function userDescription(page) {
  const answer = await page.evaluate(async () => {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ __type(name: "User") { description } }' }),
    });
    return response.json();
  });
  const description = answer.data?.__type?.description;
  assert.ok(description, 'the type User has a description');
  return description;
}

async function readDocumentation(page) {
  const description = await userDescription(page);
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  const docs = page.locator('.graphiql-doc-explorer');
  await docs.getByRole('link', { name: 'Query', exact: true }).click();
  await docs.getByRole('link', { name: 'User', exact: true }).first().click();
  // Descriptions are Markdown, so compare what comes before the first mark-up.
  const start = /^[\w ,.']+/.exec(description)?.[0].trim() ?? '';
  const shown = docs.locator('.graphiql-markdown-description').first();
  await docs.locator('.graphiql-doc-explorer-title', { hasText: /^User$/ }).waitFor();
  assert.ok((await shown.innerText()).startsWith(start), `the documentation of User shows its description "${start}"`);
}

/** The dialogs are the part of GraphiQL that wants inline style. */
async function openDialog(page) {
  await page.getByRole('button', { name: 'Open settings dialog' }).click();
  await page.getByRole('dialog').getByText('Theme').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: CHROMIUM_FLAGS,
});
let faults = [];
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, baseURL: base });
  page.setDefaultTimeout(TIMEOUT_MS);
  faults = watch(page);
  await reportViolations(page);

  const steps = { openPage, signIn, whoAmI, runExamples, follow, readDocumentation, openDialog };
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step(page);
      console.log(`ok ${name}`);
    } catch (error) {
      throw new Error(`${name}: ${error.message}`, { cause: error });
    } finally {
      if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
    }
  }
  assert.equal(faults.length, 0, 'the page broke its policy, failed, or asked another origin:');
  console.log('ok no violation, no error, no request to another origin');
} catch (error) {
  console.error(`FAILED ${stripVTControlCharacters(error.message).trim()}`);
  for (const fault of faults) console.error(`  ${fault}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
