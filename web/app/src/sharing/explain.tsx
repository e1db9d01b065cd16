// Why somebody can see a file, or cannot: what the server's own check says.

import { useState } from 'react';
import { Icon } from '../ui/icons';
import { Complaint, Time, useForm, UsernameField } from '../ui/parts';
import { w } from '../words';
import { explain, type Explanation } from './documents';
import { nameOf } from './share-row';

export function Explain({ file }: { file: string }) {
  const [told, setTold] = useState<{ username: string; explanation: Explanation } | null>(null);
  const form = useForm(async (values) => {
    const username = String(values.get('username')).trim();
    setTold(null);
    setTold({ username, explanation: await explain(file, username) });
  }, true);
  return (
    <>
      <form className="explain" onSubmit={(event) => void form.onSubmit(event)}>
        <UsernameField label={w.explain.label} complaint={form.complaint('username')} />
        <button className="button" disabled={form.isBusy}>
          {w.explain.act}
        </button>
      </form>
      <Complaint text={form.other('username')} />
      <div role="status">{told && <Told {...told} />}</div>
    </>
  );
}

function Told({ username, explanation }: { username: string; explanation: Explanation }) {
  const { allowed, owns, grants, obstacles } = explanation;
  return (
    <div className={allowed ? 'told told-yes' : 'told told-no'}>
      <p>
        <Icon name={allowed ? 'check' : 'lock'} />
        {allowed ? w.explain.yes(username) : w.explain.no(username)}
      </p>
      <ul>
        {owns && <li>{w.explain.owns}</li>}
        {grants.map((grant) => (
          <li key={grant.id}>
            {w.explain.grants[grant.audience](nameOf({ ...grant, user: null }))}
            {grant.expiresAt && (
              <>
                {' '}
                ({w.sharing.ends} <Time at={grant.expiresAt} />)
              </>
            )}
          </li>
        ))}
        {obstacles.map((obstacle) => (
          <li key={obstacle}>{w.explain.obstacles[obstacle]}</li>
        ))}
      </ul>
    </div>
  );
}
