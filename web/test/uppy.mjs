// Uploads with Uppy in a headless Chromium, from a page of an allowed origin, over a network that cuts connections; in the
// middle the page is reloaded. Prints the id of the file.
//
//   node test/uppy.mjs <address of Cloakroom> <port of the allowed origin> <API token> <bytes>
//
// Exits with 0 when the upload went on where it was, every time.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const [base, port, token, bytes] = process.argv.slice(2);
const endpoint = `${base}/uploads`;

/** What the page runs: the same file each time, as somebody would choose it again after a reload. */
const SCRIPT = `
  import Uppy from '@uppy/core';
  import Tus from '@uppy/tus';

  window.start = (endpoint, token, bytes) => {
    const data = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 1) data[at] = at % 251;
    const uppy = new Uppy({ autoProceed: true });
    uppy.use(Tus, {
      endpoint,
      headers: { Authorization: 'Bearer ' + token },
      retryDelays: [0, 100, 200, 400, 800, 800, 800, 800],
    });
    window.share = 0;
    uppy.on('upload-progress', (_file, { bytesUploaded, bytesTotal }) => { window.share = bytesUploaded / bytesTotal; });
    uppy.on('complete', ({ successful, failed }) => {
      window.ended = { urls: successful.map((file) => file.uploadURL), failed: failed.map((file) => file.error) };
    });
    uppy.addFile({ name: 'large.bin', data: new File([data], 'large.bin', { lastModified: 1 }) });
  };
`;

const bundle = await build({
  stdin: { contents: SCRIPT, resolveDir: fileURLToPath(new URL('../../tests/clients', import.meta.url)) },
  bundle: true,
  format: 'iife',
  write: false,
  logLevel: 'error',
});
const page = createServer((request, response) => {
  const isScript = request.url === '/uppy.js';
  response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html; charset=utf-8' });
  response.end(isScript ? bundle.outputFiles[0].text : '<!doctype html><title>page</title><script src="/uppy.js"></script>');
});
await new Promise((resolve) => page.listen(Number(port), '127.0.0.1', resolve));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
});
try {
  const tab = await browser.newPage();
  const created = [];
  tab.on('response', (response) => {
    if (response.request().method() === 'POST' && response.status() === 201) created.push(response.url());
  });
  const start = async () => {
    await tab.goto(`http://127.0.0.1:${port}/`);
    await tab.evaluate(([endpoint, token, bytes]) => window.start(endpoint, token, bytes), [endpoint, token, Number(bytes)]);
  };
  await start();
  await tab.waitForFunction(() => window.share > 0.3, null, { timeout: 60_000, polling: 20 });
  assert.ok(await tab.evaluate(() => window.share) < 1, 'there is nothing left to go on with');
  await start();
  const ended = await tab.waitForFunction(() => window.ended, null, { timeout: 120_000 });
  const { urls, failed } = await ended.jsonValue();
  assert.deepEqual(failed, []);
  assert.equal(created.length, 1, `it began anew: ${created.length} uploads were made`);
  const head = await fetch(urls[0], {
    method: 'HEAD',
    headers: { Authorization: `Bearer ${token}`, 'Tus-Resumable': '1.0.0' },
  });
  console.log(head.headers.get('cloakroom-file'));
} finally {
  await browser.close();
  page.close();
}
