// The panel of one file: what it is, and, for its owner, who can see it and why.

import { useCallback, useEffect } from 'react';
import { useSession } from '../account/session';
import { onChange, type Change } from '../api/changes';
import { useAsked } from '../api/client';
import { usePages } from '../api/pages';
import { download } from '../files/documents';
import { Preview } from '../files/preview';
import { Dialog } from '../ui/dialog';
import { size } from '../ui/format';
import { Icon } from '../ui/icons';
import { Copy, Failed, Loading, Time } from '../ui/parts';
import { attempt } from '../ui/toasts';
import { w } from '../words';
import { AddShare } from './add-share';
import { loadShares, PANEL, type PanelFile, type ShareRow } from './documents';
import { Explain } from './explain';
import { History } from './history';
import { Share } from './share-row';

export default function FilePanel({ id, onClose }: { id: string; onClose: () => void }) {
  const { me } = useSession();
  const { data, refusal, again } = useAsked(PANEL, { id }, ['File']);
  // Somebody may have renamed it, or taken it from me.
  useEffect(() => onChange((change) => void (isAbout(change, id) && again())));
  const file = data?.file;
  return (
    <Dialog kind="side" title={<bdi>{file?.name ?? w.panel.title}</bdi>} onClose={onClose}>
      {refusal ? (
        <Failed refusal={refusal} again={again} />
      ) : !file ? (
        <Loading />
      ) : (
        <div className="panel">
          <Preview file={file} />
          <Facts file={file} isMine={file.owner.id === me.id} />
          {file.owner.id === me.id && <Owned file={file.id} />}
        </div>
      )}
    </Dialog>
  );
}

function isAbout(change: Change, file: string): boolean {
  if ('file' in change) return change.file === file;
  return 'files' in change && change.files.includes(file);
}

function Facts({ file, isMine }: { file: PanelFile; isMine: boolean }) {
  return (
    <section>
      <dl className="facts">
        {!isMine && (
          <div>
            <dt>{w.list.owner}</dt>
            <dd>{file.owner.username}</dd>
          </div>
        )}
        <div>
          <dt>{w.list.size}</dt>
          <dd>{size(file.size)}</dd>
        </div>
        <div>
          <dt>{w.panel.type}</dt>
          <dd>{file.contentType}</dd>
        </div>
        <div>
          <dt>{w.list.added}</dt>
          <dd>
            <Time at={file.createdAt} />
          </dd>
        </div>
        <div className="facts-hash">
          <dt>SHA-256</dt>
          <dd>
            <code title={file.sha256}>{file.sha256}</code>
            <Copy text={file.sha256} label={w.copy} />
          </dd>
        </div>
      </dl>
      <button type="button" className="button" onClick={() => void attempt(() => download(file))}>
        <Icon name="download" />
        {w.file.download}
      </button>
    </section>
  );
}

function Owned({ file }: { file: string }) {
  const load = useCallback((after: string | null) => loadShares(file)(after), [file]);
  const [{ items, isLoaded, hasMore, isLoading, refusal }, list] = usePages<ShareRow>(load);
  useEffect(
    () =>
      onChange((change) => {
        const isOfIt =
          (change.kind === 'changed' && change.file === file) ||
          (change.kind === 'happened' && change.events.some(({ fileId }) => fileId === file));
        if (isOfIt) void list.renew();
      }),
    [file, list],
  );
  return (
    <>
      <section aria-labelledby="panel-share">
        <h3 id="panel-share">{w.sharing.with}</h3>
        <AddShare file={file} />
      </section>
      <section aria-labelledby="panel-shares">
        <h3 id="panel-shares">{w.sharing.title}</h3>
        {refusal ? (
          <Failed refusal={refusal} again={() => void list.more()} />
        ) : !isLoaded ? (
          <Loading rows={2} />
        ) : items.length === 0 ? (
          <p className="hint">
            <Icon name="lock" />
            {w.sharing.onlyMe}
          </p>
        ) : (
          <ul className="shares">
            {items.map((share) => (
              <Share
                key={share.id}
                file={file}
                share={share}
                onGone={() => list.take([share.id])}
                onChanged={(changed) => list.put(changed)}
              />
            ))}
          </ul>
        )}
        {isLoaded && hasMore && (
          <button type="button" className="button button-small" disabled={isLoading} onClick={() => void list.more()}>
            {w.more}
          </button>
        )}
      </section>
      <section aria-labelledby="panel-why">
        <h3 id="panel-why">{w.explain.title}</h3>
        <Explain file={file} />
      </section>
      <section aria-labelledby="panel-history">
        <h3 id="panel-history">{w.history.title}</h3>
        <History file={file} />
      </section>
    </>
  );
}
