// Signing in and out, and the settings.

import assert from 'node:assert/strict';

/** The thin path through everything: an account, a file up, shared, seen by the other, down again; and out. */
export async function throughEverything({ window, person, PASSWORD }) {
  const bob = await person('bob');
  await bob.getByRole('heading', { name: 'Nothing here yet', exact: true }).waitFor();

  const alice = await window();
  const first = await alice.goto('/');
  const policy = first.headers()['content-security-policy'];
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "require-trusted-types-for 'script'"]) {
    assert.ok(policy.includes(part), policy);
  }
  assert.ok(!policy.includes('unsafe'), policy);
  await alice.getByRole('button', { name: 'Make an account' }).click();
  await alice.getByLabel('User name').fill('alice');
  await alice.getByLabel('Password').fill(PASSWORD);
  await alice.getByRole('button', { name: 'Make the account' }).click();
  await alice.getByRole('heading', { name: 'Files', exact: true }).waitFor();

  const bytes = Buffer.from('the umbrella on hook 12 is mine');
  const chooser = alice.waitForEvent('filechooser');
  await alice.getByRole('button', { name: 'Upload' }).click();
  await (await chooser).setFiles({ name: 'umbrella.txt', mimeType: 'text/plain', buffer: bytes });
  await alice.getByRole('button', { name: 'umbrella.txt', exact: true }).click();
  const panel = alice.getByRole('dialog');
  await panel.getByText('Only you can see this file.').waitFor();
  await panel.getByLabel('User name').first().fill('bob');
  await panel.getByRole('button', { name: 'Share', exact: true }).click();
  await panel.getByRole('button', { name: 'Revoke the share: bob' }).waitFor();
  await panel.getByRole('button', { name: 'Close' }).click();
  await alice.locator('.row').getByText('bob').waitFor();

  await bob.getByRole('link', { name: 'Shared with me' }).click();
  const download = bob.waitForEvent('download');
  await bob.getByRole('button', { name: 'Download umbrella.txt' }).click();
  const file = await download;
  assert.equal(file.suggestedFilename(), 'umbrella.txt');
  const chunks = await (await file.createReadStream()).toArray();
  assert.deepEqual(Buffer.concat(chunks), bytes);

  await alice.getByRole('button', { name: 'Sign out' }).click();
  await alice.getByRole('heading', { name: 'Welcome back', exact: true }).waitFor();
  await alice.getByLabel('User name').fill('alice');
  await alice.getByLabel('Password').fill('wrong');
  await alice.getByRole('button', { name: 'Sign in' }).click();
  await alice.getByRole('alert').waitFor();
  await alice.getByLabel('Password').fill(PASSWORD);
  await alice.getByRole('button', { name: 'Sign in' }).click();
  await alice.getByRole('button', { name: 'umbrella.txt', exact: true }).waitFor();
}

/** Another password ends the session of the other window, which says so at once by asking who one is. */
export async function anotherPassword({ person, window, PASSWORD }) {
  const here = await person('alice');
  const there = await window();
  await there.goto('/');
  await there.getByLabel('User name').fill('alice');
  await there.getByLabel('Password').fill(PASSWORD);
  await there.getByRole('button', { name: 'Sign in' }).click();
  await there.getByRole('heading', { name: 'Nothing here yet', exact: true }).waitFor();

  await here.getByRole('link', { name: 'Settings' }).click();
  await here.getByLabel('Password so far').fill('not this');
  await here.getByLabel('New password').fill('another long walk');
  await here.getByRole('button', { name: 'Change the password' }).click();
  await here.getByRole('alert').waitFor();
  await here.getByLabel('Password so far').fill(PASSWORD);
  await here.getByRole('button', { name: 'Change the password' }).click();
  await here.getByText('The password is changed').waitFor();
  await there.getByRole('heading', { name: 'Welcome back', exact: true }).waitFor();
  await here.getByRole('link', { name: 'Files' }).click();
  await here.getByRole('heading', { name: 'Nothing here yet', exact: true }).waitFor();
}

/** A token is shown once, works, and is refused when it was revoked. */
export async function apiTokens({ person, base }) {
  const alice = await person('alice');
  await alice.getByRole('link', { name: 'Settings' }).click();
  await alice.getByLabel('What it is for').fill('backup');
  await alice.getByLabel('May').selectOption('READ');
  await alice.getByRole('button', { name: 'Make a token' }).click();
  const secret = await alice.getByLabel('The token', { exact: true }).inputValue();
  const ask = async () => {
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
    return (await fetch(`${base}/graphql`, { method: 'POST', headers, body: '{"query":"{ me { username } }"}' })).json();
  };
  assert.equal((await ask()).data.me.username, 'alice');
  await alice.getByRole('button', { name: 'Revoke the token backup' }).click();
  await alice.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await alice.getByRole('button', { name: 'Revoke the token backup' }).waitFor({ state: 'detached' });
  assert.equal((await ask()).errors[0].extensions.code, 'UNAUTHENTICATED');
}

