// Short messages at the edge of the page, which a screen reader reads out; some have a way back.

import { useEffect, useSyncExternalStore } from 'react';
import { said } from '../api/errors';
import { w } from '../words';
import { Icon } from './icons';

interface Toast {
  id: number;
  text: string;
  kind: 'done' | 'failed';
  undo: (() => void) | undefined;
}

let toasts: Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

const dismiss = (id: number) => set(toasts.filter((toast) => toast.id !== id));

export function toast(text: string, undo?: () => void): void {
  set([...toasts.slice(-2), { id: ++last, text, kind: 'done', undo }]);
}

/** Tells that something failed, and why. */
export function fail(error: unknown): void {
  set([...toasts.slice(-2), { id: ++last, text: said(error), kind: 'failed', undo: undefined }]);
}

/** Runs what can be refused, and tells when it was. */
export async function attempt<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    fail(error);
    return undefined;
  }
}

function Shown({ toast }: { toast: Toast }) {
  useEffect(() => {
    const timer = setTimeout(() => dismiss(toast.id), toast.undo || toast.kind === 'failed' ? 12_000 : 5_000);
    return () => clearTimeout(timer);
  }, [toast]);
  return (
    <li className={`toast toast-${toast.kind}`}>
      <Icon name={toast.kind === 'done' ? 'check' : 'warning'} />
      <span className="toast-text">{toast.text}</span>
      {toast.undo && (
        <button
          type="button"
          className="toast-undo"
          onClick={() => {
            dismiss(toast.id);
            toast.undo?.();
          }}
        >
          {w.undo}
        </button>
      )}
      <button type="button" className="button-icon" aria-label={w.dismiss} onClick={() => dismiss(toast.id)}>
        <Icon name="close" />
      </button>
    </li>
  );
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-label={w.messages}>
      <ul>
        {shown.map((toast) => (
          <Shown key={toast.id} toast={toast} />
        ))}
      </ul>
    </div>
  );
}
