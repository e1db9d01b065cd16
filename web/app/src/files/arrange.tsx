// What a person searches and sorts a list of files by.

import { useEffect, useState } from 'react';
import { Icon } from '../ui/icons';
import { Empty } from '../ui/parts';
import { w } from '../words';
import { orderOf, ORDERS, orderText, type Arrange as Act, type Arrangement, type By } from './arrangement';

/** How long a person rests before what they typed is searched for, ms. */
const REST_MS = 200;

export interface Arranging {
  arrangement: Arrangement;
  arrange: Act;
}

export function Arrange({ arrangement, arrange }: Arranging) {
  const [typed, setTyped] = useState(arrangement.search);
  useEffect(() => {
    if (typed === arrangement.search) return;
    const timer = setTimeout(() => arrange({ search: typed }), REST_MS);
    return () => clearTimeout(timer);
  }, [typed, arrangement.search, arrange]);
  return (
    <search className="arrange">
      <label className="arrange-search">
        <Icon name="search" />
        <input
          type="search"
          value={typed}
          maxLength={255}
          placeholder={w.arrange.searchShort}
          aria-label={w.arrange.search}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
        />
      </label>
      <select
        className="arrange-order"
        aria-label={w.arrange.order}
        value={orderText(arrangement)}
        onChange={(event) => arrange(orderOf(event.target.value))}
      >
        {ORDERS.flatMap((by) => [
          <option key={by} value={by}>
            {w.arrange.orders[by]}
          </option>,
          <option key={`-${by}`} value={`-${by}`}>
            {w.arrange.reversed[by]}
          </option>,
        ])}
      </select>
    </search>
  );
}

const COLUMN: Record<By, string> = { NAME: 'bar-name', SIZE: 'bar-size', CREATED: 'bar-time' };

/** The head of a column: sorts by it, and by it again the other way round. */
export function ColumnHead({ by, arrangement, arrange }: Arranging & { by: By }) {
  const isChosen = arrangement.by === by;
  const text = { NAME: w.list.name, SIZE: w.list.size, CREATED: w.list.added }[by];
  const next = isChosen && !arrangement.isReversed ? w.arrange.reversed[by] : w.arrange.orders[by];
  // As the list is read downwards: dates and sizes fall, names rise.
  const points = (by === 'NAME') !== arrangement.isReversed ? 'up' : 'down';
  return (
    <span className={COLUMN[by]}>
      <button
        type="button"
        className="bar-sort"
        title={next}
        aria-label={w.arrange.by(text, next)}
        aria-pressed={isChosen}
        onClick={() => arrange({ by, isReversed: isChosen && !arrangement.isReversed })}
      >
        {text}
        {isChosen && <Icon name={points} />}
      </button>
    </span>
  );
}

export function NoneFound({ search }: { search: string }) {
  return (
    <Empty icon="search" title={w.arrange.none}>
      <p>
        {w.arrange.noneHint} <bdi>{search}</bdi>
      </p>
    </Empty>
  );
}
