// Sharing: with a person, a group, everyone and strangers; and taking it back.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

async function openPanel(page, file) {
  await page.getByRole('button', { name: file, exact: true }).click();
  const panel = page.getByRole('dialog');
  await panel.getByRole('heading', { name: 'Who can see it', exact: true }).waitFor();
  return panel;
}

/** A group with two people, one of whom leaves it; the other is taken out. */
export async function byGroup({ person, uploaded, ask }) {
  const [bob, alice] = [await person('bob'), await person('alice')];
  await uploaded(alice, 'plan.txt');
  await alice.getByRole('link', { name: 'Groups' }).click();
  await alice.getByRole('button', { name: 'New group' }).click();
  await alice.getByLabel('Name', { exact: true }).fill('Theatre');
  await alice.getByRole('button', { name: 'Make the group' }).click();
  await alice.getByRole('button', { name: 'Theatre', exact: true }).click();
  await alice.getByLabel('Add a member').fill('nobody');
  await alice.getByRole('button', { name: 'Add', exact: true }).click();
  await alice.getByRole('alert').waitFor();
  await alice.getByLabel('Add a member').fill('bob');
  await alice.getByRole('button', { name: 'Add', exact: true }).click();
  await alice.getByRole('button', { name: 'Remove bob' }).waitFor();

  await alice.getByRole('link', { name: 'Files' }).click();
  const panel = await openPanel(alice, 'plan.txt');
  await panel.getByText('A group', { exact: true }).click();
  await panel.getByLabel('Group', { exact: true }).selectOption('Theatre');
  await panel.getByLabel('Ends').first().selectOption('week');
  await panel.getByRole('button', { name: 'Share', exact: true }).click();
  await panel.getByRole('button', { name: 'Revoke the share: Theatre' }).waitFor();
  await panel.getByText('in 7 days').waitFor();
  await panel.getByLabel('User name').fill('bob');
  await panel.getByRole('button', { name: 'Explain' }).click();
  await panel.getByText('it is shared with “Theatre”, and they belong to it').waitFor();

  await bob.getByRole('link', { name: 'Shared with me' }).click();
  await bob.getByRole('button', { name: 'plan.txt', exact: true }).waitFor();
  await bob.getByRole('link', { name: 'Groups' }).click();
  await bob.getByRole('button', { name: 'Leave Theatre' }).click();
  await bob.getByRole('dialog').getByRole('button', { name: 'Leave' }).click();
  await bob.getByRole('heading', { name: 'No groups yet', exact: true }).waitFor();
  const { sharedWithMe } = await ask(bob, '{ sharedWithMe { nodes { id } } }');
  assert.deepEqual(sharedWithMe.nodes, []);
  await panel.getByRole('button', { name: 'Explain' }).click();
  await panel.getByText('no share reaches them').waitFor();
}

/** Everyone who is signed in; taken back, and given again by the way back. */
export async function withEveryone({ person, uploaded, ask }) {
  const [bob, alice] = [await person('bob'), await person('alice')];
  await uploaded(alice, 'notice.txt');
  await alice.reload();
  const panel = await openPanel(alice, 'notice.txt');
  await panel.getByText('Everyone', { exact: true }).click();
  await panel.getByRole('button', { name: 'Share', exact: true }).click();
  const seen = async () => (await ask(bob, '{ sharedWithMe { nodes { name } } }')).sharedWithMe.nodes.length;
  const revoke = panel.getByRole('button', { name: 'Revoke the share: Everyone signed in' });
  await revoke.click();
  await panel.getByText('Not shared any more: Everyone signed in').waitFor();
  assert.equal(await seen(), 0);
  await panel.getByRole('button', { name: 'Undo' }).click();
  await revoke.waitFor();
  assert.equal(await seen(), 1);
  await panel.getByText('alice shared it: Everyone signed in').first().waitFor();
}

