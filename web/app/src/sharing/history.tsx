// What happened to a file: who has downloaded it, and who was given or lost sight of it.

import { useEffect, useState } from 'react';
import { onChange } from '../api/changes';
import { useAsked } from '../api/client';
import { Failed, Loading, Time } from '../ui/parts';
import { w } from '../words';
import { HISTORY, type FileEvent } from './documents';

export function History({ file }: { file: string }) {
  const [first, setFirst] = useState(10);
  const { data, refusal, again } = useAsked(HISTORY, { file, first }, ['Event', 'File', 'Share']);
  useEffect(
    () =>
      onChange((change) => void (change.kind === 'happened' && change.events.some(({ fileId }) => fileId === file) && again())),
  );
  if (refusal && !data) return <Failed refusal={refusal} again={again} />;
  if (!data) return <Loading rows={3} />;
  const { edges, pageInfo } = data.file.events;
  return (
    <>
      <ul className="history">
        {edges.map(({ node }) => (
          <li key={node.id}>
            <span>{sentence(node)}</span>
            <Time at={node.at} />
          </li>
        ))}
      </ul>
      {pageInfo.hasNextPage && first < 100 && (
        <button type="button" className="button button-small" onClick={() => setFirst(100)}>
          {w.history.more}
        </button>
      )}
    </>
  );
}

function sentence({ kind, user, detail, count, share }: FileEvent): string {
  const who = user?.username ?? (share?.audience === 'LINK' ? w.history.byLink : w.history.nobody);
  const named: Partial<Record<FileEvent['kind'], (who: string, detail: string) => string>> = w.history.kinds;
  const text = named[kind]?.(who, whom(detail)) ?? w.history.other(who, kind);
  return count > 1 ? `${text} (${count}×)` : text;
}

/** `user:alice`, `group:Friends`, `AUTHENTICATED` and `LINK` in words. */
function whom(detail: string | null): string {
  if (detail === 'AUTHENTICATED') return w.seenBy.everyone;
  if (detail === 'LINK') return w.seenBy.link;
  return detail?.replace(/^(user|group):/, '') ?? '';
}
