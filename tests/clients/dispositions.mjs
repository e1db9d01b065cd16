// Reads Content-Disposition headers as a client does, with the parser of the Express project.
//
//   node dispositions.mjs <file>
//
// The file is a JSON list of pairs: a header's value, and the name that it has to give.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import contentDisposition from 'content-disposition';

const pairs = JSON.parse(readFileSync(process.argv[2], 'utf8'));
assert.ok(pairs.length > 0);
for (const [header, name] of pairs) {
  const { type, parameters } = contentDisposition.parse(header);
  assert.equal(type, 'attachment', header);
  assert.equal(parameters.filename, name, header);
  assert.deepEqual(Object.keys(parameters), ['filename'], header);
}
