// Who can see a file, at a glance.

import { Icon, type IconName } from '../ui/icons';
import { w } from '../words';
import type { OwnFile } from './documents';

type Shares = OwnFile['shares'];

/** A picture and a few words; all names where the pointer rests. */
export function seenBy({ nodes, pageInfo }: Shares): { icon: IconName; text: string; title: string } {
  const live = nodes.filter(({ expiresAt }) => expiresAt === null || Date.parse(expiresAt) > Date.now());
  const [first] = live;
  if (!first) return { icon: 'lock', text: w.seenBy.me, title: w.seenBy.me };
  const names = live.map((share) => {
    if (share.audience === 'USER') return share.user?.username ?? '';
    if (share.audience === 'GROUP') return share.group?.name ?? w.seenBy.aGroup;
    return share.audience === 'LINK' ? w.seenBy.link : w.seenBy.everyone;
  });
  const distinct = [...new Set(names)];
  const title = distinct.join(', ') + (pageInfo.hasNextPage ? ', …' : '');
  const widest = live.find(({ audience }) => audience === 'AUTHENTICATED') ?? live.find(({ audience }) => audience === 'LINK') ?? first;
  const icons = { USER: 'person', GROUP: 'groups', AUTHENTICATED: 'everyone', LINK: 'link' } as const;
  const icon = icons[widest.audience];
  const more = distinct.length - 1;
  const at = distinct.indexOf(names[live.indexOf(widest)] ?? '');
  const short = { AUTHENTICATED: w.seenBy.short.everyone, LINK: w.seenBy.short.link, USER: null, GROUP: null };
  const text = short[widest.audience] ?? distinct[at] ?? '';
  const count = pageInfo.hasNextPage ? `${more}+` : String(more);
  return { icon, text: more > 0 ? w.seenBy.andMore(text, count) : text, title };
}

export function SeenBy({ shares }: { shares: Shares }) {
  const { icon, text, title } = seenBy(shares);
  return (
    <span className={icon === 'lock' ? 'seen-by seen-by-me' : 'seen-by'} title={title}>
      <Icon name={icon} />
      <bdi>{text}</bdi>
    </span>
  );
}
