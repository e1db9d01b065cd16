// @tus/server over a directory: server.mjs ADDRESS DIRECTORY [same-work]. ADDRESS is a port or the path of a unix socket.
//
// By itself it hands bytes to the kernel. With `same-work`, a finished upload has what a file of Cloakroom has before the answer: its
// SHA-256, and its bytes and name synced.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';

const [address, directory, work] = process.argv.slice(2);

async function sync(path) {
  const file = await open(path);
  await file.sync();
  await file.close();
}

async function finish(upload) {
  const path = join(directory, upload.id);
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece);
  await sync(path);
  await sync(directory);
  return hash.digest('hex');
}

const server = new Server({
  path: '/uploads',
  datastore: new FileStore({ directory }),
  generateUrl: (_request, { path, id }) => `http://127.0.0.1${path}/${id}`,
  onUploadFinish: async (_request, upload) => {
    if (work === 'same-work') console.log(await finish(upload));
    return { headers: { 'X-Upload': upload.id } };
  },
});
const node = http.createServer((request, response) => server.handle(request, response));
// Slow uploads are no errors.
node.requestTimeout = 0;
node.listen(/^\d+$/.test(address) ? Number(address) : address, /^\d+$/.test(address) ? '127.0.0.1' : undefined);
