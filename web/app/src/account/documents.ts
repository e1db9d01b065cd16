// What the settings ask and change.

import { change } from '../api/client';
import { graphql, type ResultOf } from '../api/graphql';

export const TOKENS = graphql(`
  query ApiTokens {
    apiTokens {
      id
      name
      scopes
      createdAt
      expiresAt
    }
  }
`);
export type ApiToken = ResultOf<typeof TOKENS>['apiTokens'][number];

const CREATE = graphql(`
  mutation CreateApiToken($name: String!, $scopes: [ApiTokenScope!]!, $expiresAt: DateTime) {
    createApiToken(name: $name, scopes: $scopes, expiresAt: $expiresAt) {
      secret
      apiToken {
        id
      }
    }
  }
`);

const REVOKE = graphql(`
  mutation RevokeApiToken($id: ID!) {
    revokeApiToken(id: $id)
  }
`);

const PASSWORD = graphql(`
  mutation ChangePassword($current: String!, $new: String!) {
    changePassword(current: $current, new: $new) {
      id
    }
  }
`);

export const SESSIONS = graphql(`
  query Sessions {
    sessions {
      id
      createdAt
      lastUsedAt
      address
      userAgent
      isCurrent
    }
  }
`);
export type SignIn = ResultOf<typeof SESSIONS>['sessions'][number];

const REVOKE_SESSION = graphql(`
  mutation RevokeSession($id: ID!) {
    revokeSession(id: $id)
  }
`);

export async function revokeSessions(ids: string[]): Promise<void> {
  for (const id of ids) await change(REVOKE_SESSION, { id }, ['SignIn']);
}

export const createToken = async (name: string, scope: 'READ' | 'WRITE', expiresAt: string | null): Promise<string> =>
  (await change(CREATE, { name, scopes: [scope], expiresAt }, ['ApiToken'])).createApiToken.secret;
export const revokeToken = (id: string) => change(REVOKE, { id }, ['ApiToken']);
export const changePassword = (current: string, next: string) =>
  change(PASSWORD, { current, new: next }, ['ApiToken']);
