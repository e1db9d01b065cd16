// What other people change is seen without a reload.

import assert from 'node:assert/strict';
import { told } from '../told.mjs';

const file = (page, name) => page.getByRole('button', { name, exact: true });
const share = 'mutation($f: ID!, $u: String!) { shareWithUser(fileId: $f, username: $u) { id } }';

/** A page that reads its first list anew is found out: it would load the document again. */
async function neverReloads(page) {
  await page.evaluate(() => (window.isTheSame = true));
  return async () => assert.ok(await page.evaluate(() => window.isTheSame), 'the page was not loaded again');
}

/** Bob's windows only look; Alice, and a program of hers, share, take back, and add him to a group. */
export async function twoPeople({ person, uploaded, ask }) {
  const [bob, alice] = [await person('bob'), await person('alice')];
  await bob.getByRole('link', { name: 'Shared with me' }).click();
  await bob.getByRole('heading', { name: 'Nothing has been shared with you', exact: true }).waitFor();
  const activity = await bob.context().newPage();
  await activity.goto('/app/activity');
  await activity.getByText('Live', { exact: true }).waitFor();
  const same = [await neverReloads(bob), await neverReloads(activity), await neverReloads(alice)];

  // What a program uploads is in Alice's list.
  const plan = await uploaded(alice, 'plan.txt', 'Doors at six.');
  await file(alice, 'plan.txt').waitFor();
  const { shareWithUser } = await ask(alice, share, { f: plan, u: 'bob' });
  await alice.locator('.row').getByText('bob').waitFor();
  await file(bob, 'plan.txt').waitFor();
  await activity.getByText(told('alice shared plan.txt with you')).waitFor();

  // What Bob does is in Alice's panel, as it is open.
  await file(alice, 'plan.txt').click();
  const panel = alice.getByRole('dialog');
  await panel.getByText('Doors at six.').waitFor();
  const download = bob.waitForEvent('download');
  await bob.getByRole('button', { name: 'Download plan.txt' }).click();
  await download;
  await panel.getByText(told('bob downloaded it')).waitFor();
  await panel.getByRole('button', { name: 'Close' }).click();

  // Taken back while he looks at it.
  await file(bob, 'plan.txt').click();
  await bob.getByRole('dialog').getByText('Doors at six.').waitFor();
  await ask(alice, 'mutation($s: ID!) { revokeShare(id: $s) }', { s: shareWithUser.id });
  await bob.getByRole('dialog').getByRole('alert').waitFor();
  await bob.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  await bob.getByRole('heading', { name: 'Nothing has been shared with you', exact: true }).waitFor();
  await activity.getByText(told('alice stopped sharing a file with you')).waitFor();

  // By a group that he is added to.
  await bob.getByRole('link', { name: 'Groups' }).click();
  await bob.getByRole('heading', { name: 'No groups yet', exact: true }).waitFor();
  const { createGroup } = await ask(alice, 'mutation { createGroup(name: "Theatre") { id } }');
  await ask(alice, 'mutation($f: ID!, $g: ID!) { shareWithGroup(fileId: $f, groupId: $g) { id } }', { f: plan, g: createGroup.id });
  await ask(alice, 'mutation($g: ID!) { addGroupMember(groupId: $g, username: "bob") { id } }', { g: createGroup.id });
  await bob.getByRole('button', { name: 'Theatre', exact: true }).waitFor();
  await activity.goto('/app/shared');
  await file(activity, 'plan.txt').waitFor();
  await neverReloads(activity);
  await ask(alice, 'mutation($g: ID!) { removeGroupMember(groupId: $g, username: "bob") { id } }', { g: createGroup.id });
  await bob.getByRole('heading', { name: 'No groups yet', exact: true }).waitFor();
  await activity.getByRole('heading', { name: 'Nothing has been shared with you', exact: true }).waitFor();
  await same[0]();
  await same[2]();
}

/** Of what comes at once, nothing hides what came before it: a file that is shared as soon as it is there is a new file. */
export async function eventsTogether({ person, uploaded, ask }) {
  const [, alice] = [await person('bob'), await person('alice')];
  let follows;
  const isFollowed = new Promise((resolve) => (follows = resolve));
  const held = [];
  let isHolding = false;
  let page;
  await alice.routeWebSocket('**/graphql', (socket) => {
    page = socket;
    const server = socket.connectToServer();
    socket.onMessage((message) => {
      server.send(message);
      if (JSON.parse(message).type === 'subscribe') follows();
    });
    server.onMessage((message) => (isHolding ? held.push(message) : socket.send(message)));
  });
  const together = async (act) => {
    isHolding = true;
    const events = await act();
    while (held.filter((message) => JSON.parse(message).type === 'next').length < events) await alice.waitForTimeout(20);
    isHolding = false;
    for (const message of held.splice(0)) page.send(message);
  };
  await alice.goto('/app/settings');
  await isFollowed;

  let plan;
  await together(async () => {
    plan = await uploaded(alice, 'plan.txt', 'hello');
    await ask(alice, share, { f: plan, u: 'bob' });
    return 2;
  });
  await alice.locator('.usage').getByText('5 bytes used').waitFor();
  await alice.getByRole('link', { name: 'Trash' }).click();
  await alice.getByRole('heading', { name: 'The trash is empty', exact: true }).waitFor();
  await together(async () => {
    await ask(alice, 'mutation($f: ID!) { deleteFile(id: $f) restoreFile(id: $f) { id } }', { f: plan });
    await ask(alice, 'mutation($f: ID!) { renameFile(id: $f, name: "plans.txt") { id } deleteFile(id: $f) }', { f: plan });
    return 4;
  });
  await alice.getByText('plans.txt').waitFor();
  await together(async () => {
    await ask(alice, 'mutation($f: ID!) { restoreFile(id: $f) { id } renameFile(id: $f, name: "plan.txt") { id } }', { f: plan });
    return 2;
  });
  await alice.getByRole('heading', { name: 'The trash is empty', exact: true }).waitFor();
}

