// How the page speaks to the API: one urql client, `ask` and `change` for single operations, `useAsked` for what a view shows;
// `socket.ts` has the connection of subscriptions.

import type { TadaDocumentNode } from 'gql.tada';
import { useEffect, useMemo } from 'react';
import { Client, cacheExchange, createRequest, fetchExchange, mapExchange, useQuery, type AnyVariables } from 'urql';
import { onChange, onReturn, tell } from './changes';
import { Refusal } from './errors';
import { socketExchange } from './socket';

/** Whoever is told so is asked anew who they are. */
const watch = mapExchange({
  onError: (error) => {
    if (Refusal.of(error).code === 'UNAUTHENTICATED') tell({ kind: 'signed' });
  },
});

export const client = new Client({
  url: '/graphql',
  // The feed says itself what to ask again: before the cache, it does not make it ask for everything of the types in an event.
  exchanges: [socketExchange, cacheExchange, watch, fetchExchange],
  // A password must not stand in a URL, and nothing here is cached by URL.
  preferGetMethod: false,
});

/** What `ask` is asking, by the keys of the queries. */
const underWay = new Map<number, Promise<unknown>>();

/** Runs a query, and returns its data; throws a `Refusal`. */
export async function ask<Data, Variables extends AnyVariables>(
  document: TadaDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const { key } = createRequest(document, variables);
  // urql would give the answer that is on its way already. It may be from before the change that somebody asks because of.
  await underWay.get(key);
  const answer = client.query(document, variables, { requestPolicy: 'network-only' }).toPromise();
  underWay.set(key, answer);
  const { data, error } = await answer;
  if (underWay.get(key) === answer) underWay.delete(key);
  if (error || !data) throw Refusal.of(error);
  return data;
}

/** Runs a mutation. What shows something of the types in `touched`, or of those in the answer, asks again. */
export async function change<Data, Variables extends AnyVariables>(
  document: TadaDocumentNode<Data, Variables>,
  variables: Variables,
  touched: string[] = [],
): Promise<Data> {
  const { data, error } = await client.mutation(document, variables, { additionalTypenames: touched });
  if (error || !data) throw Refusal.of(error);
  return data;
}

export interface Asked<Data> {
  data: Data | undefined;
  refusal: Refusal | undefined;
  isLoading: boolean;
  again: () => void;
}

/** What a view shows: asked when the view appears, when something of the types in `of` changes, and when the person returns. */
export function useAsked<Data, Variables extends AnyVariables>(
  document: TadaDocumentNode<Data, Variables>,
  variables: Variables,
  of: string[],
  pause = false,
): Asked<Data> {
  const types = of.join();
  const context = useMemo(() => ({ additionalTypenames: types.split(',') }), [types]);
  const [result, execute] = useQuery({
    query: document,
    variables,
    context,
    pause,
    requestPolicy: 'cache-and-network',
  } as Parameters<typeof useQuery<Data, Variables>>[0]);
  // urql gives up the answer that is on its way: it may be from before a change, or lost with the network.
  const again = () => execute({ requestPolicy: 'network-only' });
  useEffect(() => {
    if (pause) return undefined;
    const ends = [onReturn(again), onChange((change) => void (change.kind === 'missed' && again()))];
    return () => ends.forEach((end) => end());
  });
  return {
    data: result.data,
    refusal: result.error && Refusal.of(result.error),
    isLoading: result.fetching && !result.data,
    again,
  };
}
