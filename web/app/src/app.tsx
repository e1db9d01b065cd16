// The frame around all views: who is signed in, where one can go, the upload tray and the messages.

import { lazy, Suspense, useEffect, useMemo, useRef, type ReactNode } from 'react';
import { isLeaving, signOut, SessionContext, SESSION, useSession, type Session } from './account/session';
import { Brand, SignIn } from './account/sign-in';
import { ActivityView } from './activity/activity-view';
import { follow } from './activity/feed';
import { onChange, type Change } from './api/changes';
import { SettingsView } from './account/settings-view';
import { useAsked } from './api/client';
import { DropsView } from './drops/drops-view';
import { FilesView } from './files/files-view';
import { SharedView } from './files/shared-view';
import { TrashView } from './files/trash-view';
import { GroupsView } from './groups/groups-view';
import { DropZone } from './uploads/drop-zone';
import { Tray } from './uploads/tray';
import { go, linkTo, usePlace, VIEWS, type View } from './router';
import { size } from './ui/format';
import { Icon } from './ui/icons';
import { Empty, Failed, Loading } from './ui/parts';
import { attempt, Toasts } from './ui/toasts';
import { w } from './words';

/** Loaded when it is first opened. */
const FilePanel = lazy(() => import('./sharing/file-panel'));

const SHOWN: Record<View, () => ReactNode> = {
  files: () => <FilesView />,
  shared: () => <SharedView />,
  trash: () => <TrashView />,
  groups: () => <GroupsView />,
  drops: () => <DropsView />,
  activity: () => <ActivityView />,
  settings: () => <SettingsView />,
};

/** What changes who is signed in, or how much they use. */
const OF_THE_SESSION = new Set<Change['kind']>(['signed', 'account', 'added', 'trashed', 'restored', 'purged']);

export function App() {
  const { data, refusal, again } = useAsked(SESSION, {}, ['User']);
  const renew = useRef(again);
  renew.current = again;
  useEffect(() => {
    return onChange((change) => {
      if (OF_THE_SESSION.has(change.kind)) renew.current();
    });
  }, []);
  const session = useMemo<Session | null>(
    () => (data?.me ? { me: data.me, limits: data.limits, renew: () => renew.current() } : null),
    [data],
  );
  if (!data || (!session && isLeaving())) {
    return <main className="starting">{refusal ? <Failed refusal={refusal} again={again} /> : <Loading rows={3} />}</main>;
  }
  if (!session) return <SignIn limits={data.limits} />;
  return (
    <SessionContext value={session}>
      <Frame />
    </SessionContext>
  );
}

function Frame() {
  const { view, file } = usePlace();
  const { me, limits } = useSession();
  const main = useRef<HTMLElement>(null);
  useEffect(() => follow(), [me.id]);
  const title = view ? w.views[view] : w.noView.title;
  useEffect(() => {
    document.title = `${title} – Cloakroom`;
    // On narrow windows the views are a row that scrolls. `scrollIntoView` would also move where Tab goes on from.
    const link = document.querySelector<HTMLElement>('.side-link[aria-current]');
    const row = link?.closest('nav');
    row?.scrollTo({ left: (link?.offsetLeft ?? 0) - row.clientWidth / 3 });
  }, [title]);
  return (
    <div className="frame">
      <a className="skip" href="#main" onClick={() => main.current?.focus()}>
        {w.skip}
      </a>
      <header className="side">
        <Brand />
        <nav aria-label={w.navigation}>
          <ul>
            {VIEWS.filter((name) => name !== 'drops' || limits.dropsOn).map((name) => (
              <li key={name}>
                <a {...linkTo({ view: name })} className="side-link" aria-current={name === view ? 'page' : undefined}>
                  <Icon name={name} />
                  {w.views[name]}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div className="side-foot">
          <UsageMeter />
          <div className="side-me">
            <span className="side-name" title={me.username}>
              <Icon name="person" />
              {me.username}
            </span>
            <button type="button" className="button-icon" aria-label={w.signOut} title={w.signOut} onClick={() => void attempt(signOut)}>
              <Icon name="signOut" />
            </button>
          </div>
        </div>
      </header>
      <main id="main" className="main" ref={main} tabIndex={-1}>
        {view ? SHOWN[view]() : <Empty icon="warning" title={w.noView.title} />}
      </main>
      {file && view && (
        <Suspense fallback={null}>
          <FilePanel key={file} id={file} onClose={() => go({ view })} />
        </Suspense>
      )}
      <DropZone />
      <Tray />
      <Toasts />
    </div>
  );
}

function UsageMeter() {
  const { usage } = useSession().me;
  if (!usage) return null;
  const { usedBytes, quotaBytes } = usage;
  const text = quotaBytes === null ? w.usage.used(size(usedBytes)) : w.usage.usedOf(size(usedBytes), size(quotaBytes));
  return (
    <div className="usage">
      {quotaBytes !== null && <meter value={usedBytes} max={quotaBytes} high={quotaBytes * 0.9} aria-label={text} />}
      <span>{text}</span>
    </div>
  );
}
