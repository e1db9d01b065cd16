// A provider of sign-ins as people run them, by `oidc-provider`: whoever gives a name is signed in by it.
//
//   node provider.mjs <port> <address of Cloakroom>
//
// Says `ready` when it answers, and ends with its standard input.

import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [port, site] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'cloakroom',
      client_secret: 'a-secret-that-both-sides-have',
      redirect_uris: [`${site}/auth/oidc/callback`],
    },
  ],
  cookies: { keys: ['a key of a test'] },
  claims: { openid: ['sub'], profile: ['preferred_username'] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
  // Nobody is asked whether Cloakroom may know who they are.
  loadExistingGrant: async ({ oidc }) => {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid profile');
    await grant.save();
    return grant;
  },
  interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
  features: { devInteractions: { enabled: false } },
});
const answer = provider.callback();

const FORM = `<!doctype html><html lang="en"><title>Provider</title><link rel="icon" href="data:,"><h1>Provider</h1>
<form method="post"><label>Name <input name="name" autofocus></label><button>Go on</button></form>`;

async function body(request) {
  let text = '';
  for await (const piece of request) text += piece;
  return new URLSearchParams(text);
}

createServer((request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  if (request.method !== 'POST') return response.setHeader('content-type', 'text/html').end(FORM);
  return body(request).then((form) =>
    provider.interactionFinished(request, response, { login: { accountId: form.get('name') } }),
  );
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
process.stdin.resume().on('end', () => process.exit());
