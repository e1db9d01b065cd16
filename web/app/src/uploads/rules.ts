// What can be said of files before a byte of them is sent: which are too large, which have no room, which names are taken.

import { ask } from '../api/client';
import { size } from '../ui/format';
import { w } from '../words';
import { NEWEST, ROOM } from './documents';
import type { Item } from './item';

/** By what the server says now: judges those of `items` that have these `keys`, which are about to wait. */
export async function rules(): Promise<(items: Item[], keys: number[]) => Item[]> {
  const [{ limits, me }, { files }] = await Promise.all([ask(ROOM, {}), ask(NEWEST, {})]);
  const usage = me?.usage;
  const left = (usage?.quotaBytes ?? Infinity) - (usage?.usedBytes ?? 0) - (usage?.reservedBytes ?? 0);
  return (items, keys) => {
    const isNew = ({ key }: Item) => keys.includes(key);
    const old = items.filter((item) => !isNew(item));
    const names = new Set(files.nodes.map(({ name }) => name));
    for (const { name, state } of old) if (state !== 'refused') names.add(name);
    // What has begun is reserved at the server; what waits is not.
    const waiting = old.filter(({ state, upload }) => state === 'waiting' && !upload);
    let room = waiting.reduce((room, item) => room - item.size, left);
    return items.map((item) => {
      if (!isNew(item)) return item;
      const refuse = (reason: string): Item => ({ ...item, state: 'refused', reason });
      if (item.size > limits.maxFileSize) return refuse(w.uploads.tooLarge(size(limits.maxFileSize)));
      if (item.size > room) return refuse(w.uploads.noRoom(size(Math.max(0, room))));
      room -= item.size;
      const isDouble = names.has(item.name);
      names.add(item.name);
      return { ...item, isDouble };
    });
  };
}
