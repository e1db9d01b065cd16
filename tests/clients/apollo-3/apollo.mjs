// The journey with Apollo Client 3 and apollo-upload-client 18.
//
//   node apollo-3/apollo.mjs <base URL>

import { ApolloClient, InMemoryCache } from '@apollo/client/core/index.js';
import createUploadLink from 'apollo-upload-client/createUploadLink.mjs';
import { getOperationAST } from 'graphql';
import { journey } from '../journey.mjs';

await journey(({ url, fetch, headers }) => {
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: createUploadLink({ uri: url, fetch, headers }),
    defaultOptions: { query: { fetchPolicy: 'network-only' } },
  });
  return async (document, variables) => {
    const { data } =
      getOperationAST(document).operation === 'query'
        ? await client.query({ query: document, variables })
        : await client.mutate({ mutation: document, variables });
    return data;
  };
});
