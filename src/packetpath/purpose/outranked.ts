import { calledByAll } from '../call.ts';
import type { Rule, TableFamily } from '../model.ts';
import { shapeOf } from './terms.ts';
import type { NetworkRef, Purpose } from './types.ts';

/** A network of which nothing that it sends elsewhere gets past a rule of a chain. */
export interface WayOut {
  /** null: every network, by an accept of everything. */
  readonly network: NetworkRef | null;
  /** The number of the rule that lets it out. */
  readonly by: number;
}

export interface Judged {
  readonly rule: Rule;
  readonly purpose: Purpose;
}

/**
 * Where networks are let out of a chain for good, in the order of its rules. Only what is certain: an accept of everything
 * that a network sends elsewhere, whoever made it, ends the walk through the table; and only rules of Docker's, which are
 * known to the last condition, may stand before it in a chain that was called (a return of anybody else's could lead round it).
 *
 * @param family of the table
 * @param rulesOf the rules of a chain of the table; undefined where the listing has no such chain
 * @returns what to ask for each chain of the table: a chain is looked into once, however often it is called
 */
export function waysOutIn(
  family: TableFamily,
  rulesOf: (chain: string) => readonly Judged[] | undefined,
): (rules: readonly Judged[]) => readonly WayOut[] {
  const letOut = new LetOut(family, rulesOf);
  return (rules) => {
    const found = new Map<string | null, WayOut>();
    for (const one of rules) {
      for (const network of letOut.by(one)) {
        const bridge = network?.bridge ?? null;
        if (!found.has(bridge)) found.set(bridge, { network, by: one.rule.place.number });
      }
      if (found.has(null)) break; // nothing comes past it
    }
    return [...found.values()].toSorted((a, b) => a.by - b.by);
  };
}

/**
 * Ways out that stand before a rule, so that it never sees what those networks send elsewhere: of the networks that it is
 * about where it names any. None of the engine's own rules, which stand in the order it means; its calls can be outranked.
 */
export function outranked({ rule, purpose }: Judged, ways: readonly WayOut[]): readonly WayOut[] {
  const engines = purpose.maker === 'docker' || purpose.maker === 'swarm';
  if (engines && purpose.sureness === 'exact' && purpose.outbound !== 'calls') return [];
  const own = new Set(purpose.networks.map(({ bridge }) => bridge));
  return ways.filter(
    ({ network, by }) => by < rule.place.number && (network === null || own.size === 0 || own.has(network.bridge)),
  );
}

/** null: every network. */
type LetOutBy = readonly (NetworkRef | null)[];

class LetOut {
  readonly #family: TableFamily;
  readonly #rulesOf: (chain: string) => readonly Judged[] | undefined;
  readonly #byChain = new Map<string, LetOutBy>();

  constructor(family: TableFamily, rulesOf: (chain: string) => readonly Judged[] | undefined) {
    this.#family = family;
    this.#rulesOf = rulesOf;
  }

  /** Networks of which nothing that they send elsewhere gets past a rule. */
  by({ rule, purpose }: Judged): LetOutBy {
    if (isWayOut(purpose)) return purpose.networks;
    const chain = calledByAll(rule);
    return chain === null ? acceptedBy(rule, purpose, this.#family) : this.#byCallOf(chain);
  }

  #byCallOf(chain: string): LetOutBy {
    const known = this.#byChain.get(chain);
    if (known !== undefined) return known;
    this.#byChain.set(chain, []); // who calls itself, which no kernel takes, lets nobody out by it
    const found = new Map<string | null, NetworkRef | null>();
    for (const inner of this.#rulesOf(chain) ?? []) {
      for (const network of this.by(inner)) found.set(network?.bridge ?? null, network);
      if (inner.purpose.sureness !== 'exact' || goesBack(inner.rule)) break;
    }
    const networks = [...found.values()];
    this.#byChain.set(chain, networks);
    return networks;
  }
}

/** One network, without other conditions: those of a mark or a port concern none or a part. */
function isWayOut({ sureness, outbound, networks, containers }: Purpose): boolean {
  return sureness === 'exact' && outbound === 'lets-out' && networks.length === 1 && containers.length === 0;
}

/** Whom a rule of anybody's lets out that asks nothing, or nothing but by which one bridge of Docker's a packet came. */
function acceptedBy(rule: Rule, { networks }: Purpose, family: TableFamily): LetOutBy {
  const { terms, effect } = shapeOf(rule, family);
  if (effect?.kind !== 'accept') return [];
  const [term, ...more] = terms;
  if (term === undefined) return [null];
  const isOneBridge =
    term.key === 'in' && !term.not && term.operand.kind === 'words' && term.operand.words.length === 1;
  return isOneBridge && more.length === 0 ? networks : [];
}

function goesBack({ steps }: Rule): boolean {
  return steps.some((step) => step.kind === 'verdict' && step.verdict.kind === 'return');
}
