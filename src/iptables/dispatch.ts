import type { Chain, Verdict } from '../nftables/model.ts';
import { bits, nowhere } from './marks.ts';
import type { IpSetElement, Target, XChain, XRule } from './model.ts';
import type { Names } from './names.ts';

/** The number of a map's target where it stands: a chain's name, or `accept`. */
export type Numbers = (map: string, target: string) => number | undefined;

const noNumbers: Numbers = () => undefined;

/**
 * The numbers by which a map of senders says where their packets go: an element carries one as a mark, and a tree of
 * chains, four bits a step, leads from there to the program. So the way is as long for one sender as for a thousand,
 * and who comes or goes is an element. Programs for which there is no number left share one that leads nowhere: whoever is
 * judged by them is denied, and everybody else is held.
 */
export class Numbering {
  readonly #map: string;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #without = new Set<string>();

  /**
   * @param chains all chains that an element of the map may name, used or not
   * @param before what stands: who has a number there keeps it, so that elements that stay need not change
   */
  constructor(chains: readonly Chain[], map: string, before: Numbers = noNumbers) {
    this.#map = map;
    const targets = ['accept', ...chains.map(({ name }) => name).filter((name) => name.startsWith(`${map}/`))];
    const kept = new Set(targets.flatMap((target) => before(map, target) ?? []));
    let next = 1;
    const free = () => {
      while (kept.has(next)) next++;
      return next < nowhere ? next++ : undefined;
    };
    const numbers = new Map<string, number>();
    for (const target of targets) {
      const number = before(map, target) ?? free();
      if (number === undefined) this.#without.add(target);
      else numbers.set(target, number);
    }
    this.#numbers = numbers;
  }

  /** Whether these are the numbers that what stands has, each of them. */
  isOf(before: Numbers = noNumbers): boolean {
    return [...this.#numbers].every(([target, number]) => before(this.#map, target) === number);
  }

  /** What a chain's name, or `accept`, has; undefined as well where there was none left. */
  number(target: string): number | undefined {
    return this.#numbers.get(target);
  }

  /** null: the verdict has no number here. */
  mark(verdict: Verdict | undefined): IpSetElement['mark'] | null {
    const target = verdict === undefined ? '' : 'chain' in verdict ? verdict.chain : verdict.kind;
    const number = this.#without.has(target) ? nowhere : this.#numbers.get(target);
    return number === undefined ? null : { value: number << bits.numberShift, mask: bits.number };
  }

  /** The chains of the tree; the first is where to go with a number. */
  tree(map: string, names: Names, accept: Target): readonly XChain[] {
    const leaves = [...this.#numbers].map(([target, number]): Leaf => {
      const to: Target = target === 'accept' ? accept : { kind: 'goto', chain: names.chain(target) };
      return { number, to };
    });
    const most = Math.max(...leaves.map(({ number }) => number));
    const digits = most < 16 ? 1 : most < 256 ? 2 : 3;
    return branch(`to-${map}`, leaves, digits, names);
  }
}

interface Leaf {
  readonly number: number;
  readonly to: Target;
}

function branch(name: string, leaves: readonly Leaf[], digits: number, names: Names): readonly XChain[] {
  const shift = bits.numberShift + 4 * (digits - 1);
  const below: XChain[] = [];
  const rules: XRule[] = [];
  for (const [digit, some] of Map.groupBy(leaves, ({ number }) => (number >> (4 * (digits - 1))) & 15)) {
    const match = { kind: 'mark', value: digit << shift, mask: 15 << shift } as const;
    if (digits === 1) {
      rules.push({ matches: [match], target: (some[0] as Leaf).to });
      continue;
    }
    const child = `${name}.${digit.toString(16)}`;
    below.push(...branch(child, some, digits - 1, names));
    rules.push({ matches: [match], target: { kind: 'goto', chain: names.chain(child) } });
  }
  return [{ name: names.chain(name), rules: [...rules, { matches: [], target: { kind: 'drop' } }] }, ...below];
}
