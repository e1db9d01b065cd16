// People without an account.

import assert from 'node:assert/strict';

async function makeDrop(page, terms) {
  await page.getByRole('link', { name: 'Drops' }).click();
  await page.getByRole('button', { name: 'New drop' }).click();
  for (const [label, value] of Object.entries(terms)) await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByRole('button', { name: 'Make the drop' }).click();
  return page.getByLabel('Address of the drop').first().inputValue();
}

/** By a phone, with a password, in the width of one; too many and too large are said before they are sent. */
export async function dropByPhone({ person, window }) {
  const alice = await person('alice');
  const url = await makeDrop(alice, { Name: 'Photos', 'Password, if you like': 'knock', 'Files at most': '2', 'Largest file, MiB': '1' });
  const phone = await window({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await phone.goto(url);
  await phone.getByRole('heading', { name: 'Photos', exact: true }).waitFor();
  assert.ok((await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
  const named = (name, length) => ({ name, mimeType: 'image/jpeg', buffer: Buffer.alloc(length, 1) });
  await phone.getByLabel('Files').setInputFiles([named('large.jpg', 2_000_000), named('one.jpg', 400_000), named('täglich.jpg', 10), named('three.jpg', 10)]);
  await phone.getByLabel('Password').fill('nock');
  await phone.getByRole('button', { name: 'Leave' }).click();
  await phone.getByRole('alert').waitFor();
  await phone.getByLabel('Password').fill('knock');
  await phone.getByRole('button', { name: 'Leave' }).click();
  await phone.getByText('one.jpg has arrived').waitFor();
  await phone.getByText('täglich.jpg has arrived').waitFor();
  await phone.getByText('large.jpg: Too large: a file may have 1.0 MiB.').waitFor();
  await phone.getByText('three.jpg: Nothing more can be left here.').waitFor();

  await alice.reload();
  await alice.getByRole('button', { name: 'täglich.jpg' }).waitFor();
  await alice.getByRole('link', { name: 'Files' }).click();
  await alice.locator('.row').filter({ hasText: 'one.jpg' }).getByText('by “Photos”').waitFor();
  await alice.getByRole('link', { name: 'Drops' }).click();
  await alice.getByRole('button', { name: 'Close the drop Photos' }).click();
  await alice.getByRole('dialog').getByRole('button', { name: 'Close', exact: true }).last().click();
  await alice.getByText('closed').waitFor();
  assert.equal((await phone.request.get(url, { headers: { accept: 'text/html' } })).status(), 404);
}

/** The same page in a browser that runs no scripts. */
export async function dropWithoutScripts({ person, window }) {
  const alice = await person('alice');
  const url = await makeDrop(alice, { Name: 'Letters' });
  const stranger = await window({ javaScriptEnabled: false });
  await stranger.goto(url);
  await stranger.getByLabel('Files').setInputFiles({ name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from('dear') });
  await stranger.getByRole('button', { name: 'Leave' }).click();
  await stranger.getByRole('heading', { name: 'Your files have arrived', exact: true }).waitFor();
  await stranger.getByText('letter.txt').waitFor();
  await alice.reload();
  await alice.getByRole('button', { name: 'letter.txt' }).waitFor();
}

/** A ticket that has ended: words, for a browser. */
export async function endedTicket({ person, uploaded, ask, window }) {
  const alice = await person('alice');
  const file = await uploaded(alice, 'a.txt');
  const { downloadTicket } = await ask(alice, 'query($f: ID!) { downloadTicket(fileId: $f) { url } }', { f: file });
  await ask(alice, 'mutation($f: ID!) { deleteFile(id: $f) }', { f: file });
  const stranger = await window({}, /404/);
  const answer = await stranger.goto(downloadTicket.url);
  assert.equal(answer.status(), 404);
  await stranger.getByRole('heading').waitFor();
  const font = await stranger.evaluate(() => getComputedStyle(document.querySelector('main')).borderRadius);
  assert.notEqual(font, '0px', 'the page has our style');
}
