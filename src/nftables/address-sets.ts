import type { Family } from '../ip/address.ts';
import type { Interval } from '../ip/interval.ts';
import type { NftSet } from './model.ts';
import { element, range } from './statements.ts';

/**
 * Sets of addresses that many programs share, such as `internet`: the same addresses are one set in the kernel,
 * whoever asks for them.
 */
export class AddressSets {
  readonly #names = new Map<string, string>();
  readonly #sets: NftSet[] = [];

  /** The name of the set with exactly these addresses. */
  nameOf(family: Family, addresses: readonly Interval[]): string {
    const content = `${family}:${addresses.map(({ low, high }) => `${low}-${high}`).join(',')}`;
    const known = this.#names.get(content);
    if (known !== undefined) return known;
    const name = `addresses${family}/${this.#sets.length + 1}`;
    this.#names.set(content, name);
    this.#sets.push({
      name,
      key: [family === 4 ? 'ipv4_addr' : 'ipv6_addr'],
      interval: true,
      data: 'none',
      elements: addresses.map(({ low, high }) => element([range(low, high)])),
    });
    return name;
  }

  all(): readonly NftSet[] {
    return this.#sets;
  }
}
