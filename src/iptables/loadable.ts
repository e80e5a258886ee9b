import type { XState } from './model.ts';
import { type Variant, variants } from './tools.ts';

/** A state as text that can be kept, and loaded whatever stands: its restore commands need to know what does. */

const head = /^# sluice iptables-(\w+)\n/;

export function encodeLoadable(state: XState, variant: Variant): string {
  const body = JSON.stringify(state, (_, value: unknown) => (typeof value === 'bigint' ? { n: `${value}` } : value));
  return `# sluice iptables-${variant}\n${body}\n`;
}

/** Which variant a text is for; null when it is one for nft. */
export function variantOfText(text: string): Variant | null {
  const name = head.exec(text)?.[1];
  return variants.find((variant) => variant === name) ?? null;
}

/** What {@link encodeLoadable} was given. The text is our own, with a checksum, and only root can write where it lies. */
export function decodeLoadable(text: string): XState {
  return JSON.parse(text.replace(head, ''), (_, value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    'n' in value &&
    typeof value.n === 'string' &&
    Object.keys(value).length === 1
      ? BigInt(value.n)
      : value,
  ) as XState;
}
