// Keeps a list of files in step with what changes, here and elsewhere.

import { useEffect } from 'react';
import { onChange } from '../api/changes';
import type { PageList } from '../api/pages';
import { fits, isBefore, type Arrangement } from './arrangement';
import { loadOne, type OwnFile, type SeenFile } from './documents';

/** `belongs`: whether a file is one of this list's at all. */
export function useLive<Item extends SeenFile>(
  list: PageList<Item>,
  arrangement: Arrangement,
  belongs: (file: SeenFile) => boolean,
): void {
  useEffect(() => {
    const look = async (id: string) => {
      // Whoever cannot be asked leaves the list as it was; it is looked at again when the connection is back.
      const file = await loadOne(id).catch(() => undefined);
      if (file === undefined) return;
      const isIn = file !== null && file.trashedAt === null && belongs(file) && fits(file, arrangement.search);
      // Every list shows a part of what an own file has.
      if (isIn) list.place(file as OwnFile & Item, isBefore(arrangement));
      else list.take([id]);
    };
    return onChange((change) => {
      switch (change.kind) {
        case 'added':
          // Told twice of what was uploaded here: by the tray, and by the feed.
          return list.has(change.file) ? undefined : void look(change.file);
        case 'changed':
          return void look(change.file);
        case 'restored':
          return change.files.forEach((id) => void look(id));
        case 'trashed':
        case 'purged':
          return list.take(change.files);
        case 'groups':
          // Whoever comes into a group, or leaves it, sees other files.
          return void list.renew();
        default:
      }
    });
  });
}
