// Opens downloads in a headless Chromium, as a victim would, and sees to it that nothing in them runs.
//
//   node test/downloads.mjs <download URL> …
//
// A download is either saved, or shown without a script having run in it. Exits with 0 when that held for each.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
});
try {
  for (const url of process.argv.slice(2)) {
    const page = await (await browser.newContext({ acceptDownloads: true })).newPage();
    const requests = [];
    page.on('request', (request) => requests.push(request.url()));
    let saved = false;
    page.on('download', () => (saved = true));
    // Saving a file aborts the navigation to it.
    const response = await page.goto(url).catch(() => null);
    await page.waitForTimeout(200);
    assert.notEqual(await page.title(), 'ran', `a script ran in ${url}`);
    assert.deepEqual(requests.filter((request) => request !== url), [], `${url} made requests`);
    assert.ok(saved || response, `${url} was neither saved nor shown`);
    await page.close();
  }
} finally {
  await browser.close();
}
