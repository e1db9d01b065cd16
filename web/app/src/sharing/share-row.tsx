// One share: whom it reaches, until when, and the way back.

import { lazy, Suspense, useState } from 'react';
import { useSession } from '../account/session';
import { Confirm } from '../ui/dialog';
import { Icon } from '../ui/icons';
import { Complaint, Copy, Field, Time, useForm } from '../ui/parts';
import { attempt, toast } from '../ui/toasts';
import { w } from '../words';
import { revoke, setEnd, setTerms, shareWithEveryone, shareWithGroup, shareWithUser, type ShareRow } from './documents';
import { EndField, endOf } from './end-field';

const QrCode = lazy(() => import('./qr-code'));
const ICONS = { USER: 'person', GROUP: 'groups', AUTHENTICATED: 'everyone', LINK: 'link' } as const;

export function nameOf(share: Pick<ShareRow, 'audience'> & { user?: ShareRow['user']; group?: ShareRow['group'] }): string {
  switch (share.audience) {
    case 'USER':
      return share.user?.username ?? '';
    case 'GROUP':
      return share.group?.name ?? w.seenBy.aGroup;
    case 'AUTHENTICATED':
      return w.seenBy.everyone;
    case 'LINK':
      return w.seenBy.link;
  }
}

interface Props {
  file: string;
  share: ShareRow;
  onGone: () => void;
  onChanged: (share: ShareRow) => void;
}

export function Share({ file, share, onGone, onChanged }: Props) {
  const [open, setOpen] = useState<'terms' | 'qr' | 'revoke' | null>(null);
  const name = nameOf(share);
  const hasEnded = share.expiresAt !== null && Date.parse(share.expiresAt) <= Date.now();
  const { link } = share;

  const take = () =>
    attempt(async () => {
      await revoke(file, share.id);
      onGone();
      toast(w.sharing.revoked(name), link ? undefined : () => void attempt(() => again(file, share)));
    });

  return (
    <li className="share">
      <div className="share-line">
        <Icon name={ICONS[share.audience]} />
        <span className="share-name">
          <bdi>{name}</bdi>
          <span className="share-notes">
            {link && <LinkNotes link={link} />}
            {share.expiresAt &&
              (hasEnded ? <span className="ended">{w.sharing.hasEnded}</span> : <span>{w.sharing.ends} <Time at={share.expiresAt} /></span>)}
          </span>
        </span>
        <span className="share-acts">
          <button
            type="button"
            className="button button-small"
            aria-expanded={open === 'terms'}
            aria-label={w.sharing.changeName(name)}
            onClick={() => setOpen(open === 'terms' ? null : 'terms')}
          >
            {w.sharing.change}
          </button>
          <button
            type="button"
            className="button button-small button-danger"
            aria-label={w.sharing.revokeName(name)}
            onClick={() => (link ? setOpen('revoke') : void take())}
          >
            {w.sharing.revoke}
          </button>
        </span>
      </div>
      {link && (
        <div className="share-link">
          <input readOnly value={link.url} aria-label={w.sharing.address} onFocus={(event) => event.target.select()} />
          <Copy text={link.url} label={w.copy} />
          <button
            type="button"
            className="button button-small"
            aria-expanded={open === 'qr'}
            aria-label={w.sharing.qr}
            onClick={() => setOpen(open === 'qr' ? null : 'qr')}
          >
            <Icon name="qr" />
            QR
          </button>
        </div>
      )}
      {open === 'qr' && link && (
        <Suspense fallback={null}>
          <QrCode text={link.url} />
        </Suspense>
      )}
      {open === 'terms' && (
        <Terms
          file={file}
          share={share}
          onChanged={(changed) => {
            setOpen(null);
            onChanged(changed);
          }}
        />
      )}
      {open === 'revoke' && (
        <Confirm
          title={w.sharing.revokeLink}
          text={w.sharing.revokeLinkText}
          act={w.sharing.revoke}
          onAct={() => void take()}
          onClose={() => setOpen(null)}
        />
      )}
    </li>
  );
}

/** Until when the share is; of a link, its password and how many downloads there may be as well. */
function Terms({ file, share, onChanged }: { file: string; share: ShareRow; onChanged: (share: ShareRow) => void }) {
  const { limits } = useSession();
  const { link } = share;
  const form = useForm(async (values) => {
    const expiresAt = endOf(values);
    if (!link) {
      await setEnd(file, share.id, expiresAt);
      return onChanged({ ...share, expiresAt });
    }
    const limit = String(values.get('maxDownloads'));
    const maxDownloads = limit === '' ? null : Number(limit);
    const password = String(values.get('password'));
    const isWithout = values.get('without') === 'on';
    const other = isWithout ? { password: null } : password !== '' && { password };
    await setTerms(file, share.id, { expiresAt, maxDownloads, ...other });
    const hasPassword = !isWithout && (link.hasPassword || password !== '');
    onChanged({ ...share, expiresAt, link: { ...link, maxDownloads, hasPassword } });
  });
  return (
    <form onSubmit={(event) => void form.onSubmit(event)}>
      <div className="fields">
        <EndField initial={share.expiresAt} maxSeconds={link ? limits.linkMaxTtlSeconds : null} />
        {link && (
          <>
            <Field
              label={w.sharing.maxDownloads}
              name="maxDownloads"
              type="number"
              min={1}
              defaultValue={link.maxDownloads ?? ''}
              placeholder={w.sharing.anyNumber}
              complaint={form.complaint('maxDownloads')}
            />
            <Field
              label={w.sharing.newPassword}
              name="password"
              autoComplete="off"
              placeholder={link.hasPassword ? w.sharing.asItWas : w.sharing.none}
              complaint={form.complaint('password')}
            />
          </>
        )}
      </div>
      {link?.hasPassword && !limits.linkPasswordRequired && (
        <label className="check">
          <input type="checkbox" name="without" />
          {w.sharing.without}
        </label>
      )}
      <Complaint text={form.other('maxDownloads', 'password')} />
      <button className="button button-main" disabled={form.isBusy}>
        {w.save}
      </button>
    </form>
  );
}

function LinkNotes({ link }: { link: NonNullable<ShareRow['link']> }) {
  const isUsedUp = link.maxDownloads !== null && link.downloads >= link.maxDownloads;
  return (
    <>
      {link.hasPassword && <span>{w.sharing.hasPassword}</span>}
      <span className={isUsedUp ? 'ended' : undefined}>{w.sharing.downloads(link.downloads, link.maxDownloads)}</span>
    </>
  );
}

/** The same share as before. A link cannot come back: its URL is gone. */
async function again(file: string, share: ShareRow): Promise<void> {
  const end = share.expiresAt;
  if (share.audience === 'USER' && share.user) await shareWithUser(file, share.user.username, end);
  else if (share.audience === 'GROUP' && share.group) await shareWithGroup(file, share.group.id, end);
  else if (share.audience === 'AUTHENTICATED') await shareWithEveryone(file, end);
}
