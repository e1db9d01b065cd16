// The feed: what other people, other programs and the server itself change, told to the views as it happens. The cursor of
// the last event that came says where to go on after the connection was lost, so that nothing is missed.

import { useSyncExternalStore } from 'react';
import { onEnd, pipe, subscribe } from 'wonka';
import { tell, tellHere } from '../api/changes';
import { client } from '../api/client';
import { Refusal } from '../api/errors';
import { closeCode, onConnected } from '../api/socket';
import { FEED, newest, type FeedEvent } from './documents';

/** Events that come together are told together, ms. */
const TOGETHER_MS = 50;
/** More of them than this, and looking at everything again costs less than looking at each thing. */
const MANY = 40;
/** How long the feed waits before it connects again: longer each time, ms. */
const WAIT_MS = { least: 500, most: 30_000 };
const SIGNED_OUT = 4401;

/** Null until the first connection has been tried. */
let isLive: boolean | null = null;
const watchers = new Set<() => void>();

function setLive(live: boolean | null): void {
  isLive = live;
  for (const watcher of watchers) watcher();
}

/** Whether what happens now is shown now; null as long as nobody knows. */
export function useIsLive(): boolean | null {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => isLive,
  );
}

/** Follows the feed of whoever is signed in, until what it returns is called. */
export function follow(): () => void {
  let cursor: string | null = null;
  let hasStopped = false;
  let failures = 0;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let leave: (() => void) | undefined;
  let heard: FeedEvent[] = [];
  let telling: ReturnType<typeof setTimeout> | undefined;

  const hear = (event: FeedEvent) => {
    cursor = event.cursor;
    failures = 0;
    heard.push(event);
    telling ??= setTimeout(() => {
      telling = undefined;
      const events = heard;
      heard = [];
      for (const change of changesOf(events)) tellHere(change);
    }, TOGETHER_MS);
  };

  const wait = () => {
    if (hasStopped) return;
    setLive(false);
    const longest = Math.min(WAIT_MS.most, WAIT_MS.least * 2 ** failures);
    failures += 1;
    clearTimeout(waiting);
    // Not all at once, where a server comes back to many.
    waiting = setTimeout(() => void connect(), longest * (0.5 + Math.random() / 2));
  };

  const connect = async () => {
    if (cursor === null) {
      try {
        cursor = await newest();
      } catch {
        return wait();
      }
      if (hasStopped) return;
      // What happened between the first look at the lists and now is in no feed.
      tellHere({ kind: 'missed' });
    }
    let hasEnded = false;
    const end = () => {
      if (hasEnded) return;
      hasEnded = true;
      leave?.();
      wait();
    };
    const { unsubscribe } = pipe(
      client.subscription(FEED, { after: cursor }),
      onEnd(end),
      subscribe(({ data, error }) => {
        if (data?.events) hear(data.events);
        if (!error) return;
        if (closeCode(error.networkError) === SIGNED_OUT) tell({ kind: 'signed' });
        // The trail does not keep events for ever: the cursor may be of one that is gone.
        if (Refusal.of(error).code === 'BAD_USER_INPUT') cursor = null;
        end();
      }),
    );
    leave = () => {
      hasEnded = true;
      unsubscribe();
    };
  };

  const atOnce = () => {
    if (isLive || document.visibilityState === 'hidden') return;
    failures = 0;
    leave?.();
    clearTimeout(waiting);
    void connect();
  };
  const unwatch = onConnected(() => setLive(true));
  addEventListener('online', atOnce);
  document.addEventListener('visibilitychange', atOnce);
  void connect();
  return () => {
    hasStopped = true;
    clearTimeout(waiting);
    clearTimeout(telling);
    leave?.();
    unwatch();
    removeEventListener('online', atOnce);
    document.removeEventListener('visibilitychange', atOnce);
    setLive(null);
  };
}

type Told = Parameters<typeof tellHere>[0];

/** What events amount to, each thing once. */
function changesOf(events: FeedEvent[]): Told[] {
  const files = new Map<string, Told>();
  const others = new Map<string, Told>();
  for (const event of events) {
    const id = event.fileId;
    const change = id !== null && changeOfFile(event.kind, id);
    // Whoever hears of a new file looks at it, and sees what else has happened to it.
    if (change && !(change.kind === 'changed' && files.has(`added ${id}`))) files.set(`${change.kind} ${id}`, change);
    const kind = kindOf(event);
    if (kind) others.set(kind, { kind });
  }
  const happened: Told = { kind: 'happened', events };
  if (files.size > MANY) return [{ kind: 'missed' }, happened];
  return [...files.values(), ...others.values(), happened];
}

function changeOfFile(kind: FeedEvent['kind'], file: string): Told | undefined {
  switch (kind) {
    case 'UPLOADED':
      return { kind: 'added', file };
    case 'RENAMED':
    case 'SHARED':
    case 'SHARE_REVOKED':
      return { kind: 'changed', file };
    case 'TRASHED':
      return { kind: 'trashed', files: [file] };
    case 'RESTORED':
      return { kind: 'restored', files: [file] };
    case 'PURGED':
      return { kind: 'purged', files: [file] };
    default:
      return undefined;
  }
}

function kindOf({ kind, drop }: FeedEvent): 'groups' | 'drops' | 'account' | undefined {
  if (kind.startsWith('GROUP_')) return 'groups';
  if (kind.startsWith('DROP_') || drop) return 'drops';
  const ofAccount = ['API_TOKEN_CREATED', 'API_TOKEN_REVOKED', 'QUOTA_CHANGED', 'SIGNED_IN', 'SIGNED_OUT', 'PASSWORD_CHANGED'];
  return ofAccount.includes(kind) ? 'account' : undefined;
}
