// What the tabs hold when the page is first opened. `npm run check` holds them against the schema.

import welcome from './examples/welcome.graphql';
import files from './examples/files.graphql';
import share from './examples/share.graphql';
import link from './examples/link.graphql';
import shared from './examples/shared.graphql';
import feed from './examples/feed.graphql';

const variables = (values) => JSON.stringify(values, null, 2);

export const examples = [
  { query: welcome },
  { query: files, variables: variables({ search: '' }) },
  { query: share, variables: variables({ file: '', username: '' }) },
  { query: link, variables: variables({ file: '', password: null }) },
  { query: shared },
  { query: feed },
];