/** Where one is signed in: one other ends, then all others, at once and without being asked; this one goes on. */
export async function sessions({ person, window, PASSWORD }) {
  const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
  const here = await person('alice');
  const others = [];
  for (const options of [{ userAgent: firefox }, {}, {}]) {
    const other = await window(options);
    await other.goto('/');
    await other.getByLabel('User name').fill('alice');
    await other.getByLabel('Password').fill(PASSWORD);
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('heading', { name: 'Nothing here yet', exact: true }).waitFor();
    others.push(other);
  }
  await here.getByRole('link', { name: 'Settings' }).click();
  const list = here.getByRole('region', { name: 'Where you are signed in' });
  await list.getByText('this browser').waitFor();
  assert.equal(await list.getByRole('listitem').count(), 4);
  await list.getByRole('button', { name: 'Sign out: Firefox on Linux' }).click();
  await list.getByText('Firefox on Linux').waitFor({ state: 'detached' });
  // Nobody touches the other window: its connection is closed.
  await others[0].getByRole('heading', { name: 'Welcome back', exact: true }).waitFor();
  await list.getByRole('button', { name: 'Sign out everywhere else' }).click();
  for (const other of others.slice(1)) await other.getByRole('heading', { name: 'Welcome back', exact: true }).waitFor();
  await here.getByText('Signed out in 2 places').waitFor();
  assert.equal(await list.getByRole('listitem').count(), 1);
}

/** An account goes with everything in it, for whoever knows its password. */
export async function deletedAccount({ person, uploaded, ask, PASSWORD }) {
  const [bob, alice] = [await person('bob'), await person('alice')];
  const file = await uploaded(alice, 'plan.txt', 'Doors at six.');
  await ask(alice, 'mutation($f: ID!) { shareWithUser(fileId: $f, username: "bob") { id } }', { f: file });
  await bob.goto('/app/shared');
  await bob.getByRole('button', { name: 'plan.txt', exact: true }).waitFor();

  await alice.getByRole('link', { name: 'Settings' }).click();
  await alice.getByRole('button', { name: 'Delete my account' }).click();
  const dialog = alice.getByRole('dialog', { name: 'Delete the account “alice”?' });
  await dialog.getByText('1 file (13 bytes)').waitFor();
  await dialog.getByLabel('Password').fill('not this');
  await dialog.getByRole('button', { name: 'Delete everything' }).click();
  await dialog.getByRole('alert').waitFor();
  await dialog.getByLabel('Password').fill(PASSWORD);
  // The page begins anew after the answer. Before, it asks for no password: what is typed would be lost.
  const signInOf = (page) => page.getByRole('heading', { name: 'Welcome back', exact: true });
  const askedTooEarly = new Promise((resolve, reject) => {
    const holdUp = async (route) => {
      if (!route.request().postData()?.includes('mutation DeleteAccount')) return await route.continue();
      const isNobody = alice.waitForResponse(async (answer) => (await answer.text()).includes('"me":null'));
      const response = await route.fetch();
      await isNobody;
      resolve(await signInOf(alice).waitFor({ timeout: 500 }).then(() => true, () => false));
      return await route.fulfill({ response });
    };
    void alice.route('**/graphql', (route) => holdUp(route).catch(reject));
  });
  await dialog.getByRole('button', { name: 'Delete everything' }).click();
  assert.equal(await askedTooEarly, false, 'a form that is about to go');
  await signInOf(alice).waitFor();
  await alice.getByLabel('User name').fill('alice');
  await alice.getByLabel('Password').fill(PASSWORD);
  await alice.getByRole('button', { name: 'Sign in' }).click();
  await alice.getByRole('alert').waitFor();
  await bob.reload();
  await bob.getByRole('heading', { name: 'Nothing has been shared with you', exact: true }).waitFor();
}

/** German, by the browser's choice and by the person's; dark, by the person's. */
export async function languageAndColours({ person }) {
  const alice = await person('alice', { locale: 'de-AT' });
  await alice.getByRole('heading', { name: 'Noch nichts da', exact: true }).waitFor();
  assert.equal(await alice.locator('html').getAttribute('lang'), 'de');
  await alice.getByRole('link', { name: 'Einstellungen' }).click();
  await alice.getByLabel('Sprache').selectOption('English');
  await alice.getByRole('heading', { name: 'Settings', exact: true }).waitFor();
  const ground = () => alice.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await alice.getByLabel('Colours').selectOption('dark');
  assert.notEqual(await ground(), light);
  await alice.reload();
  await alice.getByLabel('Colours').waitFor();
  assert.notEqual(await ground(), light);
}
