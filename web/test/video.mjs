// Runs the snippet of docs/clients.md that plays a video for longer than a ticket lives, in a page of an allowed origin in a
// headless Chromium.
//
//   node test/video.mjs <address of Cloakroom> <port of the allowed origin> <token> <id of a video> <file of the snippet>
//
// Tickets live for 11 seconds there, and the snippet renews one 10 seconds before its end. Exits with 0 when a seek after a
// second goes on with another ticket, at the place that was sought.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const [base, port, token, file, snippet] = process.argv.slice(2);
const PAGE = `<!doctype html><title>page</title><video muted></video><script>
  ${readFileSync(snippet, 'utf8')}
  const tickets = [];
  async function ask(query, variables) {
    const response = await fetch('${base}/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer ${token}' },
      body: JSON.stringify({ query, variables }),
    });
    const { data } = await response.json();
    tickets.push(data.downloadTicket);
    return data;
  }
</script>`;

/** Runs in the page: plays, seeks when the ticket is to be renewed, and tells what came of it. */
async function watch(file) {
  const video = document.querySelector('video');
  const event = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    setTimeout(reject, 20_000, new Error(`no ${name}`));
  });
  const loaded = event('loadeddata');
  await play(video, file, ask);
  await loaded;
  video.pause();
  const first = video.currentSrc;
  const due = Date.parse(tickets[0].expiresAt) - 10_000 - Date.now();
  await new Promise((resolve) => setTimeout(resolve, due + 50));
  const again = event('loadeddata');
  video.currentTime = 0.3;
  await again;
  return { first, second: video.currentSrc, at: video.currentTime, tickets: tickets.length, error: video.error?.message };
}

const server = createServer((_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE));
await new Promise((resolve) => server.listen(Number(port), '127.0.0.1', resolve));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  const seen = await page.evaluate(watch, file);
  assert.equal(seen.error, undefined);
  assert.notEqual(seen.second, seen.first, JSON.stringify(seen));
  assert.equal(seen.at, 0.3, JSON.stringify(seen));
  assert.equal(seen.tickets, 2, JSON.stringify(seen));
} finally {
  await browser.close();
  server.close();
}
