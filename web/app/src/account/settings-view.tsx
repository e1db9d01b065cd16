// My account: what I use, password, where I am signed in, API tokens, how the page looks, and the end of it all.

import { useEffect, useState } from 'react';
import { onChange, tell } from '../api/changes';
import { useAsked } from '../api/client';
import { EndField, endOf } from '../sharing/end-field';
import { Confirm } from '../ui/dialog';
import { size } from '../ui/format';
import { Icon } from '../ui/icons';
import { Complaint, Copy, Failed, Field, Loading, Time, useForm } from '../ui/parts';
import { attempt, toast } from '../ui/toasts';
import { chooseLanguage, language, LANGUAGES, w, type Language } from '../words';
import { changePassword, createToken, revokeToken, TOKENS, type ApiToken } from './documents';
import { DeleteAccount } from './delete-account';
import { useSession } from './session';
import { Sessions } from './sessions';
import { chooseTheme, theme, THEMES, type Theme } from './theme';

export function SettingsView() {
  const { me } = useSession();
  return (
    <section aria-labelledby="view-title" className="settings">
      <div className="view-head">
        <h1 id="view-title">{w.views.settings}</h1>
      </div>
      <Usage />
      <Look />
      {me.hasPassword && <Password />}
      <Sessions />
      <Tokens />
      <DeleteAccount />
    </section>
  );
}

function Usage() {
  const { usage, username, createdAt } = useSession().me;
  if (!usage) return null;
  return (
    <section className="card" aria-labelledby="settings-usage">
      <h2 id="settings-usage">{w.settings.account(username)}</h2>
      <dl className="facts">
        <div>
          <dt>{w.settings.since}</dt>
          <dd>
            <Time at={createdAt} />
          </dd>
        </div>
        <div>
          <dt>{w.settings.used}</dt>
          <dd>
            {usage.quotaBytes === null ? size(usage.usedBytes) : w.settings.usedOf(size(usage.usedBytes), size(usage.quotaBytes))}
          </dd>
        </div>
        <div>
          <dt>{w.settings.inTrash}</dt>
          <dd>{size(usage.trashedBytes)}</dd>
        </div>
        {usage.reservedBytes > 0 && (
          <div>
            <dt>{w.settings.reserved}</dt>
            <dd>{size(usage.reservedBytes)}</dd>
          </div>
        )}
        <div>
          <dt>{w.settings.files}</dt>
          <dd>{w.settings.filesOf(usage.files, usage.maxFiles)}</dd>
        </div>
      </dl>
    </section>
  );
}

function Look() {
  const [chosen, setChosen] = useState(theme());
  return (
    <section className="card" aria-labelledby="settings-look">
      <h2 id="settings-look">{w.settings.look}</h2>
      <div className="fields">
        <div className="field">
          <label htmlFor="theme">{w.settings.theme}</label>
          <select
            id="theme"
            value={chosen}
            onChange={(event) => {
              const name = event.target.value as Theme;
              setChosen(name);
              chooseTheme(name);
            }}
          >
            {THEMES.map((name) => (
              <option key={name} value={name}>
                {w.settings.themes[name]}
              </option>
            ))}
          </select>
        </div>
        <div className="field">
          <label htmlFor="language">{w.settings.language}</label>
          <select id="language" value={language} onChange={(event) => chooseLanguage(event.target.value as Language)}>
            {Object.entries(LANGUAGES).map(([code, name]) => (
              <option key={code} value={code} lang={code}>
                {name}
              </option>
            ))}
          </select>
        </div>
      </div>
    </section>
  );
}

