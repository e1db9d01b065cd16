// What a person sees who is not signed in.

import { useState } from 'react';
import { Complaint, Field, useForm } from '../ui/parts';
import { w } from '../words';
import { providerAddress, signIn, signUp, type Limits } from './session';

export function SignIn({ limits }: { limits: Limits }) {
  const [isNew, setNew] = useState(false);
  const form = useForm(async (values) => {
    const act = isNew ? signUp : signIn;
    await act(String(values.get('username')), String(values.get('password')));
  });
  const words = isNew ? w.signUp : w.signIn;
  return (
    <main className="sign-in">
      <Brand />
      <h1>{words.title}</h1>
      <p className="sign-in-lead">{limits.passwordSignInOn ? words.lead : w.signIn.leadWithoutPasswords}</p>
      {limits.passwordSignInOn && (
        <form className="card" onSubmit={(event) => void form.onSubmit(event)} method="post">
          <Field
            label={w.signIn.username}
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            maxLength={64}
            hint={isNew ? w.signUp.usernameHint : undefined}
            complaint={form.complaint('username')}
            autoFocus
          />
          <Field
            label={w.signIn.password}
            name="password"
            type="password"
            autoComplete={isNew ? 'new-password' : 'current-password'}
            required
            minLength={isNew ? 8 : undefined}
            hint={isNew ? w.signUp.passwordHint : undefined}
            complaint={form.complaint('password')}
          />
          <Complaint text={form.other('username', 'password')} />
          <button className="button button-main" disabled={form.isBusy}>
            {words.act}
          </button>
        </form>
      )}
      {limits.oidcName !== null && (
        <a
          className={limits.passwordSignInOn ? 'button sign-in-by' : 'button button-main sign-in-by'}
          href={providerAddress(location.pathname + location.search)}
        >
          {w.signIn.by(limits.oidcName)}
        </a>
      )}
      {limits.signUpOpen && (
        <p className="sign-in-other">
          {words.other}{' '}
          <button type="button" className="button-link" onClick={() => setNew(!isNew)}>
            {words.otherAct}
          </button>
        </p>
      )}
    </main>
  );
}

export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="7" />
        <path d="M16 12.500V11a2.600 2.600 0 1 1 2.200-4M16 12.500 6.600 19.400c-1.200.9-.6 2.800.9 2.800h17c1.500 0 2.100-1.900.9-2.800z" />
      </svg>
      Cloakroom
    </span>
  );
}
