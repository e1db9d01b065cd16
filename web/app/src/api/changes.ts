// What changed, told to whatever shows it: by this window, by this browser's other windows, and by the feed.

import type { FeedEvent } from '../activity/documents';

export type Change =
  /** There is a file more in a list of mine. */
  | { kind: 'added'; file: string }
  /** Something about a file is other than before: its name, or who can see it. */
  | { kind: 'changed'; file: string }
  /** Files went to the trash, came back from it, or are no more. */
  | { kind: 'trashed' | 'restored' | 'purged'; files: string[] }
  /** Something about a group or a drop of mine is other than before. */
  | { kind: 'groups' | 'drops' }
  /** Where I am signed in, my tokens, or what I may keep. */
  | { kind: 'account' }
  /** What the feed has told, as it is; those of the kinds above that it amounts to are told as well. */
  | { kind: 'happened'; events: FeedEvent[] }
  /** Nobody knows what: everything is looked at again. */
  | { kind: 'missed' }
  /** Somebody signed in or out. */
  | { kind: 'signed' };

type Listener = (change: Change) => void;

const listeners = new Set<Listener>();
const windows = new BroadcastChannel('cloakroom');
windows.onmessage = ({ data }: MessageEvent<Change>) => tellHere(data);

/** Tells of a change that this window made. */
export function tell(change: Change): void {
  tellHere(change);
  windows.postMessage(change);
}

/** Tells this window alone, of what the others hear as well: each has a feed of its own. */
export function tellHere(change: Change): void {
  for (const listener of listeners) listener(change);
}

/** Hears of every change from now on; returns what ends that. */
export function onChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Runs `listener` when a person comes back to this window after a while, or the network does. */
export function onReturn(listener: () => void): () => void {
  let left = Date.now();
  const look = () => {
    if (document.visibilityState === 'hidden') left = Date.now();
    else if (Date.now() - left > 5_000) listener();
  };
  document.addEventListener('visibilitychange', look);
  addEventListener('online', listener);
  return () => {
    document.removeEventListener('visibilitychange', look);
    removeEventListener('online', listener);
  };
}
