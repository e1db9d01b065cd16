// Drops: addresses by which strangers leave files for me.

import { lazy, Suspense, useEffect, useState } from 'react';
import { onChange } from '../api/changes';
import { ask } from '../api/client';
import { usePages, type PageList } from '../api/pages';
import { go } from '../router';
import { EndField, endOf } from '../sharing/end-field';
import { CardListView } from '../ui/card-list';
import { Confirm, Dialog, FormFoot } from '../ui/dialog';
import { size } from '../ui/format';
import { Icon } from '../ui/icons';
import { Complaint, Copy, Field, Time, useForm } from '../ui/parts';
import { attempt, toast } from '../ui/toasts';
import { w } from '../words';
import { closeDrop, createDrop, DROPS, type Drop } from './documents';

const QrCode = lazy(() => import('../sharing/qr-code'));
const load = async (after: string | null) => (await ask(DROPS, { after })).drops;
const MIB = 1024 * 1024;

export function DropsView() {
  const pages = usePages<Drop>(load);
  const [, list] = pages;
  useEffect(() => onChange((change) => void (change.kind === 'drops' && list.renew())), [list]);
  return (
    <CardListView
      title={w.views.drops}
      make={w.drops.make}
      empty={{ icon: 'drops', title: w.drops.empty, hint: w.drops.emptyHint }}
      pages={pages}
      card={(drop) => <DropCard key={drop.id} drop={drop} list={list} />}
      maker={(close) => <MakeDrop onClose={close} onMade={() => void list.renew()} />}
    />
  );
}

function MakeDrop({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const form = useForm(async (values) => {
    const text = (name: string) => String(values.get(name));
    const number = (name: string, unit = 1) => (text(name) === '' ? null : Math.round(Number(text(name)) * unit));
    await createDrop({
      name: text('name'),
      password: text('password') === '' ? null : text('password'),
      maxFiles: number('maxFiles'),
      maxFileSize: number('maxFileSize', MIB),
      expiresAt: endOf(values),
    });
    onMade();
    onClose();
    toast(w.drops.made);
  });
  return (
    <Dialog title={w.drops.make} onClose={onClose}>
      <form onSubmit={(event) => void form.onSubmit(event)}>
        <Field
          label={w.drops.name}
          hint={w.drops.nameHint}
          name="name"
          required
          maxLength={100}
          autoComplete="off"
          data-focus
          complaint={form.complaint('name')}
        />
        <div className="fields">
          <Field label={w.sharing.passwordOptional} name="password" autoComplete="off" complaint={form.complaint('password')} />
          <Field
            label={w.drops.maxFiles}
            name="maxFiles"
            type="number"
            min={1}
            placeholder={w.sharing.anyNumber}
            complaint={form.complaint('maxFiles')}
          />
          <Field
            label={w.drops.maxFileSize}
            name="maxFileSize"
            type="number"
            min={1}
            placeholder={w.drops.anySize}
            complaint={form.complaint('maxFileSize')}
          />
          <EndField />
        </div>
        <Complaint text={form.other('name', 'password', 'maxFiles', 'maxFileSize')} />
        <FormFoot act={w.drops.makeAct} isBusy={form.isBusy} onClose={onClose} />
      </form>
    </Dialog>
  );
}

function DropCard({ drop, list }: { drop: Drop; list: PageList<Drop> }) {
  const [open, setOpen] = useState<'qr' | 'close' | null>(null);
  const hasEnded = drop.expiresAt !== null && Date.parse(drop.expiresAt) <= Date.now();
  const isOpen = drop.closedAt === null && !hasEnded;
  const close = () =>
    attempt(async () => {
      await closeDrop(drop.id);
      list.put({ ...drop, closedAt: new Date().toISOString() });
    });
  return (
    <li className="card">
      <div className="card-head">
        <h2 className="card-title">
          <Icon name="drops" />
          <bdi>{drop.name}</bdi>
        </h2>
        {isOpen ? (
          <button
            type="button"
            className="button button-small button-danger"
            aria-label={w.drops.closeName(drop.name)}
            onClick={() => setOpen('close')}
          >
            {w.drops.close}
          </button>
        ) : (
          <span className="ended">{drop.closedAt ? w.drops.closed : w.sharing.hasEnded}</span>
        )}
      </div>
      <p className="card-notes">
        {drop.hasPassword && <span>{w.sharing.hasPassword}</span>}
        {drop.maxFiles !== null && <span>{w.drops.takes(drop.maxFiles)}</span>}
        {drop.maxFileSize !== null && <span>{w.drops.upTo(size(drop.maxFileSize))}</span>}
        {drop.expiresAt && !hasEnded && (
          <span>
            {w.sharing.ends} <Time at={drop.expiresAt} />
          </span>
        )}
      </p>
      {isOpen && (
        <div className="share-link">
          <input readOnly value={drop.url} aria-label={w.drops.address} onFocus={(event) => event.target.select()} />
          <Copy text={drop.url} label={w.copy} />
          <button
            type="button"
            className="button button-small"
            aria-label={w.sharing.qr}
            aria-expanded={open === 'qr'}
            onClick={() => setOpen(open === 'qr' ? null : 'qr')}
          >
            <Icon name="qr" />
            QR
          </button>
        </div>
      )}
      {open === 'qr' && (
        <Suspense fallback={null}>
          <QrCode text={drop.url} />
        </Suspense>
      )}
      {drop.files.nodes.length === 0 ? (
        <p className="hint">{w.drops.nothing}</p>
      ) : (
        <ul className="left" aria-label={w.drops.left}>
          {drop.files.nodes.map((file) => (
            <li key={file.id}>
              <button type="button" className="button-link" onClick={() => go({ view: 'drops', file: file.id })}>
                <bdi>{file.name}</bdi>
              </button>
              <span className="card-note">
                {size(file.size)} · <Time at={file.createdAt} />
              </span>
            </li>
          ))}
          {drop.files.pageInfo.hasNextPage && <li className="card-note">{w.drops.andMore}</li>}
        </ul>
      )}
      {open === 'close' && (
        <Confirm
          title={w.drops.closeTitle(drop.name)}
          text={w.drops.closeText}
          act={w.drops.close}
          onAct={() => void close()}
          onClose={() => setOpen(null)}
        />
      )}
    </li>
  );
}
