// How a list of files is arranged: what is searched for, and in which order it stands.

import { useMemo, useState } from 'react';
import type { SeenFile } from './documents';

export const ORDERS = ['CREATED', 'NAME', 'SIZE'] as const;
export type By = (typeof ORDERS)[number];

export interface Order {
  by: By;
  /** The oldest, the last by name, or the smallest first. */
  isReversed: boolean;
}

export interface Arrangement extends Order {
  search: string;
}

/** Written as the chosen option of a `<select>`: `NAME`, or `-NAME` for the other direction. */
export const orderText = ({ by, isReversed }: Order): string => (isReversed ? `-${by}` : by);

export function orderOf(text: string | null): Order {
  const by = ORDERS.find((by) => by === text?.replace('-', '')) ?? 'CREATED';
  return { by, isReversed: text === `-${by}` };
}

/** Another arrangement is another list, which begins at its top. */
export const keyOf = (arrangement: Arrangement): string => `${orderText(arrangement)} ${arrangement.search}`;

export type Arrange = (arrangement: Partial<Arrangement>) => void;

/** The order stays as the person chose it for this list; a search goes with the view. */
export function useArrangement(list: 'files' | 'shared'): [Arrangement, Arrange] {
  const key = `cloakroom-order-${list}`;
  const [arrangement, set] = useState<Arrangement>(() => ({ search: '', ...orderOf(localStorage.getItem(key)) }));
  const arrange = useMemo<Arrange>(
    () => (changed) => {
      scrollTo(0, 0);
      set((before) => {
        const after = { ...before, ...changed };
        localStorage.setItem(key, orderText(after));
        return after;
      });
    },
    [key],
  );
  return [arrangement, arrange];
}

const folded = (text: string) => text.normalize('NFC').toLowerCase();

/** Whether a file is among those that are searched for; as the server judges, but for some rare letters. */
export const fits = ({ name }: SeenFile, search: string): boolean => folded(name).includes(folded(search));

/** Whether one file stands before another. */
export function isBefore({ by, isReversed }: Order): (one: SeenFile, other: SeenFile) => boolean {
  const key = (file: SeenFile) => ({ CREATED: file.createdAt, NAME: folded(file.name), SIZE: file.size })[by];
  return (one, other) => {
    const [a, b] = [key(one), key(other)];
    const isFirst = a === b ? one.id > other.id : by === 'NAME' ? a < b : a > b;
    return isFirst !== isReversed;
  };
}
