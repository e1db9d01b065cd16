// The journey with graphql-request, which sends no files: uploads go by fetch, as docs/clients.md has it.
//
//   node graphql-request.mjs <base URL>

import { GraphQLClient } from 'graphql-request';
import { print } from 'graphql';
import { journey } from './journey.mjs';
import { hasFiles, multipart } from './multipart.mjs';

await journey(({ url, fetch, headers }) => {
  const client = new GraphQLClient(url, { fetch, headers });
  return async (document, variables = {}) => {
    if (!hasFiles(variables)) return client.request(document, variables);
    const body = multipart(print(document), variables);
    const { data, errors } = await (await fetch(url, { method: 'POST', headers, body })).json();
    if (errors) throw Object.assign(new Error(errors[0].message), { errors });
    return data;
  };
});
