// Where I am signed in, and a way to end that.

import { useEffect } from 'react';
import { onChange } from '../api/changes';
import { useAsked } from '../api/client';
import { Icon } from '../ui/icons';
import { Failed, Loading, Time } from '../ui/parts';
import { attempt, toast } from '../ui/toasts';
import { w } from '../words';
import { browserName } from './browser-name';
import { revokeSessions, SESSIONS, type SignIn } from './documents';

export function Sessions() {
  const { data, refusal, again } = useAsked(SESSIONS, {}, ['SignIn']);
  useEffect(() => onChange((change) => void (change.kind === 'account' && again())));
  const others = data?.sessions.filter(({ isCurrent }) => !isCurrent) ?? [];
  const end = (sessions: SignIn[]) =>
    attempt(async () => {
      await revokeSessions(sessions.map(({ id }) => id));
      toast(w.sessions.ended(sessions.length));
    });
  return (
    <section className="card" aria-labelledby="settings-sessions">
      <h2 id="settings-sessions">{w.sessions.title}</h2>
      <p className="hint">{w.sessions.hint}</p>
      {refusal && !data ? (
        <Failed refusal={refusal} again={again} />
      ) : !data ? (
        <Loading rows={1} />
      ) : (
        <ul className="members">
          {data.sessions.map((session) => (
            <Session key={session.id} session={session} onEnd={() => void end([session])} />
          ))}
        </ul>
      )}
      {others.length > 1 && (
        <button type="button" className="button" onClick={() => void end(others)}>
          {w.sessions.endOthers}
        </button>
      )}
    </section>
  );
}

function Session({ session, onEnd }: { session: SignIn; onEnd: () => void }) {
  const name = browserName(session.userAgent);
  return (
    <li>
      <Icon name="screen" />
      <span className="token-name">
        <bdi title={session.userAgent ?? undefined}>{name}</bdi>
        <span className="card-note">
          {session.address && <>{session.address} · </>}
          {w.sessions.since} <Time at={session.createdAt} /> · {w.sessions.used} <Time at={session.lastUsedAt} />
        </span>
      </span>
      {session.isCurrent ? (
        <span className="card-note">{w.sessions.here}</span>
      ) : (
        <button type="button" className="button button-small button-danger" aria-label={w.sessions.endName(name)} onClick={onEnd}>
          {w.sessions.end}
        </button>
      )}
    </li>
  );
}
