// Uploads: stopped, cut off, reloaded, refused, many.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const MIB = 1024 * 1024;

/** A file on the disk: what a person chooses. */
async function onDisk(name, bytes) {
  const folder = await mkdtemp(path.join(tmpdir(), 'journey-'));
  const file = path.join(folder, name);
  await writeFile(file, bytes);
  return file;
}

/** Bytes that are the same nowhere. */
const numbered = (length) => Buffer.from(Uint32Array.from({ length: length / 4 }, (_, at) => at).buffer);

const choose = (page, files) => page.locator('.view-head input[type=file]').setInputFiles(files);
const tray = (page) => page.getByRole('region', { name: 'Uploads' });

/** So many bytes a second, for whatever this page sends. */
async function slowly(page, bytesPerSecond) {
  const network = await page.context().newCDPSession(page);
  await network.send('Network.enable');
  const set = (offline, uploadThroughput) =>
    network.send('Network.emulateNetworkConditions', { offline, latency: 0, downloadThroughput: -1, uploadThroughput });
  await set(false, bytesPerSecond);
  return { cut: () => set(true, -1), quick: () => set(false, -1) };
}

async function isStored(page, ask, name, bytes) {
  const { files } = await ask(page, '{ files { nodes { name size sha256 } } }');
  const file = files.nodes.find((file) => file.name === name);
  assert.deepEqual(file, { name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
}

/** Pause, go on, cancel; and a warning before the window closes meanwhile. */
export async function pauseAndGoOn({ person, ask }) {
  const alice = await person('alice');
  const bytes = numbered(4 * MIB);
  const network = await slowly(alice, 400_000);
  await choose(alice, [await onDisk('long.bin', bytes), await onDisk('never.bin', numbered(4 * MIB))]);
  const row = tray(alice).locator('.tray-row').filter({ hasText: 'long.bin' });
  await row.getByText(/^[1-9]\d* % of/).waitFor();
  await tray(alice).getByText(/iB\/s · .* left/).waitFor();

  let warned = false;
  alice.once('dialog', async (dialog) => {
    warned = dialog.type() === 'beforeunload';
    await dialog.dismiss();
  });
  await alice.close({ runBeforeUnload: true });
  await row.getByRole('button', { name: 'Pause: long.bin' }).click();
  assert.ok(warned, 'closing the window is warned about');
  await row.getByText('Paused').waitFor();
  await tray(alice).getByRole('button', { name: 'Cancel: never.bin' }).click();
  await tray(alice).getByText('never.bin').waitFor({ state: 'detached' });

  await network.quick();
  await row.getByRole('button', { name: 'Go on: long.bin' }).click();
  await row.getByText(/^Uploaded/).waitFor();
  await isStored(alice, ask, 'long.bin', bytes);
  const { uploads } = await ask(alice, '{ uploads { nodes { name } } }');
  assert.deepEqual(uploads.nodes, [], 'what was cancelled is gone');
}

/** The page is reloaded in the middle, and the upload goes on by itself where it was. */
export async function reloaded({ person, ask }) {
  const alice = await person('alice');
  const bytes = numbered(6 * MIB);
  await slowly(alice, 500_000);
  await choose(alice, await onDisk('long.bin', bytes));
  await tray(alice).getByText(/^[1-9]\d* % of/).waitFor();
  await tray(alice).getByRole('button', { name: 'Pause: long.bin' }).click();
  await tray(alice).getByText('Paused').waitFor();
  const offset = async () => (await ask(alice, '{ uploads { nodes { offset } } }')).uploads.nodes[0]?.offset;
  const before = await offset();
  const sent = [];
  alice.on('request', (request) => request.method() === 'PATCH' && sent.push(Number(request.headers()['upload-offset'])));
  await alice.reload();
  await tray(alice).getByText(/^Uploaded/).waitFor();
  await isStored(alice, ask, 'long.bin', bytes);
  assert.ok(before >= 0 && sent.length > 0 && sent[0] >= before, `${sent} goes on from ${before}`);
}

/** A file that the browser did not keep: the person chooses it again, and it goes on. */
export async function choosesAgain({ person, ask }) {
  const alice = await person('alice');
  const bytes = numbered(2 * MIB);
  await ask(alice, `mutation { createUpload(name: "long.bin", size: ${bytes.length}) { id } }`);
  await alice.reload();
  await tray(alice).getByText('Unfinished: choose the file again').waitFor();
  await tray(alice).locator('input[type=file]').setInputFiles(await onDisk('long.bin', bytes));
  await tray(alice).getByText(/^Uploaded/).waitFor();
  await isStored(alice, ask, 'long.bin', bytes);
  const { uploads } = await ask(alice, '{ uploads { nodes { name } } }');
  assert.deepEqual(uploads.nodes, []);
}

/** The network is cut in the middle, and comes back. */
export async function networkCut({ person, ask }) {
  const alice = await person('alice', {}, /ERR_INTERNET_DISCONNECTED/);
  const bytes = numbered(6 * MIB);
  const network = await slowly(alice, 500_000);
  await choose(alice, await onDisk('long.bin', bytes));
  await tray(alice).getByText(/^[1-9]\d* % of/).waitFor();
  await network.cut();
  await tray(alice).getByText('No connection').waitFor({ timeout: 60_000 });
  await network.quick();
  await tray(alice).getByText(/^Uploaded/).waitFor({ timeout: 60_000 });
  await isStored(alice, ask, 'long.bin', bytes);
}

/** The server is killed in the middle, and starts again. */
export async function serverRestarted({ person, ask, tell }) {
  const alice = await person('alice', {}, /ERR_|502|503/);
  const bytes = numbered(6 * MIB);
  const network = await slowly(alice, 500_000);
  await choose(alice, await onDisk('long.bin', bytes));
  await tray(alice).getByText(/^[1-9]\d* % of/).waitFor();
  await tell('restart');
  await network.quick();
  await tray(alice).getByText(/^Uploaded/).waitFor({ timeout: 60_000 });
  await isStored(alice, ask, 'long.bin', bytes);
}

/** What would be refused is, before a byte is sent; a name that is there already is said. The server takes 3 MiB a file, 5 MiB in all. */
export async function refusedBefore({ person }) {
  const alice = await person('alice');
  const sent = [];
  alice.on('request', (request) => request.url().includes('/uploads/') && sent.push(request.url()));
  await choose(alice, await onDisk('large.bin', numbered(4 * MIB)));
  await tray(alice).getByText('Too large: a file may have 3.0 MiB.').waitFor();
  assert.deepEqual(sent, []);
  await choose(alice, [await onDisk('one.bin', numbered(3 * MIB)), await onDisk('two.bin', numbered(3 * MIB))]);
  await tray(alice).getByText('No room: 2.0 MiB are left in your account.').waitFor();
  await tray(alice).getByText('Uploaded, 3.0 MiB').waitFor();
  assert.equal(new Set(sent).size, 1, 'one upload has sent bytes');
  await choose(alice, await onDisk('one.bin', numbered(MIB)));
  await tray(alice).getByText('there is a file of this name already').waitFor();
  await alice.locator('.row-name').nth(1).waitFor();
  assert.deepEqual(await alice.locator('.row-name').allInnerTexts(), ['one.bin', 'one.bin']);
}

/** Fifty at once; folders and files dropped; a file pasted. */
export async function fiftyAtOnce({ person, ask }) {
  const alice = await person('alice');
  const files = Array.from({ length: 50 }, (_, at) => ({ name: `${at}.txt`, mimeType: 'text/plain', buffer: Buffer.from(`${at}`) }));
  await choose(alice, files);
  await tray(alice).getByText('50 files uploaded').waitFor({ timeout: 60_000 });
  const { me } = await ask(alice, '{ me { usage { files } } }');
  assert.equal(me.usage.files, 50);
  await tray(alice).getByRole('button', { name: 'Clear the list' }).click();
  await tray(alice).waitFor({ state: 'detached' });

  const transfer = await alice.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }));
    return transfer;
  });
  await alice.dispatchEvent('.frame', 'dragenter', { dataTransfer: transfer });
  await alice.getByText('Let go to upload').waitFor();
  await alice.dispatchEvent('.frame', 'drop', { dataTransfer: transfer });
  await alice.getByRole('button', { name: 'dropped.txt', exact: true }).waitFor();
  await alice.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['pasted'], 'pasted.png', { type: 'image/png' }));
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }));
  });
  await alice.getByRole('button', { name: 'pasted.png', exact: true }).waitFor();
  assert.equal(await alice.getByText('Let go to upload').count(), 0);
}
