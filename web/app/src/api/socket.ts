// The WebSocket that subscriptions come by. It is open while there is one, and is not opened again by itself: whoever
// subscribes knows from where to go on.

import { createClient, type Client, type Sink } from 'graphql-ws';
import { subscriptionExchange } from 'urql';

/** How often the server is asked whether it is still there, and how long its answer may take, ms. */
const ASK_MS = 20_000;
const ANSWER_MS = 10_000;

let overdue: ReturnType<typeof setTimeout> | undefined;
const answered = () => clearTimeout(overdue);

const socket: Client = createClient({
  url: () => `${location.origin.replace(/^http/, 'ws')}/graphql`,
  retryAttempts: 0,
  keepAlive: ASK_MS,
  on: {
    // A connection that the network has lost without a word stays open otherwise.
    ping: (isFromServer) => {
      if (!isFromServer) overdue = setTimeout(() => socket.terminate(), ANSWER_MS);
    },
    pong: answered,
    closed: answered,
  },
});

export const socketExchange = subscriptionExchange({
  forwardSubscription: ({ query = '', variables }) => ({
    subscribe: (sink) => {
      const payload = { query, variables: variables as Record<string, unknown> };
      // The same answers, in types that differ in how they write what is absent.
      return { unsubscribe: socket.subscribe(payload, sink as Sink) };
    },
  }),
});

/** Hears when the server has taken the connection. */
export const onConnected = (listener: () => void): (() => void) => socket.on('connected', listener);

/** By which code the server closed the connection, if that is what ended a subscription. */
export function closeCode(error: unknown): number | undefined {
  return error instanceof CloseEvent ? error.code : undefined;
}
