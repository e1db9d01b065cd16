// Sizes, times and spans as people read them.

import { language, w } from '../words';

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.5 MiB`: the largest unit that fits, as the server's own pages have it. */
export function size(bytes: number): string {
  if (bytes < 1024) return w.units.bytes(bytes);
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length);
  const tenths = Math.floor((bytes * 10) / 2 ** (10 * power)) / 10;
  return `${tenths.toLocaleString(language, { minimumFractionDigits: 1 })} ${UNITS[power - 1]}`;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['week', 7 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** `3 hours ago`, `in 2 days`. */
export function relative(time: string, now = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000;
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  const step = STEPS.find(([, length]) => Math.abs(seconds) >= length);
  return step ? format.format(Math.round(seconds / step[1]), step[0]) : w.units.now;
}

/** The day and the minute. */
export function absolute(time: string): string {
  return new Date(time).toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short' });
}

/** `2 min 5 s`. */
export function span(seconds: number): string {
  if (!Number.isFinite(seconds)) return '';
  const whole = Math.max(1, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** What `<input type="datetime-local">` takes. */
export function localMinute(time: Date): string {
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
