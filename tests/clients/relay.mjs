// The journey with Relay: its compiler takes the schema and every document of the journey, and its runtime runs what comes
// out. Then a list is paged through by a fragment, as usePaginationFragment does.
//
//   node relay.mjs <base URL> <schema.graphql>

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { getOperationAST, print } from 'graphql';
import relay from 'relay-runtime';
import { DOCUMENTS, journey } from './journey.mjs';
import { hasFiles, multipart } from './multipart.mjs';

const { Environment, Network, RecordSource, Store, commitMutation, fetchQuery } = relay;

/** Relay wants operations to be called as their module is, and to end in what they are. */
function relayName(document) {
  const { name, operation } = getOperationAST(document);
  return `Journey${name.value}${operation === 'query' ? 'Query' : 'Mutation'}`;
}

/** What a component with a list has: a fragment that can be fetched again for the next page. */
const PAGES = `
  fragment JourneyFiles_query on Query
    @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
    @refetchable(queryName: "JourneyFilesPaginationQuery") {
    files(first: $count, after: $cursor) @connection(key: "Journey_files") {
      edges { node { id name } }
    }
  }
`;

/** Compiles the documents; returns a directory with a module for each. */
function compile(schema) {
  const directory = mkdtempSync(join(tmpdir(), 'cloakroom-relay-'));
  mkdirSync(join(directory, 'src'));
  copyFileSync(schema, join(directory, 'schema.graphql'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  const config = { src: './src', schema: './schema.graphql', language: 'javascript', eagerEsModules: true };
  writeFileSync(join(directory, 'relay.config.json'), JSON.stringify({
    ...config,
    customScalarTypes: { DateTime: 'string', Int64: 'number', Upload: 'unknown' },
  }));
  const documents = DOCUMENTS.map((document) => print(document).replace(/(query|mutation) \w+/, `$1 ${relayName(document)}`));
  const tagged = [...documents, PAGES].map((document) => `graphql\`${document}\`;`);
  writeFileSync(join(directory, 'src/Journey.js'), tagged.join('\n'));
  const compiler = createRequire(import.meta.url).resolve('relay-compiler/cli.js');
  execFileSync(process.execPath, [compiler, 'relay.config.json'], { cwd: directory, encoding: 'utf8' });
  return directory;
}

const [base, schema] = process.argv.slice(2);
const directory = compile(schema);
process.on('exit', () => rmSync(directory, { recursive: true }));

async function artifact(name) {
  const path = join(directory, 'src/__generated__', `${name}.graphql.js`);
  return (await import(pathToFileURL(path))).default;
}

function environment({ url, fetch, headers }) {
  const send = async ({ text }, variables, _cache, uploadables) => {
    const request = uploadables
      ? { headers, body: multipart(text, { ...variables, ...uploadables }) }
      : { headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify({ query: text, variables }) };
    return (await fetch(url, { method: 'POST', ...request })).json();
  };
  return new Environment({ network: Network.create(send), store: new Store(new RecordSource()) });
}

/** What Relay makes of an answer with errors and no data. */
function asErrors(error) {
  throw Object.assign(error, { errors: error.source?.errors ?? [] });
}

let alice;
await journey((options) => {
  const here = environment(options);
  alice ??= here;
  return async (document, variables = {}) => {
    const node = await artifact(relayName(document));
    if (node.params.operationKind === 'query') {
      return fetchQuery(here, node, variables).toPromise().catch(asErrors);
    }
    const upload = hasFiles(variables) && {
      uploadables: variables,
      variables: Object.fromEntries(Object.keys(variables).map((name) => [name, null])),
    };
    return new Promise((onCompleted, onError) => {
      commitMutation(here, { mutation: node, variables, ...upload, onCompleted, onError });
    }).catch(asErrors);
  };
});

const pages = await artifact('JourneyFilesPaginationQuery');
const names = [];
for (let cursor = null, pageInfo = { hasNextPage: true }; pageInfo.hasNextPage; cursor = pageInfo.endCursor) {
  const variables = { count: 2, cursor };
  const { files } = await new Promise((resolve, reject) => {
    alice.execute({ operation: relay.createOperationDescriptor(pages, variables) })
      .subscribe({ next: ({ data }) => resolve(data), error: reject });
  });
  names.push(...files.edges.map(({ node }) => node.name));
  pageInfo = files.pageInfo;
}
assert.equal(names.length, 3, JSON.stringify(names));
