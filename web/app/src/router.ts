// Addresses of views: `/` is the list of files, `/app/trash` another view, `?file=ID` a file's panel beside any of them.

import { useSyncExternalStore, type MouseEvent } from 'react';

export const VIEWS = ['files', 'shared', 'trash', 'groups', 'drops', 'activity', 'settings'] as const;
export type View = (typeof VIEWS)[number];

export interface Place {
  /** Null where there is no such view. */
  view: View | null;
  /** The file whose panel is open. */
  file: string | null;
}

function parse(href: string): Place {
  const { pathname, searchParams } = new URL(href);
  const name = pathname.replace(/^\/app|\//g, '') || 'files';
  return { view: VIEWS.find((view) => view === name) ?? null, file: searchParams.get('file') };
}

export function address({ view, file }: { view: View; file?: string | null }): string {
  const path = view === 'files' ? '/' : `/app/${view}`;
  return file ? `${path}?file=${encodeURIComponent(file)}` : path;
}

let place = parse(location.href);
const listeners = new Set<() => void>();

function arrive(): void {
  place = parse(location.href);
  for (const listener of listeners) listener();
}
addEventListener('popstate', arrive);

export function go(to: { view: View; file?: string | null }, how: 'push' | 'replace' = 'push'): void {
  const isNewView = to.view !== place.view;
  history[how === 'push' ? 'pushState' : 'replaceState'](null, '', address(to));
  arrive();
  if (isNewView) scrollTo(0, 0);
}

export function usePlace(): Place {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => place,
  );
}

/** What makes a link go there without a new page; with a modifier key it stays the browser's. */
export function linkTo(to: { view: View; file?: string | null }) {
  return {
    href: address(to),
    onClick: (event: MouseEvent) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
      event.preventDefault();
      go(to);
    },
  };
}
