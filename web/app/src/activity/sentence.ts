// Events in words.

import { w, type Who } from '../words';
import type { FeedEvent } from './documents';

/** A longer name loses its middle, so that the sentence around it can be read. */
const LONGEST = 60;

/** Names in any script stand in a sentence without turning it around (Unicode's isolates). */
function apart(name: string): string {
  const signs = [...name];
  const short = signs.length > LONGEST ? [...signs.slice(0, LONGEST - 20), '…', ...signs.slice(-15)] : signs;
  return `\u2068${short.join('')}\u2069`;
}

/** Who did it: a person, somebody by a link or a drop, or the server itself. */
function who({ user, share, drop }: FeedEvent, me: string): Who {
  if (user) return user.id === me ? { name: w.activity.you, isMe: true } : { name: apart(user.username), isMe: false };
  if (drop) return { name: w.activity.byDrop(apart(drop.name)), isMe: false };
  return { name: share?.audience === 'LINK' ? w.history.byLink : w.history.nobody, isMe: false };
}

/** `user:alice` and `group:Friends`, taken apart. */
function named(detail: string): { kind: string; name: string } {
  const [, kind = '', name = detail] = /^(user|group):(.*)$/s.exec(detail) ?? [];
  return { kind, name };
}

/** Whom a share reaches, after “shared it”. */
function withWhom(detail: string, username: string): string {
  if (detail === 'AUTHENTICATED') return w.activity.with.everyone;
  if (detail === 'LINK') return w.activity.with.link;
  const { kind, name } = named(detail);
  if (kind === 'group') return w.activity.with.group(apart(name));
  return name === username ? w.activity.with.you : w.activity.with.person(apart(name));
}

/** What happened, told to `me`. */
export function sentence(event: FeedEvent, me: { id: string; username: string }): string {
  const { kind, count, file, group, drop, user } = event;
  const detail = event.detail ?? '';
  const isOfShare = kind === 'SHARED' || kind === 'SHARE_REVOKED';
  const isOfMember = kind === 'GROUP_MEMBER_ADDED' || kind === 'GROUP_MEMBER_REMOVED';
  const { name } = named(detail);
  const whom = isOfMember && name === me.username ? w.activity.youToo : apart(name);
  const hasLeft = kind === 'GROUP_MEMBER_REMOVED' && name === user?.username;
  const text = (hasLeft ? w.activity.left : w.activity.kinds[kind])({
    who: who(event, me.id),
    file: file ? apart(file.name) : w.activity.aFile,
    group: group ? apart(group.name) : w.activity.aGroup,
    drop: drop ? apart(drop.name) : w.activity.aDrop,
    detail: isOfShare ? withWhom(detail, me.username) : whom,
  });
  return count > 1 ? `${text} (${count}×)` : text;
}
