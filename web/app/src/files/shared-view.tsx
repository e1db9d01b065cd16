// Other people's files that I may see.

import { useMemo } from 'react';
import { useSession } from '../account/session';
import { usePages } from '../api/pages';
import { go } from '../router';
import { size } from '../ui/format';
import { Icon, iconOf } from '../ui/icons';
import { Empty, Time } from '../ui/parts';
import { attempt } from '../ui/toasts';
import { w } from '../words';
import { ColumnHead } from './arrange';
import { ArrangedFiles } from './arranged-files';
import { useArrangement } from './arrangement';
import { download, loadShared, type SeenFile } from './documents';
import { useLive } from './live';

export function SharedView() {
  const { me } = useSession();
  const [arrangement, arrange] = useArrangement('shared');
  const load = useMemo(() => loadShared(arrangement), [arrangement]);
  const pages = usePages(load);
  useLive<SeenFile>(pages[1], arrangement, ({ owner }) => owner.id !== me.id);
  const arranging = { arrangement, arrange };
  return (
    <ArrangedFiles
      title={w.views.shared}
      pages={pages}
      {...arranging}
      empty={
        <Empty icon="shared" title={w.shared.empty}>
          <p>{w.shared.emptyHint}</p>
        </Empty>
      }
      bar={
        <div className="bar bar-plain">
          <ColumnHead by="NAME" {...arranging} />
          <span className="bar-seen">{w.list.owner}</span>
          <ColumnHead by="SIZE" {...arranging} />
          <ColumnHead by="CREATED" {...arranging} />
        </div>
      }
      row={(file) => <Row file={file} />}
    />
  );
}

function Row({ file }: { file: SeenFile }) {
  return (
    <div className="row row-plain">
      <Icon name={iconOf(file.contentType)} />
      <button type="button" className="row-name" title={file.name} onClick={() => go({ view: 'shared', file: file.id })}>
        <bdi>{file.name}</bdi>
      </button>
      <span className="row-seen">
        <span className="seen-by" title={w.shared.by(file.owner.username)}>
          <Icon name="person" />
          <bdi>{file.owner.username}</bdi>
        </span>
      </span>
      <span className="row-size">{size(file.size)}</span>
      <span className="row-time">
        <Time at={file.createdAt} />
      </span>
      <span className="row-acts">
        <button
          type="button"
          className="button-icon"
          title={w.file.download}
          aria-label={w.file.downloadName(file.name)}
          onClick={() => void attempt(() => download(file))}
        >
          <Icon name="download" />
        </button>
      </span>
    </div>
  );
}