function Password() {
  const { me } = useSession();
  const form = useForm(async (values) => {
    await changePassword(String(values.get('current')), String(values.get('new')));
    // The session is a new one, and the socket of the old one may have been closed before this answer came.
    tell({ kind: 'signed' });
    toast(w.settings.passwordChanged);
  });
  return (
    <section className="card" aria-labelledby="settings-password">
      <h2 id="settings-password">{w.settings.password}</h2>
      <p className="hint">{w.settings.passwordHint}</p>
      <form onSubmit={(event) => void form.onSubmit(event)}>
        {/* For password managers. */}
        <input type="text" name="username" autoComplete="username" value={me.username} readOnly hidden />
        <div className="fields">
          <Field
            label={w.settings.current}
            name="current"
            type="password"
            autoComplete="current-password"
            required
            complaint={form.complaint('current')}
          />
          <Field
            label={w.settings.new}
            hint={w.signUp.passwordHint}
            name="new"
            type="password"
            autoComplete="new-password"
            required
            minLength={8}
            complaint={form.complaint('new')}
          />
        </div>
        <Complaint text={form.other('current', 'new')} />
        <button className="button" disabled={form.isBusy}>
          {w.settings.passwordAct}
        </button>
      </form>
    </section>
  );
}

function Tokens() {
  const { data, refusal, again } = useAsked(TOKENS, {}, ['ApiToken']);
  useEffect(() => onChange((change) => void (change.kind === 'account' && again())));
  const [secret, setSecret] = useState<string | null>(null);
  const form = useForm(async (values) => {
    const scope = values.get('scope') === 'WRITE' ? 'WRITE' : 'READ';
    setSecret(await createToken(String(values.get('name')), scope, endOf(values)));
  });
  return (
    <section className="card" aria-labelledby="settings-tokens">
      <h2 id="settings-tokens">{w.tokens.title}</h2>
      <p className="hint">{w.tokens.hint}</p>
      {refusal && !data ? (
        <Failed refusal={refusal} again={again} />
      ) : !data ? (
        <Loading rows={2} />
      ) : (
        <ul className="members">
          {data.apiTokens.map((token) => (
            <Token key={token.id} token={token} />
          ))}
        </ul>
      )}
      {secret && (
        <div className="secret" role="status">
          <p>{w.tokens.once}</p>
          <div className="share-link">
            <input readOnly value={secret} aria-label={w.tokens.secret} onFocus={(event) => event.target.select()} />
            <Copy text={secret} label={w.copy} />
          </div>
        </div>
      )}
      <form onSubmit={(event) => void form.onSubmit(event)}>
        <div className="fields">
          <Field label={w.tokens.name} name="name" required maxLength={100} autoComplete="off" complaint={form.complaint('name')} />
          <div className="field">
            <label htmlFor="scope">{w.tokens.scope}</label>
            <select id="scope" name="scope">
              <option value="READ">{w.tokens.scopes.READ}</option>
              <option value="WRITE">{w.tokens.scopes.WRITE}</option>
            </select>
          </div>
          <EndField />
        </div>
        <Complaint text={form.other('name')} />
        <button className="button" disabled={form.isBusy}>
          {w.tokens.act}
        </button>
      </form>
    </section>
  );
}

function Token({ token }: { token: ApiToken }) {
  const [isRevoking, setRevoking] = useState(false);
  const scope = token.scopes.includes('WRITE') ? 'WRITE' : 'READ';
  return (
    <li>
      <Icon name="lock" />
      <span className="token-name">
        <bdi>{token.name}</bdi>
        <span className="card-note">
          {w.tokens.scopes[scope]} · <Time at={token.createdAt} />
          {token.expiresAt && (
            <>
              {' · '}
              {w.sharing.ends} <Time at={token.expiresAt} />
            </>
          )}
        </span>
      </span>
      <button
        type="button"
        className="button button-small button-danger"
        aria-label={w.tokens.revokeName(token.name)}
        onClick={() => setRevoking(true)}
      >
        {w.sharing.revoke}
      </button>
      {isRevoking && (
        <Confirm
          title={w.tokens.revokeTitle(token.name)}
          text={w.tokens.revokeText}
          act={w.sharing.revoke}
          onAct={() => void attempt(() => revokeToken(token.id))}
          onClose={() => setRevoking(false)}
        />
      )}
    </li>
  );
}
