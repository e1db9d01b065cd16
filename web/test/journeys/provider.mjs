// Signing in with a provider; `more` is its address.

import assert from 'node:assert/strict';

/** Gives a name at the provider. */
async function signInAt(page, issuer, name) {
  await page.getByRole('heading', { name: 'Provider', exact: true }).waitFor();
  assert.equal(new URL(page.url()).origin, issuer);
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Go on' }).click();
}

/** An account by the provider; out, and in again; and stopped. */
export async function byProvider({ window, tell, friends, more: [issuer] }) {
  friends.add(issuer);
  const alice = await window({}, /status of 401/);
  await alice.goto('/app/trash');
  await alice.getByLabel('Password').waitFor();
  await alice.getByRole('link', { name: 'Sign in with the company' }).click();
  await signInAt(alice, issuer, 'alice');
  await alice.getByRole('heading', { name: 'Trash', exact: true }).waitFor();
  assert.equal(new URL(alice.url()).pathname, '/app/trash');
  await alice.locator('.side-name', { hasText: 'alice' }).waitFor();

  await alice.getByRole('link', { name: 'Settings' }).click();
  await alice.getByText('this browser').waitFor();
  assert.equal(await alice.getByRole('heading', { name: 'Password', exact: true }).count(), 0);
  await alice.getByRole('button', { name: 'Delete my account' }).click();
  await alice.getByRole('link', { name: 'Sign in once more' }).waitFor();
  await alice.keyboard.press('Escape');

  await alice.getByRole('button', { name: 'Sign out' }).last().click();
  await alice.getByRole('heading', { name: 'Welcome back', exact: true }).waitFor();
  // The provider knows her still.
  await alice.getByRole('link', { name: 'Sign in with the company' }).click();
  await alice.getByRole('heading', { name: 'Files', exact: true }).waitFor();

  await tell('stop alice');
  await alice.reload();
  await alice.getByRole('link', { name: 'Sign in with the company' }).click();
  await alice.getByRole('heading', { name: 'You are not signed in', exact: true }).waitFor();
  await alice.getByText('This account cannot be signed in to').waitFor();
  await alice.getByRole('link', { name: 'Back to signing in' }).click();
  await alice.getByRole('heading', { name: 'Welcome back', exact: true }).waitFor();
}

/** Where the provider alone signs in, and only those who have an account; in German. */
export async function byProviderAlone({ window, tell, friends, more: [issuer] }) {
  friends.add(issuer);
  const bob = await window({ locale: 'de-AT' }, /status of 403/);
  await bob.goto('/');
  const link = bob.getByRole('link', { name: 'Anmelden mit the company' });
  await link.waitFor();
  assert.equal(await bob.getByLabel('Passwort').count(), 0);
  assert.equal(await bob.getByRole('button').count(), 0);
  await link.click();
  await signInAt(bob, issuer, 'bob');
  await bob.getByRole('heading', { name: 'Sie sind nicht angemeldet', exact: true }).waitFor();
  await bob.getByText('gibt es kein Konto für Sie').waitFor();
  await tell('link bob');
  await bob.getByRole('link', { name: 'Zur Anmeldung' }).click();
  await link.click();
  await bob.getByRole('heading', { name: 'Noch nichts da', exact: true }).waitFor();
}
