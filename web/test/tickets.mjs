// Shows and fetches what tickets open from pages of other origins in a headless Chromium: one that the operator allows, and
// one nobody knows.
//
//   node test/tickets.mjs <port of the allowed origin> <port of the other> <ticket of a picture>...
//
// Exits with 0 when the one may and the other may not, with each ticket.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const [allowedPort, otherPort, ...tickets] = process.argv.slice(2);
const NAME = 'photo.png';

/** An empty page on a port of its own; at /isolated it asks to be kept from what does not agree to be shown. */
async function serve(port) {
  const server = createServer((request, response) => {
    const isolated = request.url === '/isolated' ? { 'cross-origin-embedder-policy': 'require-corp' } : {};
    response.writeHead(200, { 'content-type': 'text/html', ...isolated }).end('<!doctype html><title>page</title>');
  });
  await new Promise((resolve) => server.listen(Number(port), '127.0.0.1', resolve));
  return server;
}

/** Runs in a page: how wide the picture is that an `<img>` shows; 0 when it shows none. */
async function show([url, attributes]) {
  const image = Object.assign(new Image(), attributes, { src: url });
  await image.decode().catch(() => null);
  return image.naturalWidth;
}

/** Runs in a page: what a script can read of an answer; `blocked` when nothing. */
async function read([url, headers]) {
  try {
    const response = await fetch(url, { headers });
    const names = ['etag', 'content-disposition', 'content-range', 'content-length'];
    const read = Object.fromEntries(names.map((name) => [name, response.headers.get(name)]));
    const bytes = (await response.arrayBuffer()).byteLength;
    return { status: response.status, bytes, ...read };
  } catch (error) {
    return { blocked: error.name };
  }
}

const servers = [await serve(allowedPort), await serve(otherPort)];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
});
try {
  const context = await browser.newContext();
  const page = async (port, path) => {
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${port}${path}`);
    return page;
  };
  for (const ticket of tickets) {
    for (const path of ['/', '/isolated']) {
      const allowed = await page(allowedPort, path);
      assert.equal(await allowed.evaluate(show, [ticket, {}]), 1, `${path}: the picture is not shown`);
      const fetched = await allowed.evaluate(show, [ticket, { crossOrigin: 'anonymous' }]);
      assert.equal(fetched, 1, `${path}: the picture is not shown to a canvas`);
    }
    const allowed = await page(allowedPort, '/');
    const whole = await allowed.evaluate(read, [ticket, {}]);
    assert.equal(whole.status, 200, JSON.stringify(whole));
    assert.match(whole['content-disposition'], new RegExp(NAME));
    const part = await allowed.evaluate(read, [ticket, { range: 'bytes=1-3', 'if-range': whole.etag }]);
    assert.deepEqual([part.status, part.bytes], [206, 3], JSON.stringify(part));
    assert.equal(part['content-range'], `bytes 1-3/${whole.bytes}`);
    const known = await allowed.evaluate(read, [ticket, { 'if-none-match': whole.etag, traceparent: '00' }]);
    assert.equal(known.status, 304, JSON.stringify(known));
    const refused = await allowed.evaluate(read, [`${ticket}x`, {}]);
    assert.equal(refused.status, 404, JSON.stringify(refused));

    const other = await page(otherPort, '/');
    assert.equal(await other.evaluate(show, [ticket, {}]), 0, 'another page shows the picture');
    assert.equal(await other.evaluate(show, [ticket, { referrerPolicy: 'no-referrer' }]), 0);
    assert.equal(await other.evaluate(show, [ticket, { crossOrigin: 'anonymous' }]), 0);
    for (const headers of [{}, { range: 'bytes=1-3' }, { 'if-none-match': whole.etag }]) {
      assert.deepEqual(await other.evaluate(read, [ticket, headers]), { blocked: 'TypeError' });
    }
  }
} finally {
  await browser.close();
  servers.forEach((server) => server.close());
}
