// Shares a file with one more: a person, a group, everyone signed in, or whoever has a link.

import { useState } from 'react';
import { useSession } from '../account/session';
import { useAsked } from '../api/client';
import { linkTo } from '../router';
import { Icon } from '../ui/icons';
import { Complaint, Field, useForm, UsernameField } from '../ui/parts';
import { toast } from '../ui/toasts';
import { w } from '../words';
import { MY_GROUPS, shareByLink, shareWithEveryone, shareWithGroup, shareWithUser } from './documents';
import { EndField, endOf } from './end-field';

const KINDS = { user: 'person', group: 'groups', everyone: 'everyone', link: 'link' } as const;
type Kind = keyof typeof KINDS;

interface Props {
  file: string;
}

export function AddShare({ file }: Props) {
  const { limits } = useSession();
  const [kind, setKind] = useState<Kind>('user');
  const kinds = (Object.keys(KINDS) as Kind[]).filter((name) => name !== 'link' || limits.linksOn);
  const Shown = { user: WithUser, group: WithGroup, everyone: WithEveryone, link: ByLink }[kind];
  return (
    <div className="add-share">
      <fieldset className="kinds">
        <legend className="hidden">{w.sharing.with}</legend>
        {kinds.map((name) => (
          <label key={name} className="kind">
            <input type="radio" name="kind" value={name} checked={name === kind} onChange={() => setKind(name)} />
            <Icon name={KINDS[name]} />
            {w.sharing.kinds[name]}
          </label>
        ))}
      </fieldset>
      <Shown file={file} />
    </div>
  );
}

function WithUser({ file }: Props) {
  const { me } = useSession();
  const form = useForm(async (values) => {
    const username = String(values.get('username')).trim();
    await shareWithUser(file, username, endOf(values));
    toast(w.sharing.done(username));
  });
  return (
    <form onSubmit={(event) => void form.onSubmit(event)}>
      <div className="fields">
        <UsernameField label={w.sharing.username} placeholder={me.username === 'bob' ? 'alice' : 'bob'} complaint={form.complaint('username')} />
        <EndField />
      </div>
      <Complaint text={form.other('username')} />
      <Send isBusy={form.isBusy} text={w.sharing.act} />
    </form>
  );
}

function WithGroup({ file }: Props) {
  const { data } = useAsked(MY_GROUPS, {}, ['Group']);
  const form = useForm(async (values) => {
    const group = String(values.get('group'));
    await shareWithGroup(file, group, endOf(values));
    toast(w.sharing.done(data?.groups.nodes.find(({ id }) => id === group)?.name ?? ''));
  });
  if (data?.groups.nodes.length === 0) {
    return (
      <p className="hint">
        {w.sharing.noGroups} <a {...linkTo({ view: 'groups' })}>{w.sharing.makeGroup}</a>
      </p>
    );
  }
  return (
    <form onSubmit={(event) => void form.onSubmit(event)}>
      <div className="fields">
        <div className="field">
          <label htmlFor="group">{w.sharing.group}</label>
          <select id="group" name="group" required>
            {data?.groups.nodes.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </div>
        <EndField />
      </div>
      <Complaint text={form.other()} />
      <Send isBusy={form.isBusy} text={w.sharing.act} />
    </form>
  );
}

function WithEveryone({ file }: Props) {
  const form = useForm(async (values) => {
    await shareWithEveryone(file, endOf(values));
    toast(w.sharing.done(w.seenBy.everyone));
  });
  return (
    <form onSubmit={(event) => void form.onSubmit(event)}>
      <p className="hint">{w.sharing.everyoneHint}</p>
      <EndField />
      <Complaint text={form.other()} />
      <Send isBusy={form.isBusy} text={w.sharing.act} />
    </form>
  );
}

function ByLink({ file }: Props) {
  const { limits } = useSession();
  const form = useForm(async (values) => {
    const password = String(values.get('password'));
    const maxDownloads = String(values.get('maxDownloads'));
    await shareByLink(file, {
      password: password === '' ? null : password,
      maxDownloads: maxDownloads === '' ? null : Number(maxDownloads),
      expiresAt: endOf(values),
    });
    toast(w.sharing.linkMade);
  });
  return (
    <form onSubmit={(event) => void form.onSubmit(event)}>
      <p className="hint">{w.sharing.linkHint}</p>
      <div className="fields">
        <Field
          label={limits.linkPasswordRequired ? w.sharing.password : w.sharing.passwordOptional}
          name="password"
          type="text"
          autoComplete="off"
          spellCheck={false}
          required={limits.linkPasswordRequired}
          complaint={form.complaint('password')}
        />
        <Field
          label={w.sharing.maxDownloads}
          name="maxDownloads"
          type="number"
          min={1}
          inputMode="numeric"
          placeholder={w.sharing.anyNumber}
          complaint={form.complaint('maxDownloads')}
        />
        <EndField maxSeconds={limits.linkMaxTtlSeconds} />
      </div>
      <Complaint text={form.other('password', 'maxDownloads')} />
      <Send isBusy={form.isBusy} text={w.sharing.makeLink} />
    </form>
  );
}

function Send({ isBusy, text }: { isBusy: boolean; text: string }) {
  return (
    <button className="button button-main" disabled={isBusy}>
      {text}
    </button>
  );
}
