// What a list shows in place of its rows: that they load, could not be loaded, or that there are none.

import type { ReactNode } from 'react';
import type { Listed, PageList } from '../api/pages';
import { Failed, Loading } from './parts';

interface Props<Item extends { id: string }> {
  pages: [Listed<Item>, PageList<Item>];
  /** So many rows are left room for while they load. */
  rows?: number;
  empty: ReactNode;
  children: ReactNode;
}

export function Listing<Item extends { id: string }>({ pages, rows, empty, children }: Props<Item>) {
  const [{ items, isLoaded, refusal }, list] = pages;
  const failed = refusal && <Failed refusal={refusal} again={() => void list.more()} />;
  if (failed && items.length === 0) return failed;
  if (!isLoaded) return <Loading rows={rows} />;
  if (items.length === 0) return empty;
  return (
    <>
      {children}
      {failed}
    </>
  );
}
