// Lists of files: many, chosen, renamed, deleted and brought back.

import assert from 'node:assert/strict';

/** To the trash and back by one click, by the view of the trash, and away for good. */
export async function trashAndBack({ person, uploaded }) {
  const alice = await person('alice');
  for (const name of ['a.txt', 'b.txt', 'c.txt', 'd.txt']) await uploaded(alice, name);
  await alice.reload();
  const names = () => alice.locator('.row-name').allInnerTexts();
  await alice.getByRole('button', { name: 'd.txt', exact: true }).waitFor();

  // Two, with Shift, and the way back.
  await alice.getByRole('checkbox', { name: 'Choose d.txt' }).check();
  await alice.getByRole('checkbox', { name: 'Choose b.txt' }).click({ modifiers: ['Shift'] });
  await alice.getByText('3 chosen').waitFor();
  await alice.getByRole('button', { name: 'Move to trash' }).click();
  await alice.getByText('3 files moved to the trash').waitFor();
  assert.deepEqual(await names(), ['a.txt']);
  await alice.getByRole('button', { name: 'Undo' }).click();
  // Each comes back when it has been looked at.
  for (const name of ['b.txt', 'c.txt', 'd.txt']) await alice.getByRole('button', { name, exact: true }).waitFor();
  assert.deepEqual(await names(), ['d.txt', 'c.txt', 'b.txt', 'a.txt']);

  await alice.getByRole('button', { name: 'More for c.txt' }).click();
  await alice.getByRole('menuitem', { name: 'Rename' }).click();
  await alice.getByLabel('Name', { exact: true }).fill('café.txt');
  await alice.getByRole('dialog').getByRole('button', { name: 'Rename' }).click();
  await alice.getByRole('button', { name: 'café.txt', exact: true }).waitFor();
  await alice.getByRole('button', { name: 'More for b.txt' }).click();
  await alice.getByRole('menuitem', { name: 'Rename' }).click();
  await alice.getByLabel('Name', { exact: true }).fill('a/b');
  await alice.getByRole('dialog').getByRole('button', { name: 'Rename' }).click();
  await alice.getByRole('dialog').getByRole('alert').waitFor();
  await alice.keyboard.press('Escape');

  for (const name of ['b.txt', 'a.txt']) {
    await alice.getByRole('button', { name: `More for ${name}` }).click();
    await alice.getByRole('menuitem', { name: 'Move to trash' }).click();
    await alice.getByText(`“${name}” moved`).waitFor();
  }
  await alice.getByRole('link', { name: 'Trash' }).click();
  await alice.getByRole('button', { name: 'Restore a.txt' }).click();
  await alice.getByText('1 file restored').waitFor();
  await alice.getByRole('button', { name: 'Delete b.txt for good' }).click();
  await alice.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click();
  await alice.getByRole('heading', { name: 'The trash is empty', exact: true }).waitFor();
  await alice.getByRole('link', { name: 'Files' }).click();
  await alice.getByRole('button', { name: 'a.txt', exact: true }).waitFor();
  assert.deepEqual(await names(), ['d.txt', 'café.txt', 'a.txt']);
}

/** What one window changes, another of the same browser shows. */
export async function twoWindows({ person, uploaded }) {
  const one = await person('alice');
  await uploaded(one, 'a.txt');
  const other = await one.context().newPage();
  await other.goto('/');
  await one.reload();
  await one.getByRole('button', { name: 'More for a.txt' }).click();
  await one.getByRole('menuitem', { name: 'Rename' }).click();
  await one.getByLabel('Name', { exact: true }).fill('b.txt');
  await one.getByRole('dialog').getByRole('button', { name: 'Rename' }).click();
  await other.getByRole('button', { name: 'b.txt', exact: true }).waitFor();
  await other.getByRole('button', { name: 'b.txt', exact: true }).focus();
  await other.keyboard.press('Delete');
  await one.getByRole('heading', { name: 'Nothing here yet', exact: true }).waitFor();
}

/** Hundreds of files are all reached by scrolling, and never more than a few rows of them are in the page. */
export async function manyFiles({ person, more: [count] }) {
  const alice = await person('alice');
  await alice.getByRole('heading', { name: 'Nothing here yet', exact: true }).waitFor();
  const send = async (from) => {
    const names = Array.from({ length: 20 }, (_, at) => `file ${from + at}`);
    const body = new FormData();
    const operations = {
      query: 'mutation($f: [Upload!]!) { uploadFiles(files: $f) { id } }',
      variables: { f: names.map(() => null) },
    };
    body.append('operations', JSON.stringify(operations));
    body.append('map', JSON.stringify(Object.fromEntries(names.map((_, at) => [at, [`variables.f.${at}`]]))));
    names.forEach((name, at) => body.append(String(at), new Blob(['x']), name));
    const answer = await (await fetch('/graphql', { method: 'POST', body })).json();
    if (answer.errors) throw new Error(answer.errors[0].message);
  };
  for (let from = 0; from < Number(count); from += 20) await alice.evaluate(`(${send})(${from})`);
  await alice.reload();
  await alice.getByRole('button', { name: `file ${count - 1}`, exact: true }).waitFor();
  const oldest = alice.getByRole('button', { name: 'file 0', exact: true });
  let most = 0;
  for (let tries = 0; tries < 200 && (await oldest.count()) === 0; tries += 1) {
    await alice.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await alice.waitForTimeout(30);
    most = Math.max(most, await alice.locator('.row').count());
  }
  await oldest.waitFor();
  assert.ok(most > 10 && most < 80, `${most} rows at once`);
  assert.equal(await oldest.locator('xpath=ancestor::li').getAttribute('aria-setsize'), String(count));
}

