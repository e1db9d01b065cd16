// Sends GraphiQL's requests to the server that served the page.

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

/**
 * Makes GraphiQL's fetcher. `onSchemaAnswer` hears, after each request for the schema, `null` or what was said instead.
 */
export function createFetcher(onSchemaAnswer) {
  return async function fetcher(request, { headers } = {}) {
    const answer = await send(request, headers);
    if (!isIntrospection(request)) return answer;
    onSchemaAnswer(answer.data?.__schema ? null : refusal(answer));
    // With `data` present, GraphiQL does not ask a second time in an older dialect.
    return { data: null, ...answer };
  };
}
