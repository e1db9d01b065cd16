// Sends GraphiQL's requests to the server that served the page.

import { getOperationAST, parse } from 'graphql';
import { createClient } from 'graphql-ws';

const ENDPOINT = '/graphql';

/** Whether this is GraphiQL asking for the schema, not a person running a query. */
function isIntrospection(request) {
  return request.operationName === 'IntrospectionQuery';
}

/** Reads an answer that need not be GraphQL: a proxy in between may answer with a page of its own. */
async function readAnswer(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    const what = text.trim() === '' ? 'nothing' : 'something other than JSON';
    return failure(`The server answered ${response.status} ${response.statusText}, with ${what}.`);
  }
}

/** A failure in the form of an answer: thrown, GraphiQL would show it with a useless stack trace. */
function failure(message) {
  return { errors: [{ message }] };
}

/** What the server said against the request, in one line. */
function refusal(answer) {
  const messages = (answer.errors ?? []).map((error) => error.message);
  return messages.join(' ') || answer.detail || answer.title || 'Nothing.';
}

async function send(request, headers) {
  try {
    const response = await fetch(ENDPOINT, {
      method: 'POST',
      credentials: 'same-origin',
      headers: {
        accept: 'application/graphql-response+json, application/json',
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(request),
    });
    return await readAnswer(response);
  } catch (error) {
    return failure(`The request did not get through: ${error.message}`);
  }
}

/** The operation that is to run; `undefined` where there is none, which the server explains better. */
function operationOf({ query, operationName }) {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Events as they come, by a WebSocket of their own, until whoever reads them stops. */
async function* listen({ query, variables, operationName }, headers) {
  const url = location.origin.replace(/^http/, 'ws') + ENDPOINT;
  const socket = createClient({ url, connectionParams: headers, retryAttempts: 0 });
  try {
    yield* socket.iterate({ query, variables, operationName });
  } catch (error) {
    yield failure(`The connection ended: ${error.reason || error.message || 'the server cannot be reached'}.`);
  }
}

/**
 * Makes GraphiQL's fetcher. `onSchemaAnswer` hears, after each request for the schema, `null` or what was said instead.
 */
export function createFetcher(onSchemaAnswer) {
  return async function fetcher(asked, { headers } = {}) {
    const operation = operationOf(asked);
    // Whoever is quick runs a new text while GraphiQL still has the name of the operation before.
    const request = operation ? { ...asked, operationName: operation.name?.value } : asked;
    if (operation?.operation === 'subscription') return listen(request, headers);
    const answer = await send(request, headers);
    if (!isIntrospection(request)) return answer;
    onSchemaAnswer(answer.data?.__schema ? null : refusal(answer));
    // With `data` present, GraphiQL does not ask a second time in an older dialect.
    return { data: null, ...answer };
  };
}
