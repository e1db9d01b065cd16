// Takes the README's pictures of the page, into ../docs/pictures/.
//
//   npm run screenshots -- <address of a Cloakroom without users>
//
// It makes accounts, files and shares there: take a server whose data may go.

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { told } from './told.mjs';

const [base] = process.argv.slice(2);
const folder = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));
await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
});
const PASSWORD = 'a long walk home';

async function person(username) {
  const context = await browser.newContext({ baseURL: base, viewport: { width: 1200, height: 760 }, locale: 'en-GB' });
  const page = await context.newPage();
  const ask = async (query, variables = {}) => {
    const { data, errors } = await (await page.request.post('/graphql', { data: { query, variables } })).json();
    if (errors) throw new Error(errors[0].message);
    return data;
  };
  await ask('mutation($u: String!, $p: String!) { signUp(username: $u, password: $p) { id } }', { u: username, p: PASSWORD });
  const upload = async (name, buffer) => {
    const operations = JSON.stringify({ query: 'mutation($f: Upload!) { uploadFile(file: $f) { id } }', variables: { f: null } });
    const file = { name, mimeType: 'application/octet-stream', buffer };
    const multipart = { operations, map: JSON.stringify({ file: ['variables.f'] }), file };
    return (await (await page.request.post('/graphql', { multipart })).json()).data.uploadFile.id;
  };
  const shot = (name) => page.screenshot({ path: `${folder}${name}.png` });
  return { page, ask, upload, shot };
}

const SHARE = 'mutation($f: ID!, $u: String!) { shareWithUser(fileId: $f, username: $u) { id } }';
await person('grace');
const bob = await person('bob');
const alice = await person('alice');
const { createGroup } = await alice.ask('mutation { createGroup(name: "Front of house") { id } }');
const group = createGroup.id;
for (const u of ['bob', 'grace']) await alice.ask('mutation($g: ID!, $u: String!) { addGroupMember(groupId: $g, username: $u) { id } }', { g: group, u });

const files = {};
const sizes = { 'Contract.pdf': 310_000, 'Rehearsal, act two.mp3': 6_200_000, 'Poster, final.png': 1_900_000, 'Lighting cues.ods': 84_000, 'Programme.docx': 420_000 };
for (const [name, size] of Object.entries(sizes)) files[name] = await alice.upload(name, Buffer.alloc(size, name));
files['Notes for tonight.txt'] = await alice.upload(
  'Notes for tonight.txt',
  Buffer.from('Doors at half past six.\n\nHooks 1 to 40 are for the choir.\nThe umbrella on hook 12 is mine.\n'),
);
await alice.ask(SHARE, { f: files['Contract.pdf'], u: 'bob' });
const byGroup = 'mutation($f: ID!, $g: ID!) { shareWithGroup(fileId: $f, groupId: $g) { id } }';
for (const name of ['Lighting cues.ods', 'Notes for tonight.txt']) await alice.ask(byGroup, { f: files[name], g: group });
await alice.ask('mutation($f: ID!) { shareWithAuthenticated(fileId: $f) { id } }', { f: files['Programme.docx'] });
const end = new Date(Date.now() + 7 * 86_400_000).toISOString();
const byLink = 'mutation($f: ID!, $e: DateTime) { shareByLink(fileId: $f, password: "knock", maxDownloads: 5, expiresAt: $e) { link { url } } }';
await alice.ask(byLink, { f: files['Poster, final.png'], e: end });
await alice.ask(byLink, { f: files['Notes for tonight.txt'], e: end });
const { createDrop } = await alice.ask('mutation { createDrop(name: "Photos of the premiere", maxFiles: 50) { url } }');
await bob.page.goto(new URL(createDrop.url).pathname);
await bob.page.getByLabel('Files').setInputFiles({ name: 'curtain call.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(2_400_000, 7) });
await bob.page.getByRole('button', { name: 'Leave' }).click();
await bob.page.getByText('curtain call.jpg has arrived').waitFor();
await bob.page.setViewportSize({ width: 1200, height: 560 });
await bob.shot('drop');

const { page, shot } = alice;
await page.goto('/');
await page.getByRole('button', { name: 'Contract.pdf', exact: true }).waitFor();
const network = await page.context().newCDPSession(page);
await network.send('Network.enable');
await network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 900_000 });
const chosen = [['Recording, act one.mp4', 30_000_000], ['Seating plan.svg', 12_000]];
await page.locator('.view-head input').setInputFiles(chosen.map(([name, size]) => ({ name, mimeType: '', buffer: Buffer.alloc(size, 1) })));
await page.getByText('left', { exact: false }).first().waitFor();
await page.waitForTimeout(4_000);
await shot('files');
await page.getByRole('button', { name: 'Cancel: Recording, act one.mp4' }).click();
await network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });

await page.getByRole('button', { name: 'Notes for tonight.txt', exact: true }).click();
const panel = page.getByRole('dialog');
await panel.getByRole('button', { name: /Revoke the share/ }).first().waitFor();
await panel.getByLabel('User name').last().fill('grace');
await panel.getByRole('button', { name: 'Explain' }).click();
await panel.getByText('grace can see').waitFor();
await panel.evaluate((dialog) => dialog.querySelector('#panel-share').parentElement.scrollIntoView());
await panel.evaluate((dialog) => dialog.scrollBy(0, -70));
await shot('sharing');

await page.keyboard.press('Escape');
await bob.page.goto('/app/shared');
await bob.page.getByRole('button', { name: 'Download Contract.pdf' }).click();
await page.getByRole('link', { name: 'Activity' }).click();
await page.getByText(told('bob downloaded Contract.pdf')).waitFor();
await page.getByRole('button', { name: 'Clear the list' }).click();
await shot('activity');

await page.emulateMedia({ colorScheme: 'dark' });
await page.setViewportSize({ width: 390, height: 760 });
await page.goto('/');
await page.getByRole('button', { name: 'Contract.pdf', exact: true }).waitFor();
await shot('phone');
await browser.close();
