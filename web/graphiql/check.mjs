// Holds the examples against ../schema.graphql.

import { readdir, readFile } from 'node:fs/promises';
import { buildSchema, parse, validate } from 'graphql';

const read = (name) => readFile(new URL(name, import.meta.url), 'utf8');
const schema = buildSchema(await read('../../schema.graphql'));
for (const name of await readdir(new URL('examples/', import.meta.url))) {
  for (const { message } of validate(schema, parse(await read(`examples/${name}`)))) {
    console.error(`graphiql/examples/${name}: ${message}`);
    process.exitCode = 1;
  }
}
