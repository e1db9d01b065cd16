// The journey with urql (the package for React, which hands on the client of @urql/core): queries by GET, which is its
// default, and its own uploads.
//
//   node urql.mjs <base URL>

import assert from 'node:assert/strict';
import { Client, fetchExchange } from 'urql';
import { getOperationAST } from 'graphql';
import { journey } from './journey.mjs';

await journey(({ url, fetch, headers }) => {
  const methods = new Set();
  const watchedFetch = (input, init) => {
    methods.add(init?.method ?? 'GET');
    return fetch(input, init);
  };
  const client = new Client({
    url,
    exchanges: [fetchExchange],
    fetch: watchedFetch,
    fetchOptions: { headers },
    preferGetMethod: 'force',
  });
  return async (document, variables = {}) => {
    methods.clear();
    const isQuery = getOperationAST(document).operation === 'query';
    const { data, error } = await (isQuery ? client.query(document, variables) : client.mutation(document, variables));
    assert.deepEqual([...methods], [isQuery ? 'GET' : 'POST']);
    if (error) throw error;
    return data;
  };
});