/** By a part of the name, in any script and case; by name, size and date, both ways; as it was after a reload. */
export async function searchAndOrder({ person, uploaded, ask }) {
  const [bob, alice] = [await person('bob'), await person('alice')];
  const made = [['beta.txt', 30], ['Straße.txt', 10], ['Alpha.txt', 20], ['ПРИВЕТ.txt', 40]];
  for (const [name, size] of made) {
    const file = await uploaded(bob, name, 'x'.repeat(size));
    await ask(bob, 'mutation($f: ID!) { shareWithUser(fileId: $f, username: "alice") { id } }', { f: file });
    await uploaded(alice, name, 'x'.repeat(size));
  }
  for (const address of ['/', '/app/shared']) {
    await alice.goto(address);
    const shows = async (...names) => {
      const wanted = names.join();
      await alice.waitForFunction((wanted) => [...document.querySelectorAll('.row-name')].map((name) => name.innerText).join() === wanted, wanted);
    };
    const byDate = ['ПРИВЕТ.txt', 'Alpha.txt', 'Straße.txt', 'beta.txt'];
    await shows(...byDate);
    const search = alice.getByRole('searchbox', { name: 'Search by name' });
    for (const [text, ...found] of [['привет', 'ПРИВЕТ.txt'], ['STRASSE', 'Straße.txt'], ['A.T', 'Alpha.txt', 'beta.txt']]) {
      await search.fill(text);
      await shows(...found);
    }
    // What comes meanwhile is shown when it is searched for, in its place.
    await search.fill('nothing');
    await alice.getByRole('heading', { name: 'Nothing found', exact: true }).waitFor();
    await search.fill('');
    await shows(...byDate);

    await alice.getByRole('button', { name: 'Name: by name' }).click();
    await shows('Alpha.txt', 'beta.txt', 'Straße.txt', 'ПРИВЕТ.txt');
    await alice.getByRole('button', { name: 'Name: by name, backwards' }).click();
    await shows('ПРИВЕТ.txt', 'Straße.txt', 'beta.txt', 'Alpha.txt');
    await alice.getByRole('button', { name: 'Size: largest first' }).click();
    await shows('ПРИВЕТ.txt', 'beta.txt', 'Alpha.txt', 'Straße.txt');
    await alice.getByRole('button', { name: 'Size: smallest first' }).click();
    await shows('Straße.txt', 'Alpha.txt', 'beta.txt', 'ПРИВЕТ.txt');
    await alice.reload();
    await shows('Straße.txt', 'Alpha.txt', 'beta.txt', 'ПРИВЕТ.txt');

    // A phone has no heads of columns.
    await alice.setViewportSize({ width: 360, height: 740 });
    await alice.getByLabel('Order').selectOption('Oldest first');
    await shows(...byDate.toReversed());
    await alice.setViewportSize({ width: 1280, height: 800 });
  }
  await alice.goto('/');
  await alice.getByRole('button', { name: 'Name: by name' }).click();
  await uploaded(alice, 'azure.txt');
  const names = () => alice.locator('.row-name').allInnerTexts();
  await alice.getByRole('button', { name: 'azure.txt', exact: true }).waitFor();
  assert.deepEqual((await names()).slice(0, 3), ['Alpha.txt', 'azure.txt', 'beta.txt']);
}

/** More files than anybody scrolls through: shown, searched and sorted about as quickly as a few, on this machine, whatever it is. */
export async function hugeList({ person, uploaded, tell, more: [many] }) {
  const alice = await person('alice');
  await uploaded(alice, 'first.txt');
  const row = (name) => alice.getByRole('button', { name, exact: true });
  const padded = (number) => `file ${String(number).padStart(7, '0')}.txt`;

  /** How long each step takes when there are `count` files, ms. */
  async function times(count) {
    const steps = {
      open: async () => {
        await alice.goto('/');
        await alice.locator('button.row-name').first().waitFor();
      },
      sort: async () => {
        await alice.getByRole('button', { name: 'Name: by name' }).click();
        await row(padded(0)).waitFor();
      },
      'sort backwards': async () => {
        await alice.getByRole('button', { name: 'Name: by name, backwards' }).click();
        await row(padded(count - 1)).waitFor();
      },
      search: async () => {
        await alice.getByRole('searchbox').fill('0000077');
        await row(padded(count - 1)).waitFor({ state: 'detached' });
        await row(padded(77)).waitFor();
      },
      scroll: async () => {
        await alice.getByRole('searchbox').fill('');
        await row(padded(count - 1)).waitFor();
        for (let page = 1; page <= 5; page += 1) {
          await alice.evaluate(() => scrollTo(0, document.body.scrollHeight));
          await row(padded(count - 60 * page)).waitFor();
        }
      },
    };
    const took = {};
    for (const [name, step] of Object.entries(steps)) {
      const began = Date.now();
      await step();
      took[name] = Date.now() - began;
      assert.ok((await alice.locator('.row').count()) < 80, 'a few rows are in the page');
    }
    await alice.getByRole('button', { name: 'Added: newest first' }).click();
    return took;
  }

  await tell('0 400');
  await times(400);
  const few = await times(400);
  await tell(`400 ${many}`);
  await times(Number(many));
  const all = await times(Number(many));
  for (const name of Object.keys(few)) {
    assert.ok(all[name] < few[name] * 4 + 1_000, `${name}: ${few[name]} ms with a few files, ${all[name]} ms with ${many}`);
  }
}

