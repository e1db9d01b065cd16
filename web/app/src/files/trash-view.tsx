// Deleted files, which can be restored for a while.

import { useEffect, useState } from 'react';
import { onChange } from '../api/changes';
import { usePages } from '../api/pages';
import { useSession } from '../account/session';
import { Confirm } from '../ui/dialog';
import { size } from '../ui/format';
import { Icon, iconOf } from '../ui/icons';
import { Listing } from '../ui/listing';
import { Empty, Time } from '../ui/parts';
import { attempt, toast } from '../ui/toasts';
import { w } from '../words';
import { loadTrash, purge, restore, trash, type SeenFile } from './documents';
import { ChooseAll, ChooseOne, useSelection, type Selection } from './selection';
import { LongList } from './window';

export function TrashView() {
  const { limits } = useSession();
  const pages = usePages(loadTrash);
  const [{ items, hasMore }, list] = pages;
  const selection = useSelection(items);
  const [purging, setPurging] = useState<SeenFile[] | null>(null);
  const chosen = items.filter(({ id }) => selection.ids.has(id));

  useEffect(
    () =>
      onChange((change) => {
        if (change.kind === 'restored' || change.kind === 'purged') list.take(change.files);
        if (change.kind === 'trashed') void list.renew();
      }),
    [list],
  );

  const purgeAll = (files: SeenFile[]) =>
    attempt(async () => {
      await purge(files.map(({ id }) => id));
      toast(w.trash.purged(files.length));
    });

  return (
    <section aria-labelledby="view-title">
      <div className="view-head">
        <h1 id="view-title">{w.views.trash}</h1>
      </div>
      <p className="view-lead">{w.trash.lead(Math.round(limits.trashTtlSeconds / 86_400))}</p>
      <Listing pages={pages} empty={<Empty icon="trash" title={w.trash.empty} />}>
        <div className="bar">
          <ChooseAll selection={selection} count={items.length} />
          {chosen.length === 0 ? (
            <>
              <span className="bar-name">{w.list.name}</span>
              <span className="bar-size">{w.list.size}</span>
              <span className="bar-time">{w.trash.deleted}</span>
            </>
          ) : (
            <div className="bar-acts">
              <span role="status">{w.list.chosen(chosen.length)}</span>
              <button type="button" className="button button-small" onClick={() => void restoreAll(chosen)}>
                <Icon name="restore" />
                {w.trash.restore}
              </button>
              <button type="button" className="button button-small button-danger" onClick={() => setPurging(chosen)}>
                {w.trash.purge}
              </button>
            </div>
          )}
        </div>
        <LongList
          label={w.views.trash}
          items={items}
          hasMore={hasMore}
          more={list.more}
          row={(file) => <Row file={file} selection={selection} onPurge={() => setPurging([file])} />}
        />
      </Listing>
      {purging && (
        <Confirm
          title={w.trash.purgeTitle(purging.length)}
          text={w.trash.purgeText(purging.map(({ name }) => name))}
          act={w.trash.purge}
          onAct={() => void purgeAll(purging)}
          onClose={() => setPurging(null)}
        />
      )}
    </section>
  );
}

async function restoreAll(files: SeenFile[]): Promise<void> {
  const ids = files.map(({ id }) => id);
  await attempt(async () => {
    await restore(ids);
    toast(w.trash.restored(files.length), () => void attempt(() => trash(ids)));
  });
}

function Row({ file, selection, onPurge }: { file: SeenFile; selection: Selection; onPurge: () => void }) {
  const isChosen = selection.ids.has(file.id);
  return (
    <div className={isChosen ? 'row row-chosen' : 'row'}>
      <ChooseOne selection={selection} file={file} />
      <Icon name={iconOf(file.contentType)} />
      <span className="row-name" title={file.name}>
        <bdi>{file.name}</bdi>
      </span>
      <span className="row-size">{size(file.size)}</span>
      <span className="row-time">{file.trashedAt && <Time at={file.trashedAt} />}</span>
      <span className="row-acts">
        <button
          type="button"
          className="button button-small"
          onClick={() => void restoreAll([file])}
          aria-label={w.trash.restoreName(file.name)}
        >
          {w.trash.restore}
        </button>
        <button type="button" className="button-icon" onClick={onPurge} title={w.trash.purge} aria-label={w.trash.purgeName(file.name)}>
          <Icon name="close" />
        </button>
      </span>
    </div>
  );
}
