// The end of my account: what goes with it, and the password to say that it is meant.

import { useState } from 'react';
import { Dialog, FormFoot } from '../ui/dialog';
import { size } from '../ui/format';
import { Complaint, Field, useForm } from '../ui/parts';
import { w } from '../words';
import { deleteAccount, providerAddressAnew, useSession } from './session';

export function DeleteAccount() {
  const [isAsking, setAsking] = useState(false);
  return (
    <section className="card" aria-labelledby="settings-delete">
      <h2 id="settings-delete">{w.deleteAccount.title}</h2>
      <p className="hint">{w.deleteAccount.hint}</p>
      <button type="button" className="button button-danger" onClick={() => setAsking(true)}>
        {w.deleteAccount.begin}
      </button>
      {isAsking && <Ask onClose={() => setAsking(false)} />}
    </section>
  );
}

function Ask({ onClose }: { onClose: () => void }) {
  const { usage, username, hasPassword } = useSession().me;
  const form = useForm(async (values) => deleteAccount(String(values.get('password') ?? '')));
  return (
    <Dialog title={w.deleteAccount.question(username)} onClose={onClose}>
      <form onSubmit={(event) => void form.onSubmit(event)}>
        <p>{w.deleteAccount.goes}</p>
        <ul className="goes">
          <li>{w.deleteAccount.files(usage?.files ?? 0, size(usage?.usedBytes ?? 0))}</li>
          {w.deleteAccount.others.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
        <p>{w.deleteAccount.noWayBack}</p>
        {hasPassword ? <Password username={username} complaint={form.complaint('password')} /> : <SignInAgain />}
        <Complaint text={form.other('password')} />
        <FormFoot act={w.deleteAccount.act} isBusy={form.isBusy} onClose={onClose} isDangerous />
      </form>
    </Dialog>
  );
}

function Password({ username, complaint }: { username: string; complaint: string | undefined }) {
  return (
    <>
      {/* For password managers. */}
      <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
      <Field
        label={w.signIn.password}
        name="password"
        type="password"
        autoComplete="current-password"
        required
        data-focus
        complaint={complaint}
      />
    </>
  );
}

/** An account without a password is deleted only after the provider has made its owner sign in again. */
function SignInAgain() {
  return (
    <p>
      {w.deleteAccount.noPassword} <a href={providerAddressAnew('/app/settings')}>{w.deleteAccount.signInAgain}</a>
    </p>
  );
}
