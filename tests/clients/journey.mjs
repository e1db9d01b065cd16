// What every client does here: sign up with a cookie, upload, list, share; then, as somebody else with an API token, ask
// for a ticket and download.
//
// A client is a function: given the address of the GraphQL endpoint, a fetch and headers, it returns
// `run(document, variables)`, which resolves to the data and rejects with what the client makes of errors.

import assert from 'node:assert/strict';
import { File as NodeFile } from 'node:buffer';
import { gql } from 'graphql-tag';

// Node 18 has it, but not as a global.
globalThis.File ??= NodeFile;

const PASSWORD = 'correct horse battery';
const NAME = 'naïve café – 名前 “é” 👩‍👧.txt';
const BYTES = new Uint8Array(300_000).map((_, at) => (at * 31 + (at >> 8)) % 256);

const SIGN_UP = gql`
  mutation SignUp($username: String!, $password: String!) {
    signUp(username: $username, password: $password) { id username }
  }
`;
const ME = gql`query Me { me { id username } }`;
const CREATE_TOKEN = gql`mutation CreateToken { createApiToken(name: "phone", scopes: [READ]) { secret } }`;
const UPLOAD = gql`
  mutation Upload($file: Upload!) { uploadFile(file: $file) { id name size } }
`;
const UPLOAD_TWO = gql`
  mutation UploadTwo($files: [Upload!]!) { uploadFiles(files: $files) { id name size } }
`;
const LIST = gql`
  query List($first: Int!) { files(first: $first) { edges { node { id name size } } pageInfo { hasNextPage } } }
`;
const SHARE = gql`
  mutation Share($file: ID!, $username: String!) {
    shareWithUser(fileId: $file, username: $username) { id audience user { id username } }
  }
`;
const SHARED = gql`query Shared { sharedWithMe(first: 10) { nodes { id name } } }`;
const TICKET = gql`query Ticket($file: ID!) { downloadTicket(fileId: $file) { url expiresAt } }`;
const NOTHING = gql`query Nothing($file: ID!) { file(id: $file) { id } }`;

/** Every document of the journey, for a client that compiles them beforehand. */
export const DOCUMENTS = [SIGN_UP, ME, CREATE_TOKEN, UPLOAD, UPLOAD_TWO, LIST, SHARE, SHARED, TICKET, NOTHING];

/** A fetch that keeps cookies, as a browser's does. */
export function browserFetch(fetch = globalThis.fetch) {
  const cookies = new Map();
  return async (input, init = {}) => {
    const headers = new Headers(init.headers);
    if (cookies.size > 0) {
      headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    }
    const response = await fetch(input, { ...init, headers });
    for (const cookie of response.headers.getSetCookie()) {
      const [name, value] = cookie.split(';')[0].split('=');
      cookies.set(name, value);
    }
    return response;
  };
}

/** The name in `filename*` (RFC 8187). */
function fileName(response) {
  const [, encoded] = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get('content-disposition'));
  return decodeURIComponent(encoded);
}

/** Runs the journey with clients made by `makeClient`; rejects at the first thing that is not as it should be. */
export async function journey(makeClient) {
  const [base] = process.argv.slice(2);
  const url = `${base}/graphql`;
  const alice = makeClient({ url, fetch: browserFetch(), headers: {} });
  const bob = makeClient({ url, fetch: browserFetch(), headers: {} });
  for (const [person, username] of [[alice, 'alice'], [bob, 'bob']]) {
    await person(SIGN_UP, { username, password: PASSWORD });
    assert.equal((await person(ME)).me.username, username);
  }

  const { uploadFile } = await alice(UPLOAD, { file: new File([BYTES], NAME, { type: 'text/html' }) });
  assert.deepEqual([uploadFile.name, uploadFile.size], [NAME, BYTES.length]);
  const files = [new File(['one'], '1.txt'), new File(['zwei'], '2.txt')];
  const { uploadFiles } = await alice(UPLOAD_TWO, { files });
  assert.deepEqual(uploadFiles.map(({ name, size }) => [name, size]), [['1.txt', 3], ['2.txt', 4]]);
  const listed = (await alice(LIST, { first: 2 })).files;
  assert.deepEqual([listed.edges.length, listed.pageInfo.hasNextPage], [2, true]);

  const { secret } = (await bob(CREATE_TOKEN)).createApiToken;
  const phone = makeClient({ url, fetch, headers: { authorization: `Bearer ${secret}` } });
  const refusal = await phone(NOTHING, { file: uploadFile.id }).catch((error) => error);
  const [error] = refusal.graphQLErrors ?? refusal.errors ?? refusal.response.errors;
  assert.equal(error.extensions.code, 'NOT_FOUND');
  const { shareWithUser } = await alice(SHARE, { file: uploadFile.id, username: 'bob' });
  assert.equal(shareWithUser.user.username, 'bob');

  const [shared] = (await phone(SHARED)).sharedWithMe.nodes;
  assert.deepEqual([shared.id, shared.name], [uploadFile.id, NAME]);
  const { downloadTicket } = await phone(TICKET, { file: shared.id });
  const download = await fetch(downloadTicket.url);
  assert.equal(download.status, 200);
  assert.equal(fileName(download), NAME);
  assert.ok(Buffer.from(await download.arrayBuffer()).equals(Buffer.from(BYTES)), 'the bytes are the same');
  console.log('the journey is complete');
}
