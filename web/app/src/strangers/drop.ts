// Betters the page of a drop: files go by tus, each with its progress, and go on after a lost connection. The form that the
// server wrote does the same without scripts, all in one request.

import { Refusal, said } from '../api/errors';
import { send } from '../uploads/sending';
import { size } from '../ui/format';
import { w } from '../words';

interface Target {
  maxFileSize: number | null;
  filesLeft: number | null;
  owner: string | null;
}

const TARGET = `query DropTarget($token: String!, $password: String) {
  dropTarget(token: $token, password: $password) { maxFileSize filesLeft owner }
}`;

const form = document.querySelector('form');
const picker = form?.querySelector<HTMLInputElement>('input[type=file]');
const button = form?.querySelector('button');
const token = location.pathname.split('/').at(-1) ?? '';
const list = document.createElement('ul');
list.setAttribute('aria-label', w.uploads.title);
let underWay = 0;

if (form && picker && button) {
  form.before(list);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const files = [...(picker.files ?? [])];
    button.disabled = true;
    leave(files)
      .then(() => (picker.value = ''))
      .catch(complain)
      .finally(() => (button.disabled = false));
  });
  for (const kind of ['dragenter', 'dragover']) picker.addEventListener(kind, () => picker.classList.add('over'));
  for (const kind of ['dragleave', 'drop']) picker.addEventListener(kind, () => picker.classList.remove('over'));
  addEventListener('beforeunload', (event) => {
    if (underWay > 0) event.preventDefault();
  });
}

/** The password as it stands in the form; null where the drop has none. */
function password(): string | null {
  return form?.querySelector<HTMLInputElement>('input[type=password]')?.value ?? null;
}

function authorization(): string {
  const given = password();
  if (given === null) return `Drop ${token}`;
  const bytes = new TextEncoder().encode(given);
  const encoded = btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  return `Drop ${token}:${encoded}`;
}

async function look(): Promise<Target> {
  const answer = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: TARGET, variables: { token, password: password() } }),
  });
  const { data, errors } = (await answer.json()) as {
    data?: { dropTarget: Target };
    errors?: { message: string; extensions: { code: string; retryAfterSeconds?: number } }[];
  };
  const [first] = errors ?? [];
  if (first) throw new Refusal(first.extensions.code, first.message, undefined, first.extensions.retryAfterSeconds);
  if (!data) throw new Refusal('UNAVAILABLE', w.errors.unavailable);
  return data.dropTarget;
}

/** Leaves one file after the other. What the drop does not take is said before a byte of it is sent. */
async function leave(files: File[]): Promise<void> {
  document.querySelector('[role=alert]')?.remove();
  const target = await look();
  let left = target.filesLeft ?? Infinity;
  const note = document.getElementById('left');
  for (const file of files) {
    const row = new Row(file.name);
    if (file.size > (target.maxFileSize ?? Infinity)) {
      row.refuse(w.uploads.tooLarge(size(target.maxFileSize ?? 0)));
    } else if (left < 1) {
      row.refuse(w.visitor.full);
    } else {
      left -= 1;
      underWay += 1;
      await leaveOne(file, row).finally(() => (underWay -= 1));
      if (note) note.textContent = note.textContent.replace(/\d+/, String(left));
    }
  }
}

async function leaveOne(file: File, row: Row): Promise<void> {
  const headers = { authorization: authorization() };
  const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
  const begun = await fetch('/uploads', {
    method: 'POST',
    headers: {
      ...headers,
      'tus-resumable': '1.0.0',
      'upload-length': String(file.size),
      'upload-metadata': `filename ${name}`,
    },
  });
  if (!begun.ok) {
    const { code, detail } = (await begun.json()) as { code: string; detail: string };
    return row.refuse(said(new Refusal(code, detail)));
  }
  if (file.size === 0) return row.done();
  const id = begun.headers.get('location')?.split('/').at(-1) ?? '';
  await new Promise<void>((resolve) => {
    const begin = () =>
      void send(id, file, headers, {
        onBytes: (sent) => row.progress(Math.floor((sent / file.size) * 100)),
        onDone: () => resolve(row.done()),
        onRefused: (refusal) => resolve(row.refuse(said(refusal))),
        onLost: () => {
          row.lost();
          setTimeout(begin, 5_000);
        },
      });
    begin();
  });
}

/** What became of one file. */
class Row {
  private readonly item = document.createElement('li');
  private readonly text = document.createElement('span');
  private readonly bar = document.createElement('progress');

  constructor(private readonly name: string) {
    this.bar.max = 100;
    this.bar.value = 0;
    this.bar.setAttribute('aria-label', w.uploads.progressOf(name));
    this.item.append(this.text, this.bar);
    list.append(this.item);
    this.progress(0);
  }

  progress(percent: number): void {
    this.bar.value = percent;
    this.text.textContent = w.visitor.sending(this.name, percent);
  }

  lost(): void {
    this.text.textContent = w.visitor.lost(this.name);
  }

  done(): void {
    this.end(w.visitor.arrived(this.name), 'done');
  }

  refuse(reason: string): void {
    this.end(w.visitor.refused(this.name, reason), 'refused');
  }

  private end(text: string, kind: string): void {
    this.bar.remove();
    this.item.className = kind;
    this.item.setAttribute('role', 'status');
    this.text.textContent = text;
  }
}

function complain(error: unknown): void {
  const alert = document.createElement('p');
  alert.setAttribute('role', 'alert');
  alert.textContent = error instanceof Refusal ? said(error) : w.errors.offline;
  form?.before(alert);
}
