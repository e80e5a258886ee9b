import { CliError } from './error.ts';

const units = { s: 1_000, m: 60_000, h: 3_600_000 } as const;
const bounds = { least: 10_000, most: 3_600_000 } as const;

/**
 * The time limit of `--confirm`: `60s`, `5m`, `1h`, in milliseconds.
 *
 * @throws CliError (usage) for anything else, and for less than 10 s or more than 1 h
 */
export function parseConfirm(text: string): number {
  const [, number, unit] = /^([1-9][0-9]{0,4})([smh])$/.exec(text) ?? [];
  const time = number === undefined ? null : Number(number) * units[unit as keyof typeof units];
  if (time === null || time < bounds.least || time > bounds.most)
    throw new CliError('usage', `--confirm takes from 10s to 1h, not "${text}"`, 'write 60s, 5m or 1h');
  return time;
}

/** `in 59 s`, `in 5 min`; of what is over, `now`. */
export function inText(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1_000);
  if (seconds <= 0) return 'now';
  return seconds < 120 ? `in ${seconds} s` : `in ${Math.round(seconds / 60)} min`;
}

const spans = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** How long, in its largest unit: `11 days`, `1 hour`, `0 seconds`. */
export function spanText(milliseconds: number): string {
  const [name, length] = spans.find(([, one]) => milliseconds >= one) ?? spans[3];
  const count = Math.max(Math.floor(milliseconds / length), 0);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
