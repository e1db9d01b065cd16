// The button that chooses files to upload.

import { useRef } from 'react';
import { Icon } from '../ui/icons';
import { w } from '../words';
import { add } from './queue';

export function ChooseFiles() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={w.uploads.upload}
        onChange={(event) => {
          void add([...(event.target.files ?? [])]);
          // The same file may be chosen again.
          event.target.value = '';
        }}
      />
      <button type="button" className="button button-main" onClick={() => input.current?.click()}>
        <Icon name="upload" />
        {w.uploads.upload}
      </button>
    </>
  );
}
