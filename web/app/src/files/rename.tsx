// Another name for a file.

import { useRef } from 'react';
import { Dialog, FormFoot } from '../ui/dialog';
import { Complaint, Field, useForm } from '../ui/parts';
import { w } from '../words';
import { rename } from './documents';

export function RenameDialog({ file, onClose }: { file: { id: string; name: string }; onClose: () => void }) {
  const form = useForm(async (values) => {
    await rename(file.id, String(values.get('name')));
    onClose();
  });
  const wasFocused = useRef(false);
  const stem = file.name.lastIndexOf('.') > 0 ? file.name.lastIndexOf('.') : file.name.length;
  return (
    <Dialog title={w.rename.title} onClose={onClose}>
      <form onSubmit={(event) => void form.onSubmit(event)}>
        <Field
          label={w.rename.name}
          name="name"
          defaultValue={file.name}
          required
          maxLength={255}
          data-focus
          autoComplete="off"
          onFocus={(event) => {
            if (!wasFocused.current) event.target.setSelectionRange(0, stem);
            wasFocused.current = true;
          }}
          complaint={form.complaint('name')}
        />
        <Complaint text={form.other('name')} />
        <FormFoot act={w.rename.act} isBusy={form.isBusy} onClose={onClose} />
      </form>
    </Dialog>
  );
}