/** What changes while an answer is on its way is asked for again: that answer is from before. */
export async function changedMeanwhile({ person, uploaded, ask }) {
  const alice = await person('alice');
  const plan = await uploaded(alice, 'plan.txt');
  // What happens before the feed is there, the page sees by asking for the whole list.
  await alice.getByRole('link', { name: 'Activity' }).click();
  await alice.getByText('Live', { exact: true }).waitFor();
  await alice.getByRole('link', { name: 'Files', exact: true }).click();
  await file(alice, 'plan.txt').waitFor();
  let hold, release;
  const isHeld = new Promise((resolve) => (hold = resolve));
  const isReleased = new Promise((resolve) => (release = resolve));
  let isHolding = true;
  await alice.route('**/graphql', async (route) => {
    if (!isHolding || route.request().postDataJSON()?.operationName !== 'OneFile') return route.continue();
    isHolding = false;
    const response = await route.fetch();
    hold();
    await isReleased;
    return route.fulfill({ response });
  });
  const renameTo = (name) => ask(alice, 'mutation($f: ID!, $n: String!) { renameFile(id: $f, name: $n) { id } }', { f: plan, n: name });
  await renameTo('plans.txt');
  await isHeld;
  await renameTo('programme.txt');
  // It has been told of both.
  await uploaded(alice, 'later.txt');
  await file(alice, 'later.txt').waitFor();
  release();
  await file(alice, 'programme.txt').waitFor();
}

/** What a stranger leaves is seen at once, in the list and with its drop. */
export async function dropSeenAtOnce({ person, window, ask }) {
  const alice = await person('alice');
  const drops = await alice.context().newPage();
  await drops.goto('/app/drops');
  const { createDrop } = await ask(alice, 'mutation { createDrop(name: "Photos") { url } }');
  await drops.getByText('Nothing has been left yet').waitFor();
  const stranger = await window();
  await stranger.goto(createDrop.url);
  await stranger.getByLabel('Files').setInputFiles({ name: 'curtain.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(99, 1) });
  await stranger.getByRole('button', { name: 'Leave' }).click();
  await file(alice, 'curtain.jpg').waitFor();
  await file(drops, 'curtain.jpg').waitFor();
  await alice.getByRole('link', { name: 'Activity' }).click();
  await alice.getByText(told('A visitor of “Photos” uploaded curtain.jpg')).waitFor();
}

/** The server goes away and comes back: the feed goes on where it was, and each event is shown once. */
export async function feedGoesOn({ person, window, uploaded, ask, tell, PASSWORD }) {
  const expected = /WebSocket connection|ERR_CONNECTION|net::ERR|50[234]/;
  const alice = await person('alice', {}, expected);
  await alice.getByRole('link', { name: 'Activity' }).click();
  await alice.getByText('Live', { exact: true }).waitFor();
  const bob = await window({}, expected);
  await ask(bob, 'mutation($p: String!) { signUp(username: "bob", password: $p) { id } }', { p: PASSWORD });
  const files = [await uploaded(bob, 'one.txt'), await uploaded(bob, 'two.txt')];
  await ask(bob, share, { f: files[0], u: 'alice' });
  await alice.getByText(told('bob shared one.txt with you')).waitFor();

  await tell('stop');
  await alice.getByText('Not connected').waitFor();
  await tell('start');
  await ask(bob, share, { f: files[1], u: 'alice' });
  await alice.getByText(told('bob shared two.txt with you')).waitFor();
  await alice.getByText('Live', { exact: true }).waitFor();
  await ask(bob, share, { f: await uploaded(bob, 'three.txt'), u: 'alice' });
  await alice.getByText(told('bob shared three.txt with you')).waitFor();
  const shown = await alice.locator('.row-name').allInnerTexts();
  assert.deepEqual(
    shown.filter((text) => text.includes('shared')).map((text) => text.replace(/[\u2068\u2069]/g, '')),
    ['three', 'two', 'one'].map((name) => `bob shared ${name}.txt with you`),
  );
}

/** The past, page by page, and what happens meanwhile on top of it; a file is opened from there. */
export async function activity({ person, uploaded, ask }) {
  const alice = await person('alice');
  const id = await uploaded(alice, 'note.txt', 'dear all');
  for (let count = 1; count <= 130; count += 1) {
    await ask(alice, 'mutation($f: ID!, $n: String!) { renameFile(id: $f, name: $n) { id } }', { f: id, n: `note ${count}.txt` });
  }
  await alice.getByRole('link', { name: 'Activity' }).click();
  const text = (text) => alice.locator('.row-name').filter({ hasText: told(text) });
  await text('You renamed a file: ').first().waitFor();
  await uploaded(alice, 'new.txt');
  await text('You uploaded new.txt').waitFor();
  assert.match(await alice.locator('.row-name').first().innerText(), /new\.txt/);
  let most = 0;
  for (let tries = 0; tries < 100 && (await text('You made the account').count()) === 0; tries += 1) {
    await alice.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await alice.waitForTimeout(30);
    most = Math.max(most, await alice.locator('.row').count());
  }
  await text('You uploaded note 130.txt').waitFor();
  assert.ok(most < 80, `${most} rows at once`);
  await text('You uploaded note 130.txt').click();
  await alice.getByRole('dialog').getByText('dear all').waitFor();
}
