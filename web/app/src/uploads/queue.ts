// All uploads of this window: which wait, which send, which are done. Knows nothing of React; the tray reads it.

import { ask, change } from '../api/client';
import { tell } from '../api/changes';
import { Refusal, said } from '../api/errors';
import { CANCEL, CREATE, UNFINISHED } from './documents';
import type { Item } from './item';
import { allKept, forget, keep } from './kept';
import { Pace } from './pace';
import { rules } from './rules';
import { send, type Sending } from './sending';

/** So many files are sent side by side; the others wait. */
const SIDE_BY_SIDE = 3;
/** How long a lost upload waits before it tries again by itself, ms. */
const LOST_MS = 5_000;

interface Source {
  file: File | null;
  sending: Sending | null;
}

let items: Item[] = [];
const sources = new Map<number, Source>();
const listeners = new Set<() => void>();
const pace = new Pace();
let lastKey = 0;
let owner = '';

export const queue = {
  listen(listener: () => void) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  read: () => items,
  bytesPerSecond: () => pace.perSecond(),
};

function set(next: Item[]): void {
  items = next;
  for (const listener of listeners) listener();
}

function update(key: number, values: Partial<Item>): void {
  set(items.map((item) => (item.key === key ? { ...item, ...values } : item)));
}

const find = (key: number) => items.find((item) => item.key === key);

/** Adds files; those that would be refused are, before a byte of them is sent. */
export async function add(files: File[]): Promise<void> {
  const added = files.filter((file) => !resume(file)).map((file) => ({ file, key: ++lastKey }));
  if (added.length === 0) return start();
  for (const { file, key } of added) sources.set(key, { file, sending: null });
  set([
    ...items,
    ...added.map(({ file, key }): Item => ({
      key,
      name: file.name,
      size: file.size,
      sent: 0,
      state: 'waiting',
      reason: null,
      isDouble: false,
      upload: null,
      file: null,
    })),
  ]);
  const keys = added.map(({ key }) => key);
  // Whoever cannot be asked now refuses later.
  const judge = await rules().catch(() => null);
  if (judge) set(judge(items, keys));
  void start();
}

/** Whether this is the file that an unfinished upload misses. */
function resume(file: File): boolean {
  const item = items.find((item) => item.state === 'missing' && item.name === file.name && item.size === file.size);
  if (!item?.upload) return false;
  sources.set(item.key, { file, sending: null });
  void keep({ id: item.upload, user: owner, file });
  update(item.key, { state: 'waiting' });
  return true;
}

async function start(): Promise<void> {
  if (!navigator.onLine) return;
  const busy = items.filter(({ state }) => state === 'sending').length;
  const next = items.filter(({ state }) => state === 'waiting').slice(0, Math.max(0, SIDE_BY_SIDE - busy));
  await Promise.all(next.map((item) => begin(item.key)));
}

async function begin(key: number): Promise<void> {
  const [item, source] = [find(key), sources.get(key)];
  if (!item || !source?.file || item.state !== 'waiting') return;
  const { file } = source;
  update(key, { state: 'sending', reason: null });
  try {
    const id = item.upload ?? (await create(key, file));
    if (id === null || find(key)?.state !== 'sending') return;
    const sending = await send(id, file, {}, {
      onBytes: (sent) => {
        update(key, { sent });
        pace.note(items.reduce((sum, item) => sum + item.sent, 0));
      },
      onDone: (made) => finished(key, id, made),
      onLost: () => lose(key),
      onRefused: (refusal) => refuse(key, refusal),
    });
    // It may have been paused meanwhile.
    if (find(key)?.state === 'sending') source.sending = sending;
    else sending.pause();
  } catch (error) {
    if (error instanceof Refusal && error.code !== 'OFFLINE' && error.code !== 'UNAVAILABLE') refuse(key, error);
    else lose(key);
  }
}

/** Begins the upload at the server. Null when it is a file at once, for there is nothing to send. */
async function create(key: number, file: File): Promise<string | null> {
  const { createUpload } = await change(CREATE, { name: file.name, size: file.size });
  if (createUpload.file) {
    finished(key, createUpload.id, createUpload.file.id);
    return null;
  }
  const { id } = createUpload;
  if (!find(key)) {
    // Cancelled before it had begun.
    await change(CANCEL, { id });
    return null;
  }
  update(key, { upload: id });
  void keep({ id, user: owner, file });
  return id;
}

function finished(key: number, upload: string, file: string | null): void {
  const item = find(key);
  update(key, { state: 'done', sent: item?.size ?? 0, upload, file });
  sources.delete(key);
  void forget(upload);
  if (file) tell({ kind: 'added', file });
  void start();
}

