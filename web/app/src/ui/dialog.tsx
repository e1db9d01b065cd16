// Dialogs are the browser's own: it keeps the focus inside, takes Escape, and gives the focus back.

import { useEffect, useId, useRef, type ReactNode } from 'react';
import { w } from '../words';
import { Icon } from './icons';
import { Toasts } from './toasts';

interface Props {
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
  /** `side`: along the right edge, as high as the window. */
  kind?: 'centre' | 'side';
}

export function Dialog({ title, onClose, children, kind = 'centre' }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const opener = document.activeElement;
    const shown = dialog.current;
    shown?.showModal();
    // React's autoFocus comes before the dialog is open.
    shown?.querySelector<HTMLElement>('[data-focus]')?.focus();
    return () => {
      shown?.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={`dialog dialog-${kind}`}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div className="dialog-inside">
        <header className="dialog-head">
          <h2 id={heading}>{title}</h2>
          <button type="button" className="button-icon" onClick={onClose} aria-label={w.close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
      {/* Those of the page lie below it. */}
      <Toasts />
    </dialog>
  );
}

/** The two buttons below the form of a dialog. */
export function FormFoot(props: { act: string; isBusy: boolean; onClose: () => void; isDangerous?: boolean }) {
  return (
    <div className="dialog-foot">
      <button type="button" className="button" onClick={props.onClose}>
        {w.cancel}
      </button>
      <button className={props.isDangerous ? 'button button-danger' : 'button button-main'} disabled={props.isBusy}>
        {props.act}
      </button>
    </div>
  );
}

/** A question with two answers; the dangerous one says what it does. */
export function Confirm(props: { title: string; text: string; act: string; onAct: () => void; onClose: () => void }) {
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <p>{props.text}</p>
      <div className="dialog-foot">
        <button type="button" className="button" onClick={props.onClose} data-focus>
          {w.cancel}
        </button>
        <button
          type="button"
          className="button button-danger"
          onClick={() => {
            props.onClose();
            props.onAct();
          }}
        >
          {props.act}
        </button>
      </div>
    </Dialog>
  );
}
