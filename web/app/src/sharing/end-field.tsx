// When something ends by itself: after a usual while, at a time that is chosen, or never.

import { useId, useState } from 'react';
import { localMinute } from '../ui/format';
import { w } from '../words';

const DAY = 86_400;
const WHILES = { hour: 3_600, day: DAY, week: 7 * DAY, month: 30 * DAY } as const;
type While = keyof typeof WHILES;

/** Fields `end` and `end-at` of the form around it. `maxSeconds`: the server allows no later end. */
export function EndField({ maxSeconds = null, initial = null }: { maxSeconds?: number | null; initial?: string | null }) {
  const id = useId();
  const [chosen, setChosen] = useState(initial ? 'at' : 'none');
  const whiles = (Object.keys(WHILES) as While[]).filter((name) => maxSeconds === null || WHILES[name] <= maxSeconds);
  const latest = maxSeconds === null ? undefined : localMinute(new Date(Date.now() + maxSeconds * 1000));
  return (
    <div className="field">
      <label htmlFor={id}>{w.end.label}</label>
      <select id={id} name="end" value={chosen} onChange={(event) => setChosen(event.target.value)}>
        <option value="none">{maxSeconds === null ? w.end.never : w.end.latest(Math.round(maxSeconds / DAY))}</option>
        {whiles.map((name) => (
          <option key={name} value={name}>
            {w.end.after[name]}
          </option>
        ))}
        <option value="at">{w.end.at}</option>
      </select>
      {chosen === 'at' && (
        <input
          type="datetime-local"
          name="end-at"
          aria-label={w.end.time}
          min={localMinute(new Date())}
          max={latest}
          defaultValue={localMinute(initial ? new Date(initial) : new Date(Date.now() + WHILES.week * 1000))}
          required
        />
      )}
    </div>
  );
}

/** What the field says: a time, or null for never. */
export function endOf(values: FormData): string | null {
  const chosen = String(values.get('end') ?? 'none');
  if (chosen === 'at') return new Date(String(values.get('end-at'))).toISOString();
  if (!(chosen in WHILES)) return null;
  return new Date(Date.now() + WHILES[chosen as While] * 1000).toISOString();
}