function lose(key: number): void {
  update(key, { state: 'lost' });
  // Without a network there is nothing to try: its return is heard below.
  setTimeout(() => navigator.onLine && goOn(key), LOST_MS);
  void start();
}

function goOn(key: number): void {
  if (find(key)?.state !== 'lost') return;
  update(key, { state: 'waiting' });
  void start();
}

addEventListener('offline', () => {
  for (const { key, state } of items) {
    if (state !== 'sending') continue;
    sources.get(key)?.sending?.pause();
    lose(key);
  }
});
addEventListener('online', () => {
  for (const { key, state } of items) if (state === 'lost') goOn(key);
});

function refuse(key: number, refusal: Refusal): void {
  const upload = find(key)?.upload;
  const isGone = refusal.code === 'NOT_FOUND';
  if (upload && isGone) void forget(upload);
  update(key, { state: 'refused', reason: said(refusal), ...(isGone && { upload: null, sent: 0 }) });
  void start();
}

export function pause(key: number): void {
  const state = find(key)?.state;
  if (state !== 'sending' && state !== 'waiting' && state !== 'lost') return;
  sources.get(key)?.sending?.pause();
  update(key, { state: 'paused' });
  pace.reset();
  void start();
}

/** Goes on after a pause, or tries again after a refusal. */
export function goOnWith(key: number): void {
  update(key, { state: sources.get(key)?.file ? 'waiting' : 'missing', reason: null });
  void start();
}

export async function cancel(key: number): Promise<void> {
  const item = find(key);
  if (!item) return;
  sources.get(key)?.sending?.pause();
  sources.delete(key);
  set(items.filter((other) => other.key !== key));
  if (item.upload && item.state !== 'done') {
    void forget(item.upload);
    // It may be a file already, or have ended by itself.
    await change(CANCEL, { id: item.upload }, ['User']).catch(() => undefined);
  }
  void start();
}

export function pauseAll(): void {
  for (const { key } of items) pause(key);
}

export function goOnWithAll(): void {
  for (const { key, state } of items) if (state === 'paused') goOnWith(key);
}

/** Takes what is done or refused out of the tray. */
export function clear(): void {
  const left = items.filter(({ state }) => state !== 'done' && state !== 'refused');
  for (const { key } of items) if (!left.some((item) => item.key === key)) sources.delete(key);
  set(left);
}

/** Whether closing the window would stop something. */
export const isBusy = () => items.some(({ state }) => state === 'sending' || state === 'waiting' || state === 'lost');

/** Takes up what a reload or another day left unfinished; of this user alone. */
export async function takeUp(user: string): Promise<void> {
  if (owner === user) return;
  owner = user;
  const [kept, { uploads }] = await Promise.all([allKept(user), ask(UNFINISHED, {})]);
  const files = new Map(kept.map(({ id, file }) => [id, file]));
  const others = await Promise.all(uploads.nodes.map(({ id }) => isOfAnotherWindow(id)));
  const known = new Set(items.map(({ upload }) => upload));
  const left = uploads.nodes.filter(({ id }, at) => !known.has(id) && !others[at]);
  const taken = left.toReversed().map((upload): Item => {
    const key = ++lastKey;
    const file = files.get(upload.id) ?? null;
    sources.set(key, { file, sending: null });
    return {
      key,
      name: upload.name,
      // A client that never said it: the page began none of those.
      size: upload.size ?? upload.offset,
      sent: upload.offset,
      state: file ? 'waiting' : 'missing',
      reason: null,
      isDouble: false,
      upload: upload.id,
      file: null,
    };
  });
  set([...items, ...taken]);
  const unfinished = new Set(uploads.nodes.map(({ id }) => id));
  for (const { id } of kept) if (!unfinished.has(id)) void forget(id);
  void start();
}

const windows = new BroadcastChannel('cloakroom-uploads');
windows.onmessage = ({ data }: MessageEvent<{ asks?: string; has?: string }>) => {
  if (data.asks && items.some(({ upload, state }) => upload === data.asks && state !== 'missing')) {
    windows.postMessage({ has: data.asks });
  }
};

/** Asks this browser's other windows; silence for a moment means no. */
function isOfAnotherWindow(upload: string): Promise<boolean> {
  return new Promise((resolve) => {
    const hear = ({ data }: MessageEvent<{ has?: string }>) => {
      if (data.has === upload) resolve(true);
    };
    windows.addEventListener('message', hear);
    setTimeout(() => {
      windows.removeEventListener('message', hear);
      resolve(false);
    }, 100);
    windows.postMessage({ asks: upload });
  });
}
