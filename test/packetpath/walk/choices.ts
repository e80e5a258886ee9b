import type { Random } from '../../agreement/random.ts';
import { far, nodeNames, nodes, own, served } from './rig.ts';
import type { Family } from './words.ts';

/** Random choices among the rig's addresses and ports. */
export class Choices {
  readonly #random: Random;
  readonly #family: Family;

  constructor(random: Random, family: Family) {
    this.#random = random;
    this.#family = family;
  }

  between(low: number, high: number): number {
    return this.#random.between(low, high);
  }

  chance(share: number): boolean {
    return this.#random.next() < share;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random.next() * from.length)] as T;
  }

  key(): 'v4' | 'v6' {
    return this.#family === 4 ? 'v4' : 'v6';
  }

  places(): readonly string[] {
    const key = this.key();
    return [
      ...nodeNames.map((name) => nodes[name][key]),
      ...Object.values(own).map((each) => each[key]),
      ...far[key],
      ...far[key],
    ];
  }

  prefix(): string {
    const four = ['172.21.0.0/16', '172.22.0.0/16', '172.16.0.0/12', '10.0.0.0/8', '10.200.0.0/16', '192.168.0.0/16'];
    const six = ['fd00:21::/64', 'fd00:22::/64', 'fd00:10::/32', 'fd00:7::/64', 'fd00::/16'];
    return this.chance(0.5) ? this.pick(this.#family === 4 ? four : six) : this.pick(this.places());
  }

  ports(): readonly (readonly [number, number])[] {
    const range = (): readonly [number, number] => {
      const low = this.pick(served);
      if (this.chance(0.6)) return [low, low];
      return [low, this.pick(served.filter((port) => port >= low))];
    };
    const count = this.chance(0.6) ? 1 : this.between(2, 4);
    const ranges = Array.from({ length: count }, range).toSorted((a, b) => a[0] - b[0]);
    return ranges.filter(([low], index) => index === 0 || low > (ranges[index - 1]?.[1] ?? 0));
  }

  /** Where DNAT may lead: a container, or a host of the LAN. */
  target(): string {
    return this.pick(nodeNames.map((name) => nodes[name][this.key()]));
  }
}
