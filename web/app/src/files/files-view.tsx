// My files.

import { useMemo, useState } from 'react';
import { useSession } from '../account/session';
import { usePages } from '../api/pages';
import { go } from '../router';
import { size } from '../ui/format';
import { Icon, iconOf } from '../ui/icons';
import { Menu } from '../ui/menu';
import { Empty, Time } from '../ui/parts';
import { attempt, toast } from '../ui/toasts';
import { ChooseFiles } from '../uploads/choose-files';
import { w } from '../words';
import { ColumnHead, type Arranging } from './arrange';
import { ArrangedFiles } from './arranged-files';
import { useArrangement } from './arrangement';
import { SeenBy } from './audience';
import { download, loadFiles, restore, trash, type OwnFile } from './documents';
import { useLive } from './live';
import { RenameDialog } from './rename';
import { ChooseAll, ChooseOne, useSelection, type Selection } from './selection';

export function FilesView() {
  const { me } = useSession();
  const [arrangement, arrange] = useArrangement('files');
  const load = useMemo(() => loadFiles(arrangement), [arrangement]);
  const pages = usePages(load);
  const [{ items }, list] = pages;
  const selection = useSelection(items);
  const [renaming, setRenaming] = useState<OwnFile | null>(null);
  useLive<OwnFile>(list, arrangement, ({ owner }) => owner.id === me.id);

  return (
    <>
      <ArrangedFiles
        title={w.views.files}
        beside={<ChooseFiles />}
        pages={pages}
        arrangement={arrangement}
        arrange={arrange}
        empty={
          <Empty icon="upload" title={w.files.empty}>
            <p>{w.files.emptyHint}</p>
          </Empty>
        }
        bar={<Bar items={items} selection={selection} arrangement={arrangement} arrange={arrange} />}
        row={(file) => <Row file={file} selection={selection} onRename={() => setRenaming(file)} />}
      />
      {renaming && <RenameDialog file={renaming} onClose={() => setRenaming(null)} />}
    </>
  );
}

interface BarProps extends Arranging {
  items: OwnFile[];
  selection: Selection;
}

/** The head of the list: what its columns are, or what can be done with the chosen rows. */
function Bar({ items, selection, ...arranging }: BarProps) {
  const chosen = items.filter(({ id }) => selection.ids.has(id));
  return (
    <div className="bar">
      <ChooseAll selection={selection} count={items.length} />
      {chosen.length === 0 ? (
        <>
          <ColumnHead by="NAME" {...arranging} />
          <span className="bar-seen">{w.list.seenBy}</span>
          <ColumnHead by="SIZE" {...arranging} />
          <ColumnHead by="CREATED" {...arranging} />
        </>
      ) : (
        <div className="bar-acts">
          <span role="status">{w.list.chosen(chosen.length)}</span>
          <button type="button" className="button button-small" onClick={() => void downloadAll(chosen)}>
            <Icon name="download" />
            <span className="bar-act">{w.file.download}</span>
          </button>
          <button type="button" className="button button-small" onClick={() => void trashAll(chosen)}>
            <Icon name="trash" />
            <span className="bar-act">{w.file.trash}</span>
          </button>
        </div>
      )}
    </div>
  );
}

async function downloadAll(files: OwnFile[]): Promise<void> {
  for (const file of files) {
    await attempt(() => download(file));
    // A browser drops downloads that come all at once.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

export async function trashAll(files: { id: string; name: string }[]): Promise<void> {
  const ids = files.map(({ id }) => id);
  await attempt(async () => {
    await trash(ids);
    const [first] = files;
    const text = files.length === 1 && first ? w.files.trashedOne(first.name) : w.files.trashed(files.length);
    toast(text, () => void attempt(() => restore(ids)));
  });
}

function Row({ file, selection, onRename }: { file: OwnFile; selection: Selection; onRename: () => void }) {
  const isChosen = selection.ids.has(file.id);
  const open = () => go({ view: 'files', file: file.id });
  return (
    <div className={isChosen ? 'row row-chosen' : 'row'}>
      <ChooseOne selection={selection} file={file} />
      <Icon name={iconOf(file.contentType)} />
      <button
        type="button"
        className="row-name"
        title={file.name}
        onClick={open}
        onKeyDown={(event) => {
          if (event.key === 'Delete') void trashAll([file]);
          else if (event.key === 'F2') onRename();
        }}
      >
        <bdi>{file.name}</bdi>
      </button>
      <span className="row-seen">
        <SeenBy shares={file.shares} />
      </span>
      <span className="row-size">{size(file.size)}</span>
      <span className="row-time">
        <Time at={file.createdAt} />
        {file.drop && <span className="row-drop"> · {w.files.byDrop(file.drop.name)}</span>}
      </span>
      <span className="row-acts">
        <button type="button" className="button button-small row-share" onClick={open} aria-label={w.file.shareName(file.name)}>
          {w.file.share}
        </button>
        <Menu
          label={w.file.actions(file.name)}
          items={[
            { label: w.file.download, icon: 'download', act: () => void attempt(() => download(file)) },
            { label: w.file.share, icon: 'shared', act: open },
            { label: w.file.rename, icon: 'rename', act: onRename },
            { label: w.file.trash, icon: 'trash', act: () => void trashAll([file]), isDangerous: true },
          ]}
        />
      </span>
    </div>
  );
}
