// The journey with Apollo Client and apollo-upload-client, in their newest majors; apollo-3 has those before.
//
//   node apollo.mjs <base URL>

import { ApolloClient, InMemoryCache } from '@apollo/client';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';
import { getOperationAST } from 'graphql';
import { journey } from './journey.mjs';

await journey(({ url, fetch, headers }) => {
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: new UploadHttpLink({ uri: url, fetch, headers }),
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
