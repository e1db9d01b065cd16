// Who is signed in, and what the server allows: asked once for all views.

import { createContext, useContext } from 'react';
import { change } from '../api/client';
import { tell } from '../api/changes';
import { graphql, type ResultOf } from '../api/graphql';

export const SESSION = graphql(`
  query Session {
    me {
      id
      username
      createdAt
      hasPassword
      usage {
        usedBytes
        trashedBytes
        reservedBytes
        quotaBytes
        files
        maxFiles
      }
    }
    limits {
      maxFileSize
      signUpOpen
      passwordSignInOn
      oidcName
      linksOn
      linkPasswordRequired
      linkMaxTtlSeconds
      dropsOn
      trashTtlSeconds
      ticketTtlSeconds
    }
  }
`);

export type Me = NonNullable<ResultOf<typeof SESSION>['me']>;
export type Limits = ResultOf<typeof SESSION>['limits'];

export interface Session {
  me: Me;
  limits: Limits;
  /** Asks again how much is used. */
  renew: () => void;
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('nobody is signed in');
  return session;
}

const SIGN_IN = graphql(`
  mutation SignIn($username: String!, $password: String!) {
    signIn(username: $username, password: $password) {
      id
    }
  }
`);

const SIGN_UP = graphql(`
  mutation SignUp($username: String!, $password: String!) {
    signUp(username: $username, password: $password) {
      id
    }
  }
`);

const SIGN_OUT = graphql(`
  mutation SignOut {
    signOut
  }
`);

export async function signIn(username: string, password: string): Promise<void> {
  await change(SIGN_IN, { username, password }, ['User']);
  tell({ kind: 'signed' });
}

export async function signUp(username: string, password: string): Promise<void> {
  await change(SIGN_UP, { username, password }, ['User']);
  tell({ kind: 'signed' });
}

const DELETE_ACCOUNT = graphql(`
  mutation DeleteAccount($password: String!) {
    deleteAccount(password: $password)
  }
`);

export const deleteAccount = (password: string): Promise<void> => leave(() => change(DELETE_ACCOUNT, { password }));

export const signOut = (): Promise<void> => leave(() => change(SIGN_OUT, {}));

/** Where one signs in with the provider; one comes back to the view at `path`. */
export function providerAddress(path: string): string {
  return `/auth/oidc?return=${encodeURIComponent(path)}`;
}

/** The same where the provider makes the person sign in again, though it may know them. */
export function providerAddressAnew(path: string): string {
  return `${providerAddress(path)}&anew`;
}

/** Whether the page is about to begin anew: what somebody types into it until then would be lost. */
let leaving = false;

export const isLeaving = (): boolean => leaving;

/** Ends the session by `act`, and begins the page anew, so that nothing of the person stays in memory. */
async function leave(act: () => Promise<unknown>): Promise<void> {
  leaving = true;
  try {
    await act();
  } catch (error) {
    leaving = false;
    throw error;
  }
  tell({ kind: 'signed' });
  // A browser may keep this page in memory and show it again for its Back button. Then it begins anew as well.
  addEventListener('pageshow', () => location.reload());
  location.assign('/');
}
