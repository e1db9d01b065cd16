// Compresses what the bundler wrote into ../dist/app/, once and as small as can be.

import { readFile, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = fileURLToPath(new URL('../dist/app/', import.meta.url));

for (const entry of await readdir(dist, { recursive: true })) {
  if (!/\.(js|css|html|svg|txt)$/.test(entry)) continue;
  const bytes = await readFile(dist + entry);
  await writeFile(`${dist}${entry}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  await writeFile(`${dist}${entry}.gz`, gzipSync(bytes, { level: 9 }));
}
