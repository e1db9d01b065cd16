// The upload tray: each upload and all of them together.

import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { useSession } from '../account/session';
import { go } from '../router';
import { size, span } from '../ui/format';
import { Icon } from '../ui/icons';
import { attempt } from '../ui/toasts';
import { w } from '../words';
import type { Item } from './item';
import { add, cancel, clear, goOnWith, goOnWithAll, isBusy, pause, pauseAll, queue, takeUp } from './queue';

/** So many rows of a long list are in the page; the rest is told by number. */
const SHOWN = 60;

export function Tray() {
  const { me } = useSession();
  const items = useSyncExternalStore(queue.listen, queue.read);
  const [isOpen, setOpen] = useState(true);

  useEffect(() => {
    void attempt(() => takeUp(me.id));
  }, [me.id]);

  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (isBusy()) event.preventDefault();
    };
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, []);

  if (items.length === 0) return null;
  const open = items.filter(({ state }) => state !== 'done' && state !== 'refused');
  const ordered = [...open, ...items.filter(({ state }) => state === 'refused'), ...items.filter(({ state }) => state === 'done')];
  return (
    <section className="tray" aria-label={w.uploads.title}>
      <header className="tray-head">
        <button type="button" className="tray-title" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <strong>{summary(items)}</strong>
          <Remaining items={items} />
        </button>
        {open.some(({ state }) => state === 'paused') ? (
          <button type="button" className="button-icon" title={w.uploads.resumeAll} aria-label={w.uploads.resumeAll} onClick={goOnWithAll}>
            <Icon name="play" />
          </button>
        ) : (
          open.length > 0 && (
            <button type="button" className="button-icon" title={w.uploads.pauseAll} aria-label={w.uploads.pauseAll} onClick={pauseAll}>
              <Icon name="pause" />
            </button>
          )
        )}
        {open.length === 0 && (
          <button type="button" className="button-icon" title={w.uploads.clear} aria-label={w.uploads.clear} onClick={clear}>
            <Icon name="close" />
          </button>
        )}
      </header>
      <AllProgress items={items} />
      {isOpen && (
        <ul className="tray-rows" tabIndex={0} aria-label={w.uploads.title}>
          {ordered.slice(0, SHOWN).map((item) => (
            <Row key={item.key} item={item} />
          ))}
          {ordered.length > SHOWN && <li className="tray-more">{w.uploads.andMore(ordered.length - SHOWN)}</li>}
        </ul>
      )}
    </section>
  );
}

function summary(items: Item[]): string {
  const refused = items.filter(({ state }) => state === 'refused').length;
  const open = items.filter(({ state }) => state !== 'done' && state !== 'refused').length;
  const done = items.filter(({ state }) => state === 'done').length;
  if (open > 0) return w.uploads.under(open);
  return refused > 0 ? w.uploads.endedWith(done, refused) : w.uploads.ended(done);
}

function sums(items: Item[]) {
  const counted = items.filter(({ state }) => state !== 'refused');
  return {
    size: counted.reduce((sum, item) => sum + item.size, 0),
    sent: counted.reduce((sum, item) => sum + item.sent, 0),
  };
}

function AllProgress({ items }: { items: Item[] }) {
  const { size: all, sent } = sums(items);
  return <progress className="tray-progress" value={all > 0 ? sent / all : 1} max={1} aria-label={w.uploads.all} />;
}

/** Speed and time left, looked at once a second. */
function Remaining({ items }: { items: Item[] }) {
  const [, tick] = useState(0);
  const isSending = items.some(({ state }) => state === 'sending');
  useEffect(() => {
    if (!isSending) return;
    const timer = setInterval(() => tick((count) => count + 1), 1_000);
    return () => clearInterval(timer);
  }, [isSending]);
  const { size: all, sent } = sums(items);
  const rate = queue.bytesPerSecond();
  if (!isSending || rate === 0) return <span className="tray-rate">{w.uploads.of(size(sent), size(all))}</span>;
  return (
    <span className="tray-rate">
      {w.uploads.rate(size(rate))} · {w.uploads.left(span((all - sent) / rate))}
    </span>
  );
}

function Row({ item }: { item: Item }) {
  const percent = item.size > 0 ? Math.floor((item.sent / item.size) * 100) : 0;
  return (
    <li className={`tray-row tray-${item.state}`}>
      <div className="tray-name" title={item.name}>
        <bdi>{item.name}</bdi>
      </div>
      <div className="tray-state">
        {stateOf(item, percent)}
        {item.isDouble && item.state !== 'refused' && <span className="tray-double"> · {w.uploads.double}</span>}
      </div>
      <div className="tray-acts">
        <Acts item={item} />
      </div>
      {item.state !== 'done' && item.state !== 'refused' && (
        <progress value={percent} max={100} aria-label={w.uploads.progressOf(item.name)} />
      )}
    </li>
  );
}

function stateOf(item: Item, percent: number): string {
  switch (item.state) {
    case 'sending':
      return w.uploads.sending(percent, size(item.size));
    case 'refused':
      return item.reason ?? w.errors.unknown;
    case 'done':
      return w.uploads.done(size(item.size));
    default:
      return w.uploads.states[item.state];
  }
}

function Acts({ item }: { item: Item }) {
  const { name } = item;
  const act = (icon: 'pause' | 'play' | 'retry' | 'close', label: string, run: () => void) => (
    <button type="button" className="button-icon" title={label} aria-label={`${label}: ${name}`} onClick={run}>
      <Icon name={icon} />
    </button>
  );
  const stop = act('close', w.uploads.cancel, () => void cancel(item.key));
  switch (item.state) {
    case 'sending':
    case 'waiting':
    case 'lost':
      return (
        <>
          {act('pause', w.uploads.pause, () => pause(item.key))}
          {stop}
        </>
      );
    case 'paused':
      return (
        <>
          {act('play', w.uploads.resume, () => goOnWith(item.key))}
          {stop}
        </>
      );
    case 'missing':
      return (
        <>
          <ChooseAgain name={name} />
          {stop}
        </>
      );
    case 'refused':
      return (
        <>
          {act('retry', w.again, () => goOnWith(item.key))}
          {act('close', w.dismiss, () => void cancel(item.key))}
        </>
      );
    case 'done':
      return item.file ? (
        <button
          type="button"
          className="button button-small"
          aria-label={w.file.shareName(name)}
          onClick={() => go({ view: 'files', file: item.file })}
        >
          {w.file.share}
        </button>
      ) : null;
  }
}

function ChooseAgain({ name }: { name: string }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        hidden
        onChange={(event) => void add([...(event.target.files ?? [])])}
        aria-label={w.uploads.chooseAgain(name)}
      />
      <button
        type="button"
        className="button button-small"
        aria-label={w.uploads.chooseAgain(name)}
        onClick={() => input.current?.click()}
      >
        {w.uploads.choose}
      </button>
    </>
  );
}
