// Small parts that many views have.

import { useId, useState, type FormEvent, type InputHTMLAttributes, type ReactNode } from 'react';
import { Refusal, said } from '../api/errors';
import { w } from '../words';
import { absolute, relative } from './format';
import { Icon, type IconName } from './icons';

/** When something was, or is going to be; the exact time where the pointer rests. */
export function Time({ at }: { at: string }) {
  return (
    <time dateTime={at} title={absolute(at)}>
      {relative(at)}
    </time>
  );
}

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: string | undefined;
  complaint?: string | undefined;
}

export function Field({ label, hint, complaint, ...input }: FieldProps) {
  const id = useId();
  const notes = [hint && `${id}-hint`, complaint && `${id}-complaint`].filter(Boolean).join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input {...input} id={id} aria-describedby={notes || undefined} aria-invalid={complaint ? true : undefined} />
      {hint && (
        <p className="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {complaint && (
        <p className="field-complaint" id={`${id}-complaint`} role="alert">
          {complaint}
        </p>
      )}
    </div>
  );
}

/** A field for the name of an account. */
export function UsernameField({ label, complaint, placeholder }: { label: string; complaint: string | undefined; placeholder?: string }) {
  return (
    <Field
      label={label}
      name="username"
      required
      autoComplete="off"
      autoCapitalize="none"
      spellCheck={false}
      placeholder={placeholder}
      complaint={complaint}
    />
  );
}

/** A form that sends once at a time, and shows what was refused, beside the field where that is known. `keeps`: what was typed. */
export function useForm(send: (values: FormData) => Promise<void>, keeps = false) {
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<unknown>();
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    if (isBusy) return;
    setBusy(true);
    setRefusal(undefined);
    try {
      await send(new FormData(form));
      if (!keeps) form.reset();
    } catch (error) {
      setRefusal(error);
    } finally {
      setBusy(false);
    }
  };
  const field = refusal instanceof Refusal ? refusal.field : undefined;
  return {
    onSubmit,
    isBusy,
    /** What to say beside the field of this name. */
    complaint: (name: string) => (refusal && field === name ? said(refusal) : undefined),
    /** What belongs to none of the fields of these names. */
    other: (...names: string[]) => (refusal && !(field && names.includes(field)) ? said(refusal) : undefined),
  };
}

export function Complaint({ text }: { text: string | undefined }) {
  return text ? (
    <p className="complaint" role="alert">
      <Icon name="warning" />
      {text}
    </p>
  ) : null;
}

/** A view that has nothing to show, and says what would be here. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Failed({ refusal, again }: { refusal: Refusal; again: () => void }) {
  return (
    <div className="empty" role="alert">
      <Icon name="warning" />
      <h2>{w.errors.failed}</h2>
      <p>{said(refusal)}</p>
      <button type="button" className="button" onClick={again}>
        <Icon name="retry" />
        {w.again}
      </button>
    </div>
  );
}

/** As high as what is to come, so that nothing moves then. */
export function Loading({ rows = 6 }: { rows?: number | undefined }) {
  return (
    <div className="loading" role="status" aria-label={w.loading}>
      {Array.from({ length: rows }, (_, at) => (
        <div className="loading-row" key={at} />
      ))}
    </div>
  );
}

/** Copies a text; the button says when it has. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await writeToClipboard(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2_000);
  };
  return (
    <button type="button" className="button button-small" onClick={() => void copy()}>
      <Icon name={isCopied ? 'check' : 'copy'} />
      <span aria-live="polite">{isCopied ? w.copied : label}</span>
    </button>
  );
}

/** Sites without TLS have no `navigator.clipboard`. */
async function writeToClipboard(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
