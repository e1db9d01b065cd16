// The journey with Relay: its compiler takes the schema and every document of the journey, and its runtime runs what comes
// out. Then each type that is a Node is fetched again by a fragment, as useRefetchableFragment does, and each list is paged
// through by one, as usePaginationFragment does.
//
//   node relay.mjs <base URL> <schema.graphql>

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { getOperationAST, print } from 'graphql';
import relay from 'relay-runtime';
import { DOCUMENTS, journey } from './journey.mjs';
import { hasFiles, multipart } from './multipart.mjs';
import { fragmentsOf } from './relay_fragments.mjs';

const { commitMutation, fetchQuery } = relay;

/** Relay wants operations to be called as their module is, and to end in what they are. */
function relayName(document) {
  const { name, operation } = getOperationAST(document);
  return `Journey${name.value}${operation === 'query' ? 'Query' : 'Mutation'}`;
}

const [base, schema] = process.argv.slice(2);
const FRAGMENTS = fragmentsOf(readFileSync(schema, 'utf8'));

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
  const tagged = [...documents, ...FRAGMENTS.map(({ document }) => document)].map((document) => `graphql\`${document}\`;`);
  writeFileSync(join(directory, 'src/Journey.js'), tagged.join('\n'));
  const compiler = createRequire(import.meta.url).resolve('relay-compiler/cli.js');
  execFileSync(process.execPath, [compiler, 'relay.config.json'], { cwd: directory, encoding: 'utf8' });
  return directory;
}

const directory = compile(schema);
process.on('exit', () => rmSync(directory, { recursive: true }));

async function artifact(name) {
  const path = join(directory, 'src/__generated__', `${name}.graphql.js`);
  return (await import(pathToFileURL(path))).default;
}

const { Environment, Network, RecordSource, Store } = relay;      // import relay from 'relay-runtime';

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
  alice ??= { here, ...options };
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

/** Asks as alice, without Relay. */
async function ask(query) {
  const request = { headers: { ...alice.headers, 'content-type': 'application/json' }, body: JSON.stringify({ query }) };
  const { data, errors } = await (await alice.fetch(alice.url, { method: 'POST', ...request })).json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** One of each type that is a Node, by the type's name. */
async function world() {
  const { files } = await ask('{ files(first: 1) { nodes { id } } }');
  const file = files.nodes[0].id;
  const made = await ask(`mutation {
    share: shareWithAuthenticated(fileId: "${file}") { id }
    apiToken: createApiToken(name: "one of each", scopes: [READ]) { apiToken { id } }
    drop: createDrop(name: "one of each") { id }
    group: createGroup(name: "one of each") { id }
    upload: createUpload(name: "one of each", size: 1) { id }
  }`);
  const { me, file: { events } } = await ask(`{ me { id } file(id: "${file}") { events(first: 1) { edges { node { id } } } } }`);
  return {
    File: file, Share: made.share.id, ApiToken: made.apiToken.apiToken.id, Drop: made.drop.id, User: me.id,
    Event: events.edges[0].node.id, Group: made.group.id, ResumableUpload: made.upload.id,
  };
}

/** What the query of a fragment gives. */
async function run(query, variables) {
  const operation = relay.createOperationDescriptor(await artifact(query), variables);
  return new Promise((resolve, reject) => {
    alice.here.execute({ operation }).subscribe({ next: ({ data }) => resolve(data), error: reject });
  });
}

const ids = await world();
for (const { query, type, list } of FRAGMENTS) {
  const id = ids[type];
  assert.ok(id || type === 'Query', `the world has no ${type}`);
  if (list === null) {
    const { node } = await run(query, { id });
    assert.equal(node.id, id, query);
    continue;
  }
  if (query === 'JourneyQueryUsersPagesQuery') {
    // Alice looks after nobody's account.
    await assert.rejects(run(query, { count: 1, cursor: null }), /Only administrators/);
    continue;
  }
  const seen = [];
  for (let cursor = null, more = true; more;) {
    const data = await run(query, { ...(id && { id }), count: 1, cursor });
    const { edges, pageInfo } = (id ? data.node : data)[list];
    seen.push(...edges.map(({ node }) => node.id));
    [cursor, more] = [pageInfo.endCursor, pageInfo.hasNextPage];
  }
  assert.equal(new Set(seen).size, seen.length, query);
  if (query === 'JourneyQueryFilesPagesQuery') {
    assert.equal(seen.length, 3, JSON.stringify(seen));
  }
}
