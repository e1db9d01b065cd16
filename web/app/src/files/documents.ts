// What the lists of files ask and change. `SeenFile` is a row of any list; `OwnFile` adds who else can see it.

import { ask, change } from '../api/client';
import { tell } from '../api/changes';
import { Refusal } from '../api/errors';
import { graphql, type FragmentOf, type VariablesOf } from '../api/graphql';
import type { Load } from '../api/pages';
import type { Arrangement } from './arrangement';

/** As many rows as one question brings. */
const ROWS = 60;

export const SeenFile = graphql(`
  fragment SeenFile on File {
    id
    name
    size
    contentType
    createdAt
    trashedAt
    owner {
      id
      username
    }
  }
`);

export const OwnFile = graphql(
  `
    fragment OwnFile on File {
      ...SeenFile
      drop {
        id
        name
      }
      shares(first: 4) {
        nodes {
          id
          audience
          expiresAt
          user {
            id
            username
          }
          group {
            id
            name
          }
        }
        pageInfo {
          hasNextPage
        }
      }
    }
  `,
  [SeenFile],
);

export type SeenFile = FragmentOf<typeof SeenFile>;
export type OwnFile = FragmentOf<typeof OwnFile>;

const SeenPage = graphql(
  `
    fragment SeenPage on FileConnection {
      nodes {
        ...SeenFile
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  `,
  [SeenFile],
);

const OwnPage = graphql(
  `
    fragment OwnPage on FileConnection {
      nodes {
        ...OwnFile
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  `,
  [OwnFile],
);

const FILES = graphql(
  `
    query Files($first: Int, $after: String, $last: Int, $before: String, $search: String, $by: FileOrder!) {
      files(first: $first, after: $after, last: $last, before: $before, search: $search, orderBy: $by) {
        ...OwnPage
      }
    }
  `,
  [OwnPage],
);

const SHARED = graphql(
  `
    query SharedWithMe($first: Int, $after: String, $last: Int, $before: String, $search: String, $by: FileOrder!) {
      sharedWithMe(first: $first, after: $after, last: $last, before: $before, search: $search, orderBy: $by) {
        ...SeenPage
      }
    }
  `,
  [SeenPage],
);

const TRASH = graphql(
  `
    query Trash($first: Int, $after: String) {
      trash(first: $first, after: $after) {
        ...SeenPage
      }
    }
  `,
  [SeenPage],
);

interface BothWays<Item> {
  nodes: Item[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

/** Pages of a list as it is arranged. The API has one direction for each order; the other is the same list from its end. */
function arranged<Item>(
  { search, by, isReversed }: Arrangement,
  load: (page: VariablesOf<typeof FILES>) => Promise<BothWays<Item>>,
): Load<Item> {
  return async (cursor) => {
    if (!isReversed) return load({ first: ROWS, after: cursor, search, by });
    const { nodes, pageInfo } = await load({ last: ROWS, before: cursor, search, by });
    return { nodes: nodes.toReversed(), pageInfo: { hasNextPage: pageInfo.hasPreviousPage, endCursor: pageInfo.startCursor } };
  };
}

export const loadFiles = (as: Arrangement) => arranged<OwnFile>(as, async (page) => (await ask(FILES, page)).files);
export const loadShared = (as: Arrangement) => arranged<SeenFile>(as, async (page) => (await ask(SHARED, page)).sharedWithMe);
export const loadTrash: Load<SeenFile> = async (after) => (await ask(TRASH, { first: ROWS, after })).trash;

const ONE = graphql(
  `
    query OneFile($id: ID!) {
      file(id: $id) {
        ...OwnFile
      }
    }
  `,
  [OwnFile],
);

/** A file as it is now; null when it may not be seen any more. */
export async function loadOne(id: string): Promise<OwnFile | null> {
  try {
    return (await ask(ONE, { id })).file;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

const TICKET = graphql(`
  query Ticket($file: ID!, $disposition: Disposition!) {
    downloadTicket(fileId: $file, disposition: $disposition) {
      url
      expiresAt
    }
  }
`);

/** A ticket at the address that this page is at, which may be another than the one that the server calls its own. */
export async function ticket(file: string, disposition: 'ATTACHMENT' | 'INLINE') {
  const { url, expiresAt } = (await ask(TICKET, { file, disposition })).downloadTicket;
  return { url: new URL(url).pathname, expiresAt: Date.parse(expiresAt) };
}

export async function download(file: { id: string; name: string }): Promise<void> {
  const link = document.createElement('a');
  link.href = (await ticket(file.id, 'ATTACHMENT')).url;
  link.download = file.name;
  link.click();
}

const RENAME = graphql(`
  mutation RenameFile($id: ID!, $name: String!) {
    renameFile(id: $id, name: $name) {
      id
      name
    }
  }
`);

const DELETE = graphql(`
  mutation DeleteFile($id: ID!) {
    deleteFile(id: $id)
  }
`);

const RESTORE = graphql(`
  mutation RestoreFile($id: ID!) {
    restoreFile(id: $id) {
      id
    }
  }
`);

const PURGE = graphql(`
  mutation PurgeFile($id: ID!) {
    purgeFile(id: $id)
  }
`);

export async function rename(id: string, name: string): Promise<void> {
  await change(RENAME, { id, name });
  tell({ kind: 'changed', file: id });
}

export const trash = (ids: string[]) => each(ids, 'trashed', (id) => change(DELETE, { id }));
export const restore = (ids: string[]) => each(ids, 'restored', (id) => change(RESTORE, { id }));
export const purge = (ids: string[]) => each(ids, 'purged', (id) => change(PURGE, { id }));

/** Changes one file after the other, and tells of those that are done, also when one of them fails. */
async function each(ids: string[], kind: 'trashed' | 'restored' | 'purged', act: (id: string) => Promise<unknown>) {
  const files: string[] = [];
  try {
    for (const id of ids) {
      await act(id);
      files.push(id);
    }
  } finally {
    if (files.length > 0) tell({ kind, files });
  }
}
