// Which rows of a list are chosen: one by one, or with Shift all up to the one before; and the boxes to choose them by.

import { useRef, useState } from 'react';
import { w } from '../words';

export interface Selection {
  ids: Set<string>;
  toggle: (id: string, withShift: boolean) => void;
  all: (isChosen: boolean) => void;
}

export function useSelection(items: { id: string }[]): Selection {
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const last = useRef<string | null>(null);
  // What is no longer in the list is not chosen either.
  const present = new Set(items.map(({ id }) => id));
  const ids = new Set([...chosen].filter((id) => present.has(id)));

  const toggle = (id: string, withShift: boolean) => {
    const next = new Set(ids);
    const isOn = !next.has(id);
    const [here, there] = [id, last.current].map((one) => items.findIndex((item) => item.id === one));
    const range = withShift && there !== undefined && there >= 0 && here !== undefined;
    const touched = range ? items.slice(Math.min(here, there), Math.max(here, there) + 1) : [{ id }];
    for (const item of touched) {
      if (isOn) next.add(item.id);
      else next.delete(item.id);
    }
    last.current = id;
    setChosen(next);
  };
  return { ids, toggle, all: (isChosen) => setChosen(new Set(isChosen ? present : [])) };
}

/** The box in the head of a list. */
export function ChooseAll({ selection, count }: { selection: Selection; count: number }) {
  const chosen = selection.ids.size;
  return (
    <label className="row-check">
      <input
        type="checkbox"
        checked={chosen > 0 && chosen === count}
        ref={(box) => {
          if (box) box.indeterminate = chosen > 0 && chosen < count;
        }}
        onChange={(event) => selection.all(event.target.checked)}
        aria-label={w.list.all}
      />
    </label>
  );
}

/** The box of a row. */
export function ChooseOne({ selection, file }: { selection: Selection; file: { id: string; name: string } }) {
  return (
    <label className="row-check">
      <input
        type="checkbox"
        checked={selection.ids.has(file.id)}
        onChange={(event) => selection.toggle(file.id, (event.nativeEvent as PointerEvent).shiftKey)}
        aria-label={w.list.choose(file.name)}
      />
    </label>
  );
}
