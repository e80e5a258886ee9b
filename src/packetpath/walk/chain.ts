import type { Action, Chain, Condition, NamedSet, Rule, Table, Verdict } from '../model.ts';
import { act, type Translation } from './act.ts';
import type { Layer } from './field.ts';
import { markedBySet } from './map-mark.ts';
import { holds, keyOf, type Part, type Sight, type Trilean, tupleHolds } from './match.ts';
import { question, tupleText } from './question.ts';
import type { RuleAt, Said } from './result.ts';
import type { Surroundings } from './surroundings.ts';
import { type Ended, mergeWays, type Way } from './way.ts';

/** What an action that translates addresses makes of a way: where it goes on, all of it translated. */
export type Translate = (action: Translation, way: Way, at: RuleAt) => Way;

/** What came of a base chain. */
export interface Passed {
  /** Accepted here: the next chain goes on with them. */
  readonly on: readonly Way[];
  readonly ended: readonly Ended[];
}

/** Different states of one packet that are followed side by side; beyond that the walk gives up rather than to guess. */
const mostWays = 256;
/** What one way may take for granted: a listing of nothing but lines that cannot be read has a question in each. */
const mostAssumed = 256;
/** Rules looked at in one base chain, over all ways. */
const mostRules = 3_000_000;
const judging: ReadonlySet<string> = new Set(['forward', 'input', 'output']);
/** include/net/netfilter/nf_tables.h, NFT_JUMP_STACK_SIZE; legacy tables allow more, and nobody has them. */
const deepest = 128;

/**
 * Walks packets through one base chain as nft_do_chain and ipt_do_table do: conditions in order, the first that fails
 * ends its rule; accept ends this base chain alone, drop everything; a jump comes back, a goto does not; the end is the
 * policy. What cannot be judged is tried both ways.
 */
export function walkBase(
  table: Table,
  base: Chain & { readonly base: NonNullable<Chain['base']> },
  ways: readonly Way[],
  at: { readonly layer: Layer; readonly surroundings: Surroundings; readonly translate: Translate },
): Passed {
  const walker = new Walker(table, base, at);
  const back = walker.run(base, ways, []);
  const { policy } = base.base;
  const told = back.map((way) => way.after({ kind: 'policy', table, chain: base, policy }));
  if (policy === 'accept') walker.accepted.push(...told);
  else walker.ended.push(...told.map((way) => way.end('dropped', { kind: 'policy', table, chain: base })));
  return { on: mergeWays(walker.accepted), ended: walker.ended };
}

class Walker {
  readonly accepted: Way[] = [];
  readonly ended: Ended[] = [];
  readonly #table: Table;
  readonly #sight: Sight;
  readonly #translate: Translate;
  /** Whether packets are judged here, and not only changed on their way. */
  readonly #judges: boolean;
  #looked = 0;

