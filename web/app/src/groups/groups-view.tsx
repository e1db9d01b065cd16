// Groups that I own or belong to, and their members.

import { useCallback, useEffect, useState } from 'react';
import { useSession } from '../account/session';
import { onChange } from '../api/changes';
import { ask } from '../api/client';
import { usePages, type PageList } from '../api/pages';
import { CardListView } from '../ui/card-list';
import { Confirm, Dialog, FormFoot } from '../ui/dialog';
import { Icon } from '../ui/icons';
import { Menu } from '../ui/menu';
import { Complaint, Failed, Field, Loading, useForm, UsernameField } from '../ui/parts';
import { attempt, toast } from '../ui/toasts';
import { w } from '../words';
import {
  addMember,
  createGroup,
  deleteGroup,
  GROUPS,
  leaveGroup,
  MEMBERS,
  removeMember,
  renameGroup,
  type Group,
} from './documents';

const load = async (after: string | null) => (await ask(GROUPS, { after })).groups;

export function GroupsView() {
  const pages = usePages<Group>(load);
  const [, list] = pages;
  useRenewed(list);
  return (
    <CardListView
      title={w.views.groups}
      make={w.groups.make}
      empty={{ icon: 'groups', title: w.groups.empty, hint: w.groups.emptyHint }}
      pages={pages}
      card={(group) => <GroupCard key={group.id} group={group} list={list} />}
      maker={(close) => (
        <NameDialog
          title={w.groups.make}
          act={w.groups.makeAct}
          onClose={close}
          save={async (name) => {
            await createGroup(name);
            await list.renew();
          }}
        />
      )}
    />
  );
}

/** Others add members, take them out, and rename or delete groups. */
function useRenewed<Item extends { id: string }>(list: PageList<Item>): void {
  useEffect(() => onChange((change) => void (change.kind === 'groups' && list.renew())), [list]);
}

function NameDialog(props: {
  title: string;
  act: string;
  name?: string;
  save: (name: string) => Promise<void>;
  onClose: () => void;
}) {
  const form = useForm(async (values) => {
    await props.save(String(values.get('name')));
    props.onClose();
  });
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form onSubmit={(event) => void form.onSubmit(event)}>
        <Field
          label={w.groups.name}
          name="name"
          defaultValue={props.name}
          required
          maxLength={100}
          autoComplete="off"
          data-focus
          complaint={form.complaint('name')}
        />
        <Complaint text={form.other('name')} />
        <FormFoot act={props.act} isBusy={form.isBusy} onClose={props.onClose} />
      </form>
    </Dialog>
  );
}

function GroupCard({ group, list }: { group: Group; list: PageList<Group> }) {
  const { me } = useSession();
  const isMine = group.owner.id === me.id;
  const [open, setOpen] = useState<'rename' | 'delete' | 'leave' | null>(null);
  const [isUnfolded, setUnfolded] = useState(false);
  const end = (act: (id: string) => Promise<unknown>) => () =>
    void attempt(async () => {
      await act(group.id);
      list.take([group.id]);
    });
  const close = () => setOpen(null);
  return (
    <li className="card">
      <div className="card-head">
        <h2>
          <button type="button" className="card-title" aria-expanded={isUnfolded} onClick={() => setUnfolded(!isUnfolded)}>
            <Icon name="groups" />
            <bdi>{group.name}</bdi>
          </button>
        </h2>
        <span className="card-note">{isMine ? w.groups.mine : w.groups.of(group.owner.username)}</span>
        {isMine ? (
          <Menu
            label={w.groups.actions(group.name)}
            items={[
              { label: w.groups.rename, icon: 'rename', act: () => setOpen('rename') },
              { label: w.groups.delete, icon: 'trash', act: () => setOpen('delete'), isDangerous: true },
            ]}
          />
        ) : (
          <button type="button" className="button button-small" aria-label={w.groups.leaveName(group.name)} onClick={() => setOpen('leave')}>
            {w.groups.leave}
          </button>
        )}
      </div>
      {isUnfolded && <Members group={group} isMine={isMine} />}
      {open === 'rename' && (
        <NameDialog
          title={w.groups.rename}
          act={w.save}
          name={group.name}
          onClose={close}
          save={async (name) => {
            await renameGroup(group.id, name);
            list.put({ ...group, name });
          }}
        />
      )}
      {open === 'delete' && (
        <Confirm
          title={w.groups.deleteTitle(group.name)}
          text={w.groups.deleteText}
          act={w.groups.delete}
          onAct={end(deleteGroup)}
          onClose={close}
        />
      )}
      {open === 'leave' && (
        <Confirm
          title={w.groups.leaveTitle(group.name)}
          text={w.groups.leaveText}
          act={w.groups.leave}
          onAct={end(leaveGroup)}
          onClose={close}
        />
      )}
    </li>
  );
}

function Members({ group, isMine }: { group: Group; isMine: boolean }) {
  const load = useCallback(
    async (after: string | null) => (await ask(MEMBERS, { group: group.id, after })).group.members,
    [group.id],
  );
  const [{ items, isLoaded, hasMore, refusal }, list] = usePages(load);
  useRenewed(list);
  const form = useForm(async (values) => {
    await addMember(group.id, String(values.get('username')).trim());
    await list.renew();
  });
  const take = (member: { id: string; username: string }) =>
    attempt(async () => {
      await removeMember(group.id, member.username);
      list.take([member.id]);
      toast(w.groups.removed(member.username), () =>
        void attempt(async () => {
          await addMember(group.id, member.username);
          await list.renew();
        }),
      );
    });
  if (refusal && !isLoaded) return <Failed refusal={refusal} again={() => void list.more()} />;
  if (!isLoaded) return <Loading rows={2} />;
  return (
    <>
      <ul className="members" aria-label={w.groups.members}>
        {items.map((member) => (
          <li key={member.id}>
            <Icon name="person" />
            <bdi>{member.username}</bdi>
            {member.id === group.owner.id ? (
              <span className="card-note">{w.groups.owner}</span>
            ) : (
              isMine && (
                <button
                  type="button"
                  className="button button-small"
                  aria-label={w.groups.removeName(member.username)}
                  onClick={() => void take(member)}
                >
                  {w.groups.remove}
                </button>
              )
            )}
          </li>
        ))}
      </ul>
      {hasMore && (
        <button type="button" className="button button-small" onClick={() => void list.more()}>
          {w.more}
        </button>
      )}
      {isMine && (
        <form className="explain" onSubmit={(event) => void form.onSubmit(event)}>
          <UsernameField label={w.groups.add} complaint={form.complaint('username')} />
          <button className="button" disabled={form.isBusy}>
            {w.groups.addAct}
          </button>
        </form>
      )}
      <Complaint text={form.other('username')} />
    </>
  );
}
