import type { Family } from '../ip/address.ts';
import type { Interval } from '../ip/interval.ts';
import type { PortRange } from '../ip/protocol.ts';
import type { KeyType, NftSet } from './model.ts';
import { element, range } from './statements.ts';

/**
 * Sets that many programs share, such as the addresses of `internet`: the same content is one set in the kernel, whoever
 * asks for it. Never an anonymous set per rule: the kernel's work for a transaction grows with their number squared
 * (docs/decisions/0003-packet-cost.md).
 */
export class SharedSets {
  readonly #names = new Map<string, string>();
  readonly #used = new Set<string>();
  readonly #sets: NftSet[] = [];

  /** The name of the set with exactly these addresses. */
  addresses(family: Family, addresses: readonly Interval[]): string {
    return this.#nameOf(`addresses${family}`, family === 4 ? 'ipv4_addr' : 'ipv6_addr', addresses);
  }

  /** The name of the set with exactly these ports; sorted ranges that do not overlap. */
  ports(ranges: readonly PortRange[]): string {
    return this.#nameOf(
      'ports',
      'inet_service',
      ranges.map(({ low, high }) => ({ low: BigInt(low), high: BigInt(high) })),
    );
  }

  all(): readonly NftSet[] {
    return this.#sets;
  }

  #nameOf(kind: string, key: KeyType, intervals: readonly Interval[]): string {
    const content = `${kind}:${intervals.map(({ low, high }) => `${low}-${high}`).join(',')}`;
    const known = this.#names.get(content);
    if (known !== undefined) return known;
    const name = this.#freeName(`${kind}/${digest(content)}`);
    this.#names.set(content, name);
    const elements = intervals.map(({ low, high }) => element([range(low, high)]));
    this.#sets.push({ name, key: [key], interval: true, data: 'none', elements });
    return name;
  }

  #freeName(name: string): string {
    const free = this.#used.has(name) ? this.#freeName(`${name}+`) : name;
    this.#used.add(free);
    return free;
  }
}

/**
 * A name for content, so that a name never changes its meaning from one apply to the next: for a moment the kernel
 * answers from a set's old content by the new rules. FNV-1a twice, 64 bits; what collides within a table gets another
 * name.
 */
function digest(content: string): string {
  let [low, high] = [0x811c9dc5, 0x01000193];
  for (let at = 0; at < content.length; at++) {
    const code = content.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ (code + at), 0x01000193);
  }
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