/** A name of 255 bytes from right to left, one from left to right, and 300 shares of one file. */
export async function longNamesAndManyShares({ person, uploaded, ask }) {
  const alice = await person('alice');
  const arabic = `${'معطف '.repeat(27)}معطف.txt`;
  assert.equal(Buffer.byteLength(arabic), 255);
  await uploaded(alice, 'x'.repeat(251) + '.txt');
  const file = await uploaded(alice, arabic);
  for (let from = 0; from < 300; from += 25) {
    const fields = Array.from({ length: 25 }, (_, at) => `s${at}: shareByLink(fileId: $f, maxDownloads: ${from + at + 1}) { id }`);
    await ask(alice, `mutation($f: ID!) { ${fields.join(' ')} }`, { f: file });
  }
  await alice.reload();
  const row = alice.locator('.row').filter({ hasText: 'معطف' });
  await row.waitFor();
  const overflow = await alice.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} pixels wider than the window`);
  await row.locator('.row-name').click();
  const panel = alice.getByRole('dialog');
  const shares = panel.locator('.share');
  await shares.first().waitFor();
  while ((await shares.count()) < 300) {
    const before = await shares.count();
    await panel.getByRole('button', { name: 'Show more' }).first().click();
    await shares.nth(before).waitFor();
  }
  assert.equal(await panel.getByRole('button', { name: 'Copy' }).count(), 301);
}

/** Everything by the keyboard: sign in, choose, rename, share, delete, undo. */
export async function keyboardAlone({ window, ask, uploaded, PASSWORD }) {
  const alice = await window();
  await ask(alice, 'mutation($p: String!) { signUp(username: "alice", password: $p) { id } }', { p: PASSWORD });
  await ask(alice, 'mutation($p: String!) { signUp(username: "bob", password: $p) { id } }', { p: PASSWORD });
  await ask(alice, 'mutation($p: String!) { signIn(username: "alice", password: $p) { id } }', { p: PASSWORD });
  for (const name of ['a.txt', 'b.txt']) await uploaded(alice, name);
  await ask(alice, 'mutation { signOut }');
  const press = async (...keys) => {
    for (const key of keys) await alice.keyboard.press(key);
  };
  await alice.goto('/');
  await alice.getByLabel('User name').waitFor();
  await alice.keyboard.type('alice');
  await press('Tab');
  await alice.keyboard.type(PASSWORD);
  await press('Enter');
  await alice.getByRole('button', { name: 'b.txt', exact: true }).waitFor();

  // From the top: the first stop leads to the content.
  await press('Tab');
  assert.equal(await alice.evaluate(() => document.activeElement.innerText), 'Skip to the content');
  await press('Enter', 'Tab');
  assert.equal(await alice.evaluate(() => document.activeElement.innerText.trim()), 'Upload');
  await press(...Array.from({ length: 7 }, () => 'Tab'));
  const name = () => alice.evaluate(() => document.activeElement.innerText);
  assert.equal(await name(), 'b.txt');
  await press('ArrowDown');
  assert.equal(await name(), 'a.txt');
  await press('F2');
  await alice.getByRole('dialog').waitFor();
  await press('ControlOrMeta+A');
  await alice.keyboard.type('renamed.txt');
  await press('Enter');
  await alice.getByRole('dialog').waitFor({ state: 'detached' });
  await alice.getByRole('button', { name: 'renamed.txt', exact: true }).waitFor();
  assert.equal(await name(), 'renamed.txt', 'the focus is where it was');

  await press('Enter');
  const panel = alice.getByRole('dialog');
  await panel.getByText('Only you can see this file.').waitFor();
  await panel.getByLabel('User name').first().focus();
  await alice.keyboard.type('bob');
  await press('Enter');
  await panel.getByRole('button', { name: 'Revoke the share: bob' }).waitFor();
  await press('Escape');
  await panel.waitFor({ state: 'detached' });
  assert.equal(await name(), 'renamed.txt');

  await press('Tab', 'Tab', 'Enter', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'Enter');
  await alice.getByText('“renamed.txt” moved to the trash').waitFor();
  await alice.getByRole('button', { name: 'Undo' }).focus();
  await press('Enter');
  await alice.getByRole('button', { name: 'renamed.txt', exact: true }).waitFor();
}
