// Opens sound and video in the address bar of a headless Chromium, whose own player has to have read each.
//
//   node test/media.mjs <download URL> …
//
// Exits with 0 when every player knows how long its file is, and nothing was asked for but the file.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

/** Runs in the page of the player. */
function look() {
  const player = document.querySelector('video, audio');
  return { readyState: player?.readyState, error: player?.error?.message, duration: player?.duration };
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
});
try {
  for (const url of process.argv.slice(2)) {
    const page = await browser.newPage();
    const others = [];
    page.on('request', (request) => request.url() !== url && others.push(request.url()));
    await page.goto(url);
    // Asked from here again and again: in a sandbox without scripts, the page cannot wait for itself.
    let player = await page.evaluate(look);
    for (let tries = 0; tries < 150 && !player.readyState && player.error === undefined; tries++) {
      await page.waitForTimeout(100);
      player = await page.evaluate(look);
    }
    assert.ok(player.readyState >= 1, `${url} does not play: ${JSON.stringify(player)}`);
    assert.ok(player.duration > 0.2 && player.duration < 2, `${url} is ${player.duration} s long`);
    assert.deepEqual(others, [], `${url} asked for more`);
    // No script runs in the page of the player, even if one were to get into it.
    await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "ran"';
      document.body.append(script);
    });
    assert.notEqual(await page.title(), 'ran', `a script runs beside ${url}`);
    await page.close();
  }
} finally {
  await browser.close();
}
