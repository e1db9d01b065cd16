// Sends the form of a link's page in a headless Chromium to an address without https, where a browser does not name the site that
// a request comes from (no `Sec-Fetch-Site`): from the page itself, and from a page of another site.
//
//   node test/forms.mjs <port of the server> <port for the other site> <path of the link> <password>
//
// Exits with 0 when the page's own form works and the other's is refused.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const [port, otherPort, path, password] = process.argv.slice(2);
const link = `http://files.test:${port}${path}`;

/** A page that sends a form to the link, and hides where it is from. */
const HOSTILE = `<!doctype html><meta name="referrer" content="no-referrer"><title>page</title>
  <form method="post" action="${link}"><input name="password" value="guess"><button>Win</button></form>`;

const hostile = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end(HOSTILE);
});
await new Promise((resolve) => hostile.listen(Number(otherPort), '127.0.0.1', resolve));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--host-resolver-rules=MAP *.test 127.0.0.1', '--disable-features=HttpsUpgrades'],
});
try {
  const page = await browser.newPage();
  /** Presses the only button; what the form's request said, and its answer. */
  const press = async () => {
    const [request] = await Promise.all([
      page.waitForRequest((request) => request.method() === 'POST'),
      page.click('button'),
    ]);
    return { headers: await request.allHeaders(), response: await request.response() };
  };

  await page.goto(link);
  await page.fill('input[name=password]', 'wrong');
  const wrong = await press();
  assert.equal(wrong.headers['sec-fetch-site'], undefined, 'this address is one where the site is not named');
  assert.equal(wrong.headers.origin, `http://files.test:${port}`);
  assert.equal(wrong.headers.referer, `http://files.test:${port}/`, 'the secret address is told to nobody');
  assert.equal(wrong.response.status(), 403);
  await page.getByText('not the link').waitFor();

  await page.fill('input[name=password]', password);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('button')]);
  assert.equal(download.suggestedFilename(), 'a.txt');

  await page.goto(`http://other.test:${otherPort}/`);
  const other = await press();
  assert.equal(other.headers['sec-fetch-site'], undefined);
  assert.equal(other.headers.origin, 'null');
  assert.equal(other.response.status(), 403);
  await page.getByText('page of another site').waitFor();
} finally {
  await browser.close();
  hostile.close();
}
