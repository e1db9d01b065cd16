// Ending an account without a password, with a provider; `more` is its address.

/** An account without a password is deleted only after the provider has made its owner sign in again. */
export async function endsByProvider({ window, friends, more: [issuer] }) {
  friends.add(issuer);
  const carol = await window({}, /status of 401/);
  const isAsked = async () => {
    await carol.getByRole('heading', { name: 'Provider', exact: true }).waitFor();
    await carol.getByLabel('Name').fill('carol');
    await carol.getByRole('button', { name: 'Go on' }).click();
  };
  await carol.goto('/app/settings');
  await carol.getByRole('link', { name: 'Sign in with the company' }).click();
  await isAsked();
  await carol.getByRole('button', { name: 'Delete my account' }).click();
  await carol.getByRole('button', { name: 'Delete everything' }).click();
  await carol.getByRole('dialog').getByRole('alert').waitFor();
  await carol.getByRole('link', { name: 'Sign in once more' }).click();
  await isAsked();
  await carol.getByRole('button', { name: 'Delete my account' }).click();
  await carol.getByRole('button', { name: 'Delete everything' }).click();
  await carol.getByRole('heading', { name: 'Welcome back', exact: true }).waitFor();
}
