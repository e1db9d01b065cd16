// A long list of which only those rows are in the page that can be seen, and a few around them.

import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react';

/** Rows above and below those that can be seen. */
const AROUND = 12;

interface Props<Item> {
  label: string;
  items: Item[];
  hasMore: boolean;
  more: () => void;
  row: (item: Item, at: number) => ReactNode;
}

export function LongList<Item extends { id: string }>({ label, items, hasMore, more, row }: Props<Item>) {
  const list = useRef<HTMLUListElement>(null);
  const top = useRef<{ id: string; at: number }>(undefined);
  const [{ first, last, height }, setSeen] = useState({ first: 0, last: 40, height: 56 });

  useEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      const shown = list.current;
      if (!shown) return;
      const probe = shown.querySelector<HTMLElement>('.row');
      const height = probe?.offsetHeight || 56;
      const above = -shown.getBoundingClientRect().top;
      // In steps, so that scrolling by a pixel changes nothing.
      const first = Math.max(0, Math.floor(above / height / 4) * 4 - AROUND);
      const last = first + Math.ceil(innerHeight / height / 4) * 4 + 2 * AROUND + 4;
      setSeen((seen) =>
        seen.first === first && seen.last === last && seen.height === height ? seen : { first, last, height },
      );
    };
    const soon = () => {
      frame ||= requestAnimationFrame(look);
    };
    look();
    addEventListener('scroll', soon, { passive: true });
    addEventListener('resize', soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', soon);
      removeEventListener('resize', soon);
    };
  }, []);

  // What comes in above the rows that are seen does not push them down.
  useLayoutEffect(() => {
    const before = top.current;
    const at = before ? items.findIndex(({ id }) => id === before.id) : -1;
    if (before && at >= 0 && at !== before.at) scrollBy(0, (at - before.at) * height);
    const seen = Math.floor(-(list.current?.getBoundingClientRect().top ?? 0) / height);
    const item = items[seen];
    top.current = item && seen > 0 ? { id: item.id, at: seen } : undefined;
  });

  useEffect(() => {
    if (hasMore && last + AROUND >= items.length) more();
  }, [hasMore, last, items.length, more]);

  const from = Math.min(first, Math.max(0, items.length - 1));
  const to = Math.min(last, items.length);
  return (
    <ul
      ref={list}
      className="rows"
      aria-label={label}
      style={{ paddingTop: from * height, paddingBottom: (items.length - to) * height }}
    >
      {items.slice(from, to).map((item, at) => (
        <li
          key={item.id}
          className="row-item"
          aria-setsize={hasMore ? -1 : items.length}
          aria-posinset={from + at + 1}
        >
          {row(item, from + at)}
        </li>
      ))}
    </ul>
  );
}

/** Arrow keys, Home and End go from row to row. */
export function walk(event: React.KeyboardEvent<HTMLElement>): void {
  const steps: Partial<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };
  const step = steps[event.key];
  const target = event.target as HTMLElement;
  if (step === undefined || target.closest('[role=menu], input:not([type=checkbox])')) return;
  const names = [...event.currentTarget.querySelectorAll<HTMLElement>('.row-name')];
  const here = names.findIndex((name) => name.closest('.row')?.contains(target));
  const next = names[here + step];
  if (here < 0 || !next) return;
  event.preventDefault();
  next.focus();
}