  constructor(
    table: Table,
    { base }: Pick<Chain, 'base'>,
    at: { readonly layer: Layer; readonly surroundings: Surroundings; readonly translate: Translate },
  ) {
    this.#table = table;
    this.#sight = {
      layer: at.layer,
      surroundings: at.surroundings,
      xtables: isOfXtables(table),
      setNamed: (name) => contentsOf(table).sets.get(name),
    };
    this.#translate = at.translate;
    this.#judges = base !== null && base.type !== 'nat' && judging.has(base.hook);
  }

  /** @returns the ways that come back: by return, or by the chain's end */
  run(chain: Chain, ways: readonly Way[], stack: readonly Chain[]): readonly Way[] {
    let going = ways;
    const back: Way[] = [];
    const inside = [...stack, chain];
    for (const rule of chain.rules) {
      if (going.length === 0) break;
      this.#looked += going.length;
      const isTooMuch = going.some(({ assumptions }) => assumptions.length > mostAssumed);
      if (this.#looked > mostRules || going.length > mostWays || isTooMuch) {
        this.#giveUp(going, { table: this.#table, chain, rule });
        return back;
      }
      if (going.every((way) => this.#fails(rule, way))) continue; // most rules: nothing is made for them
      const at: RuleAt = { table: this.#table, chain, rule };
      const on: Way[] = [];
      for (const way of going) this.#rule(at, way, { on, back, inside });
      going = on.length > 1 ? mergeWays(on) : on;
    }
    return mergeWays([...back, ...going]);
  }

  /** Whether one of a rule's conditions certainly fails before anything is done or not known. */
  #fails({ lost, steps }: Rule, way: Way): boolean {
    if (lost.length > 0) return false;
    for (const step of steps) {
      if (step.kind !== 'condition') return false;
      const found = holds(step.condition, way.packet, this.#sight);
      if (found !== 'yes') return found === 'no';
    }
    return false;
  }

  #giveUp(ways: readonly Way[], at: RuleAt): void {
    const what = 'too many cases to follow them all';
    for (const way of ways)
      this.ended.push(way.assuming({ at, what, holds: true, text: what }, null).end('unknown', { kind: 'rule', at }));
  }

  #rule(at: RuleAt, entering: Way, to: Exits): void {
    let ways: readonly Way[] = [entering];
    const { rule } = at;
    if (rule.lost.length > 0) {
      const seen = this.#ask(
        at,
        entering,
        'unknown',
        `what the listing does not show of it: ${rule.lost.join(', ')}`,
        `lost of ${at.chain.name} ${rule.place.number}`,
      );
      to.on.push(...seen.no);
      ways = seen.yes;
    }
    let matched = true;
    for (const step of rule.steps) {
      if (ways.length === 0) return;
      if (step.kind === 'condition') {
        const next: Way[] = [];
        for (const way of ways) {
          const { yes, no } = this.#condition(at, way, step.condition);
          next.push(...yes);
          to.on.push(...no);
        }
        ways = next;
        continue;
      }
      if (step.kind === 'action') {
        ways = ways.flatMap((way) => this.#action(at, way, step.action));
        continue;
      }
      if (step.kind === 'verdict') {
        for (const way of ways) this.#verdict(at, way, step.verdict, to);
        if (step.verdict.kind === 'continue') continue;
        return;
      }
      const next: Way[] = [];
      for (const way of ways) {
        const key = keyOf(step.fields, way.packet, this.#sight);
        if (key === null) {
          to.on.push(way);
          continue;
        }
        for (const { verdict, way: chosen } of this.#choices(at, way, key, step)) {
          if (verdict === null) to.on.push(chosen);
          else if (verdict.kind === 'continue') next.push(chosen);
          else this.#verdict(at, chosen, verdict, to);
        }
      }
      ways = next;
      matched = ways.length > 0;
    }
    if (!matched) return;
    for (const way of ways) to.on.push(way.after({ kind: 'rule', at, said: { kind: 'go-on' } }));
  }

  #condition(at: RuleAt, way: Way, condition: Condition): Split {
    const found = holds(condition, way.packet, this.#sight);
    if (found !== 'unknown') return found === 'yes' ? { yes: [way], no: [] } : { yes: [], no: [way] };
    const { what, key } = question(condition, way.packet.family);
    const { yes, no } = this.#ask(at, way, found, what, key);
    return 'not' in condition && condition.not ? { yes: no, no: yes } : { yes, no };
  }

  /** Both answers to what is not known, or the one that was given before. */
  #ask(at: RuleAt, way: Way, found: Trilean, what: string, key: string | null): Split {
    const given = key === null ? undefined : way.answer(key);
    const answer = found === 'unknown' ? given : found === 'yes';
    if (answer !== undefined) return answer ? { yes: [way], no: [] } : { yes: [], no: [way] };
    return {
      yes: [way.assuming({ at, what, holds: true, text: what }, key)],
      no: [way.assuming({ at, what, holds: false, text: `not: ${what}` }, key)],
    };
  }

  #choices(
    at: RuleAt,
    entering: Way,
    key: readonly Part[],
    { fields, entries }: Extract<Rule['steps'][number], { kind: 'vmap' }>,
  ): readonly { readonly verdict: Verdict | null; readonly way: Way }[] {
    const set = 'set' in entries ? this.#sight.setNamed(entries.set) : undefined;
    const listed = 'set' in entries ? set?.entries : entries;
    if (listed === undefined || set?.uncertain === true || set?.fields.includes('other') === true)
      return this.#anything(at, entering, 'what the verdict map says');
    const choices: { verdict: Verdict | null; way: Way }[] = [];
    const named = fields.map(({ field }) => field);
    let way = entering;
    for (const entry of listed) {
      const found = tupleHolds(entry.key, key);
      if (found === 'no' || entry.verdict === null) continue;
      const what = `which entry of the verdict map: ${tupleText(entry.key, named, way.packet.family)}`;
      const { yes, no } = this.#ask(at, way, found, what, `${what} in ${at.table.name} ${at.rule.text}`);
      for (const chosen of yes) choices.push({ verdict: entry.verdict, way: chosen });
      const [other] = no;
      if (other === undefined) return choices;
      way = other;
    }
    return [...choices, { verdict: null, way }];
  }

  /**
   * A verdict that nobody can see: the rule may go on, accept or drop, and may have set marks.
   *
   * @param what whose verdict it is, as the beginning of a sentence
   */
  #anything(
    at: RuleAt,
    entering: Way,
    what: string,
  ): readonly { readonly verdict: Verdict | null; readonly way: Way }[] {
    const { packet } = entering;
    const conversation = packet.conversation === null ? null : { ...packet.conversation, mark: null };
    const way = entering.with({ ...packet, mark: null, conversation });
    const as = (does: string, holds: boolean): Way =>
      way.assuming({ at, what, holds, text: `${what} ${does}` }, `${what} ${does} ${at.chain.name} ${at.rule.text}`);
    return [
      { verdict: null, way: as('lets the packet go on', false) },
      { verdict: { kind: 'accept' }, way: as('accepts it', true) },
      { verdict: { kind: 'drop' }, way: as('stops it', true) },
    ];
  }

  #verdict(at: RuleAt, way: Way, verdict: Verdict, to: Exits): void {
    const told = (said: Said) => way.after({ kind: 'rule', at, said });
    switch (verdict.kind) {
      case 'accept':
        this.#accept(told({ kind: 'accept' }), at);
        return;
      case 'drop':
        this.ended.push(told({ kind: 'drop' }).end('dropped', { kind: 'rule', at }));
        return;
      case 'reject':
        this.ended.push(told(verdict).end('rejected', { kind: 'rule', at }, verdict.with));
        return;
      case 'return':
        to.back.push(told({ kind: 'return' }));
        return;
      case 'continue':
        return;
      case 'jump':
      case 'goto': {
        const back = this.#enter(at, told(verdict), verdict.chain, to.inside);
        (verdict.kind === 'jump' ? to.on : to.back).push(...back);
        return;
      }
      case 'queue':
      case 'unknown': {
        const what = verdict.kind === 'queue' ? 'the program it is queued to' : `target ${verdict.text}`;
        this.#settle(at, told({ kind: 'queue' }), what, to.on);
        return;
      }
    }
  }

  #accept(way: Way, at: RuleAt): void {
    this.accepted.push(this.#judges ? way.passing(at) : way);
  }

  /** @returns the ways that come back */
  #enter(at: RuleAt, way: Way, name: string, stack: readonly Chain[]): readonly Way[] {
    const chain = contentsOf(this.#table).chains.get(name);
    const back: Way[] = [];
    if (chain === undefined) this.#settle(at, way, `chain ${name}, which is not shown,`, back);
    else if (stack.includes(chain) || stack.length >= deepest)
      this.#settle(at, way, `chain ${name}, which leads into itself,`, back);
    else return this.run(chain, [way], stack);
    return back;
  }

  #settle(at: RuleAt, way: Way, what: string, on: Way[]): void {
    for (const { verdict, way: chosen } of this.#anything(at, way, what)) {
      if (verdict === null) on.push(chosen);
      else if (verdict.kind === 'accept')
        this.#accept(chosen.after({ kind: 'rule', at, said: { kind: 'accept' } }), at);
      else this.ended.push(chosen.end('dropped', { kind: 'rule', at }));
    }
  }

  #action(at: RuleAt, way: Way, action: Action): readonly Way[] {
    switch (action.kind) {
      case 'dnat':
      case 'snat':
      case 'masquerade':
      case 'redirect':
        if (way.packet.conversation === null) return [way];
        this.accepted.push(this.#translate(action, way.after({ kind: 'rule', at, said: { kind: 'translate' } }), at));
        return [];
      case 'map-mark':
        return markedBySet(action, way, this.#sight, (one, found, what) =>
          this.#ask(at, one, found, what, `${what} in ${at.table.name} ${at.rule.text}`),
        );
      case 'other': {
        if (action.certain) return [way];
        const on: Way[] = [];
        this.#settle(at, way, action.text, on);
        return on;
      }
      default:
        return [way.with(act(action, way.packet))];
    }
  }
}

/** Tables of iptables-nft stand in nf_tables under the names that iptables gives them, and anybody's may have those. */
function isOfXtables({ engine, family, name }: Table): boolean | null {
  if (engine !== 'nf_tables') return true;
  const may = (family === 'ip' || family === 'ip6') && /^(raw|mangle|nat|filter|security)$/.test(name);
  return may ? null : false;
}

interface Split {
  readonly yes: readonly Way[];
  readonly no: readonly Way[];
}

/** Where ways go that leave a rule. */
interface Exits {
  /** On to the next rule. */
  readonly on: Way[];
  /** Back to where the chain was jumped from. */
  readonly back: Way[];
  readonly inside: readonly Chain[];
}

interface Contents {
  readonly chains: ReadonlyMap<string, Chain>;
  readonly sets: ReadonlyMap<string, NamedSet>;
}

const contents = new WeakMap<Table, Contents>();

function contentsOf(table: Table): Contents {
  const known = contents.get(table);
  if (known !== undefined) return known;
  const made = {
    chains: new Map(table.chains.map((chain) => [chain.name, chain])),
    sets: new Map(table.sets.map((set) => [set.name, set])),
  };
  contents.set(table, made);
  return made;
}