/** A link with a password, and two downloads: a stranger uses it up; then it is revoked. */
export async function linkUsedUp({ person, uploaded, window }) {
  const alice = await person('alice');
  await uploaded(alice, 'photo.jpg', 'bytes of the photo');
  await alice.reload();
  const panel = await openPanel(alice, 'photo.jpg');
  await panel.getByText('A link', { exact: true }).click();
  await panel.getByLabel('Password').fill('knock');
  await panel.getByLabel('Downloads at most').fill('2');
  await panel.getByRole('button', { name: 'Make a link' }).click();
  const url = await panel.getByLabel('Address of the link').inputValue();
  await panel.getByRole('button', { name: 'QR code of the address' }).click();
  await panel.getByRole('img', { name: 'QR code of the address' }).waitFor();

  const stranger = await window({ javaScriptEnabled: false }, /403|404|410/);
  await stranger.goto(url);
  await stranger.getByLabel('Password').fill('nock');
  await stranger.getByRole('button', { name: 'Download' }).click();
  await stranger.getByRole('alert').waitFor();
  for (let count = 0; count < 2; count += 1) {
    await stranger.goto(url);
    await stranger.getByLabel('Password').fill('knock');
    const download = stranger.waitForEvent('download');
    await stranger.getByRole('button', { name: 'Download' }).click();
    const file = await download;
    assert.equal(file.suggestedFilename(), 'photo.jpg');
    assert.equal(await readFile(await file.path(), 'utf8'), 'bytes of the photo');
  }
  await stranger.goto(url);
  await stranger.getByLabel('Password').fill('knock');
  await stranger.getByRole('button', { name: 'Download' }).click();
  await stranger.getByRole('heading', { name: /downloads/i }).waitFor();

  await alice.reload();
  const again = alice.getByRole('dialog');
  await again.getByText('2 of 2 downloads').waitFor();
  await again.getByRole('button', { name: 'Change the share: Anyone with the link' }).click();
  await again.getByLabel('Downloads at most').fill('3');
  await again.getByLabel('Another password').fill('knock knock');
  await again.getByRole('button', { name: 'Save' }).click();
  await again.getByText('2 of 3 downloads').waitFor();
  await stranger.goto(url);
  await stranger.getByLabel('Password').fill('knock knock');
  const third = stranger.waitForEvent('download');
  await stranger.getByRole('button', { name: 'Download' }).click();
  await third;
  await again.getByText('Somebody with the link downloaded it').first().waitFor();
  await again.getByRole('button', { name: 'Revoke the share: Anyone with the link' }).click();
  await alice.getByRole('dialog', { name: 'Revoke this link?' }).getByRole('button', { name: 'Revoke' }).click();
  await again.getByText('Only you can see this file.').waitFor();
  await stranger.goto(url);
  assert.equal(await stranger.getByRole('button', { name: 'Download' }).count(), 0);
}

/** Pictures, film, sound and text are shown in place; what is not of these is not. */
export async function previews({ person, uploaded, more: [fixtures] }) {
  const alice = await person('alice');
  for (const name of ['clip.webm', 'tagged.mp3']) await uploaded(alice, name, await readFile(`${fixtures}/${name}`));
  await uploaded(alice, 'note.txt', 'Grüße, ☂');
  await uploaded(alice, 'page.html', '<script>document.title = "ran"</script>');
  const dot = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  await uploaded(alice, 'dot.png', Buffer.from(dot, 'base64'));
  await alice.reload();
  const close = () => alice.getByRole('dialog').getByRole('button', { name: 'Close' }).click();

  let panel = await openPanel(alice, 'note.txt');
  await panel.getByText('Grüße, ☂').waitFor();
  await close();
  panel = await openPanel(alice, 'dot.png');
  const picture = panel.getByRole('img', { name: 'dot.png' });
  await picture.waitFor();
  await alice.waitForFunction(() => document.querySelector('.preview img')?.naturalWidth === 1);
  await close();
  for (const [name, kind] of [['clip.webm', 'video'], ['tagged.mp3', 'audio']]) {
    panel = await openPanel(alice, name);
    await alice.waitForFunction((kind) => (document.querySelector(`.preview ${kind}`)?.duration ?? 0) > 0, kind);
    await close();
  }
  panel = await openPanel(alice, 'page.html');
  assert.equal(await panel.locator('.preview').count(), 0);
}

/**
 * A share is revoked while its file plays. Carol's page is told so, and stops. Bob's has no connection to be told by: a seek
 * that takes another ticket stops it, and says so. Tickets live 11 seconds here.
 */
export async function revokedWhilePlaying({ person, uploaded, ask, more: [fixtures] }) {
  const alice = await person('alice');
  const [bob, carol] = [await person('bob', {}, /40[34]/), await person('carol', {}, /40[34]/)];
  const file = await uploaded(alice, 'clip.webm', await readFile(`${fixtures}/clip.webm`));
  const share = 'mutation($f: ID!, $u: String!) { shareWithUser(fileId: $f, username: $u) { id } }';
  const shares = [];
  for (const u of ['bob', 'carol']) shares.push((await ask(alice, share, { f: file, u })).shareWithUser.id);
  await bob.routeWebSocket('**/graphql', (socket) => socket.close());
  for (const page of [bob, carol]) {
    await page.goto('/app/shared');
    await page.getByRole('button', { name: 'clip.webm', exact: true }).click();
    await page.waitForFunction(() => (document.querySelector('video')?.duration ?? 0) > 0);
  }
  const ticket = (page) => page.evaluate(() => document.querySelector('video').currentSrc);
  const first = await ticket(bob);
  const seek = () => bob.evaluate(() => (document.querySelector('video').currentTime = Math.random() / 2));

  // Ten seconds before its end, a ticket is followed by another.
  for (let tries = 0; tries < 50; tries += 1) {
    await seek();
    await bob.waitForTimeout(200);
    if ((await ticket(bob)) !== first) break;
  }
  assert.notEqual(await ticket(bob), first);

  for (const s of shares) await ask(alice, 'mutation($s: ID!) { revokeShare(id: $s) }', { s });
  await carol.getByRole('dialog').getByText('This could not be loaded').waitFor();
  assert.equal(await carol.locator('video').count(), 0);
  const stopped = bob.getByRole('alert').filter({ hasText: 'may no longer be seen' });
  for (let tries = 0; tries < 50 && !(await stopped.isVisible()); tries += 1) {
    await seek();
    await bob.waitForTimeout(200);
  }
  await stopped.waitFor();
  await bob.reload();
  await bob.getByText('This could not be loaded').waitFor();
}
