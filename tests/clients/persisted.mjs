// Automatic persisted queries with the clients that have them: each document is sent whole once, and by its hash from then on.
//
//   node persisted.mjs <base URL>

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import * as apollo4 from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { parse } from 'graphql';
import * as apollo3 from './apollo-3/node_modules/@apollo/client/core/index.js';
import { createPersistedQueryLink as persisted3 } from './apollo-3/node_modules/@apollo/client/link/persisted-queries/index.js';

const url = `${process.argv[2]}/graphql`;
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** Whether each request had the whole document, and how it was sent. */
let sent = [];
const watchedFetch = (input, init) => {
  const parameters = new URL(input).searchParams;
  const isWhole = init?.body ? 'query' in JSON.parse(init.body) : parameters.has('query');
  sent.push(`${init?.method ?? 'GET'} ${isWhole ? 'whole' : 'hash'}`);
  return fetch(input, init);
};

const apollo = ({ ApolloClient, InMemoryCache, HttpLink }, persisted) => {
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: persisted.concat(new HttpLink({ uri: url, fetch: watchedFetch })),
  });
  return async (query) => (await client.query({ query, fetchPolicy: 'network-only' })).data;
};

const urql = (options) => {
  const client = new Client({
    url,
    exchanges: [persistedExchange(options), fetchExchange],
    fetch: watchedFetch,
    preferGetMethod: false,
  });
  return async (query) => {
    const { data, error } = await client.query(query, {}, { requestPolicy: 'network-only' });
    if (error) throw error;
    return data;
  };
};

const clients = {
  'Apollo Client 3': [apollo(apollo3, persisted3({ sha256 })), 'POST', 'POST'],
  'Apollo Client 3 by GET': [apollo(apollo3, persisted3({ sha256, useGETForHashedQueries: true })), 'GET', 'POST'],
  'Apollo Client 4': [apollo(apollo4, new PersistedQueryLink({ sha256 })), 'POST', 'POST'],
  'Apollo Client 4 by GET': [
    apollo(apollo4, new PersistedQueryLink({ sha256, useGETForHashedQueries: true })),
    'GET',
    'POST',
  ],
  urql: [urql({ preferGetForPersistedQueries: false }), 'POST', 'POST'],
  'urql by GET': [urql({ preferGetForPersistedQueries: true }), 'GET', 'GET'],
};

for (const [name, [ask, hashed, whole]] of Object.entries(clients)) {
  // A document that nobody has sent before.
  const document = parse(`query Q${randomUUID().replaceAll('-', '')} { limits { maxPageSize } }`);
  for (const expected of [[`${hashed} hash`, `${whole} whole`], [`${hashed} hash`]]) {
    sent = [];
    const data = await ask(document);
    assert.equal(data.limits.maxPageSize, 100, name);
    assert.deepEqual(sent, expected, name);
  }
}
