// Calls the API from pages of other origins in a headless Chromium: one that the operator allows, and one nobody knows.
//
//   node test/cors.mjs <address of Cloakroom> <port of the allowed origin> <port of the other>
//
// The pages are on other ports of the same host, so that the browser counts them as the same site and sends the cookie:
// what keeps them apart is Cloakroom alone. Exits with 0 when the one may and the other may not.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const [base, allowedPort, otherPort] = process.argv.slice(2);
const endpoint = `${base}/graphql`;

/** An empty page on a port of its own. */
async function serve(port) {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>page</title>');
  });
  await new Promise((resolve) => server.listen(Number(port), '127.0.0.1', resolve));
  return server;
}

/** Runs in a page: an operation by POST, with the cookies; what went wrong, in a word, when it could not be read. */
async function call([endpoint, query]) {
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      credentials: 'include',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    return await response.json();
  } catch (error) {
    return { blocked: error.name };
  }
}

/** Runs in a page: requests that a browser sends without asking first. Whether any answer could be read. */
async function sneak([endpoint, query]) {
  const form = new FormData();
  form.append('operations', JSON.stringify({ query }));
  form.append('map', '{}');
  const read = [];
  for (const [address, init] of [
    [endpoint, { method: 'POST', body: form }],
    [endpoint, { method: 'POST', body: JSON.stringify({ query }) }],
    [endpoint, { method: 'POST', body: new URLSearchParams({ query }) }],
    [`${endpoint}?query=${encodeURIComponent(query)}`, { method: 'GET' }],
    [`${endpoint}?query={me{username}}`, { method: 'GET' }],
  ]) {
    await fetch(address, { ...init, credentials: 'include', mode: 'no-cors' }).catch(() => null);
    const answer = await fetch(address, { ...init, credentials: 'include' }).catch(() => null);
    if (answer) read.push(`${init.method} ${address}: ${await answer.text()}`);
  }
  return read;
}

/** Runs in a page: a form that sends itself. */
function submit([endpoint, query]) {
  const form = document.createElement('form');
  Object.assign(form, { method: 'POST', action: endpoint, enctype: 'multipart/form-data' });
  for (const [name, value] of [['operations', JSON.stringify({ query })], ['map', '{}']]) {
    form.append(Object.assign(document.createElement('input'), { name, value }));
  }
  document.body.append(form);
  form.submit();
}

const servers = [await serve(allowedPort), await serve(otherPort)];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
});
try {
  const context = await browser.newContext();
  const [allowed, other] = [await context.newPage(), await context.newPage()];
  await allowed.goto(`http://127.0.0.1:${allowedPort}/`);
  await other.goto(`http://127.0.0.1:${otherPort}/`);

  const signedUp = await allowed.evaluate(call, [
    endpoint,
    'mutation { signUp(username: "alice", password: "correct horse battery") { username } }',
  ]);
  assert.equal(signedUp.data?.signUp.username, 'alice', JSON.stringify(signedUp));
  const me = await allowed.evaluate(call, [endpoint, '{ me { username } }']);
  assert.equal(me.data?.me?.username, 'alice', 'the cookie was not kept, or not sent');
  const refused = await allowed.evaluate(call, [endpoint, '{ file(id: "x") { id } }']);
  assert.equal(refused.errors?.[0].extensions.code, 'NOT_FOUND', 'an allowed page reads errors too');

  const theft = 'mutation { createApiToken(name: "stolen", scopes: [READ]) { secret } }';
  assert.deepEqual(await other.evaluate(call, [endpoint, theft]), { blocked: 'TypeError' });
  assert.deepEqual(await other.evaluate(call, [endpoint, '{ me { username } }']), { blocked: 'TypeError' });
  assert.deepEqual(await other.evaluate(sneak, [endpoint, theft]), []);
  const [answer] = await Promise.all([
    other.waitForResponse((response) => response.url() === endpoint && response.request().method() === 'POST'),
    other.evaluate(submit, [endpoint, theft]),
  ]);
  assert.equal(answer.status(), 403);
  assert.match(await answer.text(), /CSRF_REFUSED/);

  const tokens = await allowed.evaluate(call, [endpoint, '{ apiTokens { name } }']);
  assert.deepEqual(tokens.data?.apiTokens, [], 'a page of another origin did something in the user\'s name');
} finally {
  await browser.close();
  servers.forEach((server) => server.close());
}
