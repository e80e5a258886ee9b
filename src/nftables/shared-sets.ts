import type { Family } from '../ip/address.ts';
import type { Interval } from '../ip/interval.ts';
import type { PortRange } from '../ip/protocol.ts';
import type { KeyType, NftSet } from './model.ts';
import { element, range } from './statements.ts';

export interface SharedSet {
  readonly content: string;
  readonly set: NftSet;
}

/**
 * The shared sets of several programs that were rendered apart, each once; null when two of them have given one name to
 * different contents: then they have to be rendered together.
 */
export function joinShared(lists: Iterable<readonly SharedSet[]>): readonly NftSet[] | null {
  const byName = new Map<string, SharedSet>();
  for (const list of lists)
    for (const shared of list) {
      const known = byName.get(shared.set.name);
      if (known === undefined) byName.set(shared.set.name, shared);
      else if (known.content !== shared.content) return null;
    }
  return [...byName.values()].map(({ set }) => set);
}

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

  /** Its sets with their content as text. */
  contents(): readonly SharedSet[] {
    return [...this.#names.keys()].map((content, at) => ({ content, set: this.#sets[at] as NftSet }));
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
