// An endless list: pages of a Relay connection, one after the other, kept in step with what changes.

import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { onChange, onReturn } from './changes';
import { Refusal } from './errors';

export interface Page<Item> {
  nodes: Item[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

export interface Listed<Item> {
  items: Item[];
  /** Whether the first page has arrived. */
  isLoaded: boolean;
  isLoading: boolean;
  hasMore: boolean;
  refusal: Refusal | undefined;
}

/** So many rows are looked at again at once, whatever changed. */
const RENEWED = 300;

export type Load<Item> = (after: string | null) => Promise<Page<Item>>;

export class PageList<Item extends { id: string }> {
  private state: Listed<Item> = { items: [], isLoaded: false, isLoading: false, hasMore: true, refusal: undefined };
  private cursor: string | null = null;
  private isStale = false;
  private turn = Promise.resolve();
  private readonly listeners = new Set<() => void>();

  constructor(private readonly load: Load<Item>) {}

  readonly listen = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  readonly read = () => this.state;

  /** Asks for the next page, unless it is on its way already. */
  readonly more = async () => {
    if (this.state.isLoading || !this.state.hasMore) return;
    this.set({ isLoading: true, refusal: undefined });
    await this.inTurn(async () => {
      try {
        const { nodes, pageInfo } = await this.load(this.cursor);
        this.cursor = pageInfo.endCursor ?? this.cursor;
        const known = new Set(this.state.items.map(({ id }) => id));
        const fresh = nodes.filter(({ id }) => !known.has(id));
        this.set({
          items: [...this.state.items, ...fresh],
          isLoaded: true,
          isLoading: false,
          hasMore: pageInfo.hasNextPage,
        });
      } catch (error) {
        const refusal = error instanceof Refusal ? error : Refusal.of(undefined);
        this.set({ isLoading: false, refusal });
      }
    });
  };

  /** Looks again at what is shown, from the first page on; at the rest of a very long list when it is scrolled to. */
  readonly renew = async () => {
    // Whoever asks meanwhile is answered by one more look, however many they are.
    if (this.isStale) return;
    this.isStale = true;
    await this.inTurn(async () => {
      this.isStale = false;
      try {
        await this.lookAgain();
      } catch {
        // What is shown stays; whatever the person does next tells what is wrong.
      }
    });
  };

  private async lookAgain(): Promise<void> {
    const enough = Math.min(this.state.items.length, RENEWED);
    const items: Item[] = [];
    let [cursor, hasMore]: [string | null, boolean] = [null, true];
    do {
      const { nodes, pageInfo } = await this.load(cursor);
      items.push(...nodes);
      cursor = pageInfo.endCursor ?? cursor;
      hasMore = pageInfo.hasNextPage;
    } while (hasMore && items.length < enough);
    this.cursor = cursor;
    this.set({ items, isLoaded: true, hasMore, refusal: undefined });
  }

  /** One after the other: a page that comes late must not stand behind a list that was looked at again. */
  private inTurn(act: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(act);
    return this.turn;
  }

  has(id: string): boolean {
    return this.state.items.some((item) => item.id === id);
  }

  put(item: Item): void {
    this.set({ items: this.state.items.map((other) => (other.id === item.id ? item : other)) });
  }

  /** Puts an item where `isBefore` says, and nowhere else; nowhere at all when its place has not been loaded yet. */
  place(item: Item, isBefore: (one: Item, other: Item) => boolean): void {
    if (!this.state.isLoaded) return;
    const items = this.state.items.filter(({ id }) => id !== item.id);
    const at = items.findIndex((other) => isBefore(item, other));
    if (at >= 0) items.splice(at, 0, item);
    else if (!this.state.hasMore) items.push(item);
    this.set({ items });
  }

  take(ids: string[]): void {
    const gone = new Set(ids);
    this.set({ items: this.state.items.filter(({ id }) => !gone.has(id)) });
  }

  private set(state: Partial<Listed<Item>>): void {
    this.state = { ...this.state, ...state };
    for (const listener of this.listeners) listener();
  }
}

/** The list that `load` loads, from its first page on. While another `load` has brought nothing yet, the list before it stays. */
export function usePages<Item extends { id: string }>(load: Load<Item>): [Listed<Item>, PageList<Item>] {
  const list = useMemo(() => new PageList(load), [load]);
  const before = useRef<Listed<Item>>(undefined);
  useEffect(() => {
    void list.more();
    const renew = () => void list.renew();
    const ends = [onReturn(renew), onChange((change) => change.kind === 'missed' && renew())];
    return () => ends.forEach((end) => end());
  }, [list]);
  const listed = useSyncExternalStore(list.listen, list.read);
  const hasCome = listed.isLoaded || listed.refusal !== undefined;
  useEffect(() => {
    if (hasCome) before.current = listed;
  });
  return [hasCome || !before.current ? listed : { ...before.current, isLoading: true, hasMore: false }, list];
}
