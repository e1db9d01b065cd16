// A view of files that can be searched and sorted: my own, and those shared with me.

import type { ReactNode } from 'react';
import type { Listed, PageList } from '../api/pages';
import { Listing } from '../ui/listing';
import { Arrange, NoneFound, type Arranging } from './arrange';
import { keyOf } from './arrangement';
import { LongList, walk } from './window';

interface Props<File extends { id: string }> extends Arranging {
  title: string;
  /** What stands beside the title. */
  beside?: ReactNode;
  pages: [Listed<File>, PageList<File>];
  /** What a person reads who has none at all. */
  empty: ReactNode;
  /** The head of the list. */
  bar: ReactNode;
  row: (file: File) => ReactNode;
}

export function ArrangedFiles<File extends { id: string }>(props: Props<File>) {
  const { title, beside, pages, empty, bar, row, arrangement, arrange } = props;
  const [{ items, isLoaded, isLoading, hasMore }, list] = pages;
  const isEmpty = isLoaded && !isLoading && items.length === 0 && arrangement.search === '';
  return (
    <section aria-labelledby="view-title">
      <div className="view-head">
        <h1 id="view-title">{title}</h1>
        {beside}
      </div>
      {!isEmpty && <Arrange arrangement={arrangement} arrange={arrange} />}
      <Listing pages={pages} empty={isEmpty ? empty : <NoneFound search={arrangement.search} />}>
        {bar}
        <div onKeyDown={walk}>
          <LongList
            key={keyOf(arrangement)}
            label={title}
            items={items}
            hasMore={hasMore}
            more={list.more}
            row={row}
          />
        </div>
      </Listing>
    </section>
  );
}
