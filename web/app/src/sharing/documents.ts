// What the panel of a file asks and changes.

import { EventCore } from '../activity/documents';
import { ask, change } from '../api/client';
import { tell } from '../api/changes';
import { graphql, type FragmentOf, type ResultOf } from '../api/graphql';
import { SeenFile } from '../files/documents';

export const ShareRow = graphql(`
  fragment ShareRow on Share {
    id
    audience
    createdAt
    expiresAt
    user {
      id
      username
    }
    group {
      id
      name
    }
    link {
      url
      hasPassword
      maxDownloads
      downloads
    }
  }
`);
export type ShareRow = FragmentOf<typeof ShareRow>;

export const PANEL = graphql(
  `
    query FilePanel($id: ID!) {
      file(id: $id) {
        ...SeenFile
        sha256
      }
    }
  `,
  [SeenFile],
);
export type PanelFile = ResultOf<typeof PANEL>['file'];

const SHARES = graphql(
  `
    query Shares($file: ID!, $after: String) {
      file(id: $file) {
        id
        shares(first: 50, after: $after) {
          nodes {
            ...ShareRow
          }
          pageInfo {
            hasNextPage
            endCursor
          }
        }
      }
    }
  `,
  [ShareRow],
);

export const loadShares = (file: string) => async (after: string | null) =>
  (await ask(SHARES, { file, after })).file.shares;

export const HISTORY = graphql(
  `
    query FileHistory($file: ID!, $first: Int!) {
      file(id: $file) {
        id
        events(first: $first) {
          edges {
            node {
              ...EventCore
            }
          }
          pageInfo {
            hasNextPage
          }
        }
      }
    }
  `,
  [EventCore],
);
export type FileEvent = ResultOf<typeof HISTORY>['file']['events']['edges'][number]['node'];

export const MY_GROUPS = graphql(`
  query GroupsToShareWith {
    groups(first: 100) {
      nodes {
        id
        name
      }
    }
  }
`);

const EXPLAIN = graphql(`
  query Explain($file: ID!, $username: String!) {
    explainAccess(fileId: $file, username: $username) {
      allowed
      owns
      obstacles
      grants {
        id
        audience
        expiresAt
        group {
          id
          name
        }
      }
    }
  }
`);
export type Explanation = ResultOf<typeof EXPLAIN>['explainAccess'];

export const explain = async (file: string, username: string): Promise<Explanation> =>
  (await ask(EXPLAIN, { file, username })).explainAccess;

const WITH_USER = graphql(
  `
    mutation ShareWithUser($file: ID!, $username: String!, $expiresAt: DateTime) {
      shareWithUser(fileId: $file, username: $username, expiresAt: $expiresAt) {
        ...ShareRow
      }
    }
  `,
  [ShareRow],
);

const WITH_GROUP = graphql(
  `
    mutation ShareWithGroup($file: ID!, $group: ID!, $expiresAt: DateTime) {
      shareWithGroup(fileId: $file, groupId: $group, expiresAt: $expiresAt) {
        ...ShareRow
      }
    }
  `,
  [ShareRow],
);

const WITH_EVERYONE = graphql(
  `
    mutation ShareWithAuthenticated($file: ID!, $expiresAt: DateTime) {
      shareWithAuthenticated(fileId: $file, expiresAt: $expiresAt) {
        ...ShareRow
      }
    }
  `,
  [ShareRow],
);

const BY_LINK = graphql(
  `
    mutation ShareByLink($file: ID!, $password: String, $maxDownloads: Int, $expiresAt: DateTime) {
      shareByLink(fileId: $file, password: $password, maxDownloads: $maxDownloads, expiresAt: $expiresAt) {
        ...ShareRow
      }
    }
  `,
  [ShareRow],
);

const SET_END = graphql(`
  mutation SetShareEnd($id: ID!, $expiresAt: DateTime) {
    updateShare(id: $id, expiresAt: $expiresAt) {
      id
      expiresAt
    }
  }
`);

// Without the variable, the argument is absent (GraphQL §6.4.1), and the password stays as it was. Nobody can read it.
const SET_TERMS = graphql(`
  mutation SetLinkTerms($id: ID!, $expiresAt: DateTime, $maxDownloads: Int, $password: String) {
    updateShare(id: $id, expiresAt: $expiresAt, maxDownloads: $maxDownloads, password: $password) {
      id
    }
  }
`);

const REVOKE = graphql(`
  mutation RevokeShare($id: ID!) {
    revokeShare(id: $id)
  }
`);

async function shared<T>(file: string, act: Promise<T>): Promise<T> {
  const done = await act;
  tell({ kind: 'changed', file });
  return done;
}

export const shareWithUser = (file: string, username: string, expiresAt: string | null) =>
  shared(file, change(WITH_USER, { file, username, expiresAt }));
export const shareWithGroup = (file: string, group: string, expiresAt: string | null) =>
  shared(file, change(WITH_GROUP, { file, group, expiresAt }));
export const shareWithEveryone = (file: string, expiresAt: string | null) =>
  shared(file, change(WITH_EVERYONE, { file, expiresAt }));
export const shareByLink = (
  file: string,
  terms: { password: string | null; maxDownloads: number | null; expiresAt: string | null },
) => shared(file, change(BY_LINK, { file, ...terms }));
export const setEnd = (file: string, id: string, expiresAt: string | null) =>
  shared(file, change(SET_END, { id, expiresAt }));
export const setTerms = (
  file: string,
  id: string,
  terms: { expiresAt: string | null; maxDownloads: number | null; password?: string | null },
) => shared(file, change(SET_TERMS, { id, ...terms }));
export const revoke = (file: string, id: string) => shared(file, change(REVOKE, { id }));
