// What happened to me and mine, as it happens.

import { useEffect } from 'react';
import { useSession } from '../account/session';
import { onChange } from '../api/changes';
import { usePages } from '../api/pages';
import { LongList, walk } from '../files/window';
import { go } from '../router';
import { Icon, iconOf, type IconName } from '../ui/icons';
import { Listing } from '../ui/listing';
import { Empty, Time } from '../ui/parts';
import { w } from '../words';
import { loadEvents, type FeedEvent } from './documents';
import { useIsLive } from './feed';
import { sentence } from './sentence';

export function ActivityView() {
  const pages = usePages(loadEvents);
  const [{ items, hasMore }, list] = pages;
  useEffect(
    () =>
      onChange((change) => {
        // The newest stands on top, wherever the list has been scrolled to.
        if (change.kind === 'happened') for (const event of change.events) list.place(event, () => true);
      }),
    [list],
  );
  return (
    <section aria-labelledby="view-title">
      <div className="view-head">
        <h1 id="view-title">{w.views.activity}</h1>
        <Liveness />
      </div>
      <Listing pages={pages} empty={<Empty icon="activity" title={w.activity.empty} />}>
        <div onKeyDown={walk}>
          <LongList
            label={w.views.activity}
            items={items}
            hasMore={hasMore}
            more={list.more}
            row={(event) => <Row event={event} />}
          />
        </div>
      </Listing>
    </section>
  );
}

function Liveness() {
  const isLive = useIsLive();
  if (isLive === null) return null;
  return (
    <p className={isLive ? 'liveness liveness-on' : 'liveness'} role="status">
      {isLive ? w.activity.live : w.activity.away}
    </p>
  );
}

function Row({ event }: { event: FeedEvent }) {
  const { me } = useSession();
  const text = sentence(event, me);
  const { file } = event;
  return (
    <div className="row row-event">
      <Icon name={iconOfEvent(event)} />
      {file ? (
        <button type="button" className="row-name" title={text} onClick={() => go({ view: 'activity', file: file.id })}>
          {text}
        </button>
      ) : (
        <span className="row-name" title={text}>
          {text}
        </span>
      )}
      <span className="row-time">
        <Time at={event.at} />
      </span>
    </div>
  );
}

function iconOfEvent({ kind, file }: FeedEvent): IconName {
  if (kind.endsWith('_REFUSED')) return 'warning';
  if (kind.startsWith('GROUP_')) return 'groups';
  if (kind.startsWith('DROP_')) return 'drops';
  const icons: Partial<Record<FeedEvent['kind'], IconName>> = {
    UPLOADED: 'upload',
    DOWNLOADED: 'download',
    SHARED: 'shared',
    SHARE_REVOKED: 'shared',
    RENAMED: 'rename',
    TRASHED: 'trash',
    PURGED: 'trash',
    RESTORED: 'restore',
  };
  return icons[kind] ?? (file ? iconOf(file.contentType) : 'person');
}
