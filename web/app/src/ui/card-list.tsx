// A view of things that are cards one below the other, with a button that makes another.

import { useState, type ReactNode } from 'react';
import type { Listed, PageList } from '../api/pages';
import { w } from '../words';
import { Icon, type IconName } from './icons';
import { Listing } from './listing';
import { Empty } from './parts';

interface Props<Item extends { id: string }> {
  title: string;
  make: string;
  empty: { icon: IconName; title: string; hint: string };
  pages: [Listed<Item>, PageList<Item>];
  card: (item: Item) => ReactNode;
  /** The dialog behind the button. */
  maker: (close: () => void) => ReactNode;
}

export function CardListView<Item extends { id: string }>({ title, make, empty, pages, card, maker }: Props<Item>) {
  const [{ items, isLoaded, hasMore }, list] = pages;
  const [isMaking, setMaking] = useState(false);
  return (
    <section aria-labelledby="view-title">
      <div className="view-head">
        <h1 id="view-title">{title}</h1>
        <button type="button" className="button button-main" onClick={() => setMaking(true)}>
          <Icon name="plus" />
          {make}
        </button>
      </div>
      <Listing
        pages={pages}
        rows={3}
        empty={
          <Empty icon={empty.icon} title={empty.title}>
            <p>{empty.hint}</p>
          </Empty>
        }
      >
        <ul className="cards">{items.map(card)}</ul>
      </Listing>
      {isLoaded && hasMore && (
        <button type="button" className="button" onClick={() => void list.more()}>
          {w.more}
        </button>
      )}
      {isMaking && maker(() => setMaking(false))}
    </section>
  );
}
