import { type Family, families } from '../ip/address.ts';
import { everyAddress, ofFamily } from '../ip/address-set.ts';
import { icmpOf } from '../ip/box.ts';
import type { Interval } from '../ip/interval.ts';
import { hasPorts } from '../ip/protocol.ts';
import type { Clause, Program, Ruleset } from '../ruleset/ruleset.ts';
import { DestinationSets } from './destination-sets.ts';
import { hasEveryPort, layer4Matches, protocolOn } from './layer4.ts';
import type { Chain, Field, NftSet, Rule, Statement, Verdict } from './model.ts';
import type { SharedSets } from './shared-sets.ts';
import { accept, back, count, drop, goTo, inSet, is, jump } from './statements.ts';

export const planes = ['forward', 'host'] as const;
export type Plane = (typeof planes)[number];

/** The chain that lets errors about own conversations pass. */
export const errorsChain = (family: Family): string => `errors${family}`;

const names = {
  judge: (id: string, plane: Plane, family: Family) => `${plane}${family}/${id}`,
  guard: (id: string, plane: Plane, family: Family) => `guard-${plane}${family}/${id}`,
  dnat: (id: string, family: Family) => `dnat${family}/${id}`,
  dnatGuard: (id: string, family: Family) => `guard-dnat${family}/${id}`,
  sent: (id: string, family: Family) => `sent${family}/${id}`,
  sentGuard: (id: string, family: Family) => `guard-sent${family}/${id}`,
  refused: (id: string) => `refused/${id}`,
  /** Denied, but the mode lets it pass. */
  passed: (id: string) => `passed/${id}`,
  deniedCounter: (id: string) => `denied/${id}`,
  auditedCounter: (id: string) => `audited/${id}`,
};

/** Counters of a program: packets denied, and packets that only audit mode let pass. */
export function programCounters(program: Program): readonly string[] {
  if (isOpen(program)) return [];
  return [names.deniedCounter(program.id), ...(program.mode === 'audit' ? [names.auditedCounter(program.id)] : [])];
}

/** Where a sender's packets go first. */
export function programEntry(program: Program, plane: Plane, family: Family): Verdict {
  return isOpen(program) ? { kind: 'accept' } : { kind: 'goto', chain: names.judge(program.id, plane, family) };
}

const open = new WeakMap<Program, boolean>();

/** A program that lets everything pass needs no chain. */
function isOpen(program: Program): boolean {
  const known = open.get(program) ?? letsEverythingPass(program);
  open.set(program, known);
  return known;
}

function letsEverythingPass(program: Program): boolean {
  if (program.guard.length > 0) return false;
  if (program.mode === 'off') return true;
  const everything = (plane: Plane) =>
    program.allow.some(
      (clause) =>
        clause.plane === plane &&
        clause.until === undefined &&
        clause.l4 === 'any' &&
        families.every((family) => reach(clause, family).kind === 'every'),
    );
  return program.deny.length === 0 && everything('forward') && everything('host');
}

/** What a clause says of addresses, on one family. */
type Reach =
  | { readonly kind: 'none' }
  | { readonly kind: 'every' }
  | { readonly kind: 'group'; readonly set: string }
  | { readonly kind: 'one'; readonly interval: Interval }
  | { readonly kind: 'many'; readonly intervals: readonly Interval[] };

function reach(clause: Clause, family: Family): Reach {
  if (clause.to.kind === 'group') return { kind: 'group', set: `group${family}/${clause.to.group}` };
  const intervals = ofFamily(clause.to.set, family);
  const [first, ...more] = intervals;
  if (first === undefined) return { kind: 'none' };
  if (more.length > 0) return { kind: 'many', intervals };
  const whole = ofFamily(everyAddress, family)[0] as Interval;
  return first.low === whole.low && first.high === whole.high ? { kind: 'every' } : { kind: 'one', interval: first };
}

/** Which fields of a packet hold its destination: its own, or the one it had before DNAT. */
interface DestinationFields {
  readonly address: Readonly<Record<Family, Field>>;
  readonly port: Field;
}
const asSent: DestinationFields = {
  address: { 4: 'ct original ip daddr', 6: 'ct original ip6 daddr' },
  port: 'ct original proto-dst',
};
const asRouted: DestinationFields = { address: { 4: 'ip daddr', 6: 'ip6 daddr' }, port: 'th dport' };

/** The chains and sets that judge the packets of one program's senders. */
export function programChains(
  program: Program,
  denied: Ruleset['denied'],
  shared: SharedSets,
): { readonly chains: readonly Chain[]; readonly sets: readonly NftSet[] } {
  if (isOpen(program)) return { chains: [], sets: [] };
  const own = new DestinationSets(program.id);
  const writer = new ClauseWriter(own, shared);
  const chains = families.flatMap((family) => {
    const sent = sentChains(program, family, writer);
    const between: Between = { guardrails: sent.guardrails.map(whereSent), lists: sent.lists.map(whereSent) };
    return [
      ...planes.flatMap((plane) => planeChains(program, plane, family, writer, between)),
      ...[...sent.guardrails, ...sent.lists].map(({ chain }) => chain),
    ];
  });
  return { chains: [...chains, ...endings(program, denied)], sets: own.all() };
}

/** A chain that judges by the place before DNAT, and which places are its business; none: all. */
interface SentChain {
  readonly chain: Chain;
  readonly of: Rule;
}

function whereSent({ chain, of }: SentChain): Rule {
  return [{ kind: 'ct-status', status: 'dnat' }, ...of, jump(chain.name)];
}

/** Rules of a plane that come from elsewhere: after its own guardrails, and between its denials and its permissions. */
interface Between {
  readonly guardrails: readonly Rule[];
  readonly lists: readonly Rule[];
}

/** Guardrails, denials, permissions, the end: the order in which policy decides. */
function planeChains(
  program: Program,
  plane: Plane,
  family: Family,
  writer: ClauseWriter,
  between: Between,
): readonly Chain[] {
  const list = (clauses: readonly Clause[]) => clauses.filter((clause) => clause.plane === plane);
  const scope = `${plane}${family}`;
  const guard = list(program.guard);
  const except = list(program.except);
  const refused = goTo(names.refused(program.id));
  const guardRules = writer.rules(`guard-${scope}`, guard, family, [refused]);
  const guardChain = names.guard(program.id, plane, family);
  const nested = guard.length > 0 && except.length > 0;
  const judge: Chain = {
    name: names.judge(program.id, plane, family),
    rules: [
      ...(nested ? [[jump(guardChain)]] : guardRules),
      ...between.guardrails,
      ...writer.rules(`deny-${scope}`, list(program.deny), family, [goTo(deniedChain(program))]),
      ...between.lists,
      ...writer.rules(`allow-${scope}`, list(program.allow), family, [accept]),
      [jump(errorsChain(family))],
      [goTo(deniedChain(program))],
    ],
  };
  if (!nested) return [judge];
  return [
    { name: guardChain, rules: [...writer.rules(`except-${scope}`, except, family, [back]), ...guardRules] },
    judge,
  ];
}

/**
 * A packet that DNAT turned elsewhere (a published port's, or the operator's own) is judged by where it was sent, too:
 * denied if either place is denied. What was sent to the host is allowed if either place is: compile has put the service
 * behind a published port into the host's clauses. The guardrails of both places come before the denials of either,
 * since audit and off let what is only denied pass.
 *
 * What an error is about, and what an answer is one to, somebody else may have sent there: neither is allowed by it.
 */
function sentChains(
  program: Program,
  family: Family,
  writer: ClauseWriter,
): { readonly guardrails: readonly SentChain[]; readonly lists: readonly SentChain[] } {
  const write = (clauses: readonly Clause[], plane: Plane, ending: Statement) =>
    writer.directRules(
      clauses.filter((clause) => clause.plane === plane && clause.to.kind === 'addresses'),
      family,
      asSent,
      [ending],
    );
  const toHost: Rule = [inSet(`host-addresses${family}`, asSent.address[family])];
  const guard = (plane: Plane, name: string, of: Rule): readonly SentChain[] => {
    const rules = write(program.guard, plane, goTo(names.refused(program.id)));
    return rules.length === 0
      ? []
      : [{ chain: { name, rules: [...write(program.except, plane, back), ...rules] }, of }];
  };
  const lists = (name: string, rules: readonly Rule[], of: Rule): readonly SentChain[] =>
    rules.length === 0 ? [] : [{ chain: { name, rules }, of }];
  const deny = (plane: Plane) => write(program.deny, plane, goTo(deniedChain(program)));
  const allowed = write(program.allow, 'host', accept);
  const ofOthers: readonly Rule[] = [
    [is('ct direction', 1), back],
    [{ kind: 'ct-state', states: ['related'] }, is('meta l4proto', icmpOf(family)), back],
  ];
  const allow = allowed.length === 0 ? [] : [...ofOthers, ...allowed];
  return {
    guardrails: [
      ...guard('host', names.dnatGuard(program.id, family), toHost),
      ...guard('forward', names.sentGuard(program.id, family), []),
    ],
    lists: [
      ...lists(names.sent(program.id, family), deny('forward'), []),
      ...lists(names.dnat(program.id, family), [...deny('host'), ...allow], toHost),
    ],
  };
}

/** What becomes of a packet that is not allowed, by mode. Guardrails are never audited. */
function endings(program: Program, denied: Ruleset['denied']): readonly Chain[] {
  const refusal = denied === 'drop' ? drop : goTo('refuse');
  const refused: Chain = {
    name: names.refused(program.id),
    rules: [[count(names.deniedCounter(program.id)), refusal]],
  };
  if (program.mode === 'enforce') return [refused];
  const passed: Rule = program.mode === 'audit' ? [count(names.auditedCounter(program.id)), accept] : [accept];
  return [refused, { name: names.passed(program.id), rules: [passed] }];
}

/** Where a packet goes that a deny matches or nothing allows. */
function deniedChain(program: Program): string {
  return program.mode === 'enforce' ? names.refused(program.id) : names.passed(program.id);
}

/** Turns clauses into rules; what can share a set lookup does. */
class ClauseWriter {
  readonly #own: DestinationSets;
  readonly #shared: SharedSets;

  constructor(own: DestinationSets, shared: SharedSets) {
    this.#own = own;
    this.#shared = shared;
  }

  /** Rules for a list of clauses: single addresses and prefixes gathered into the program's sets, the rest one by one. */
  rules(scope: string, clauses: readonly Clause[], family: Family, ending: Rule): readonly Rule[] {
    const gathered = this.#own.gather(scope, family);
    const rest = clauses.filter((clause) => !this.#gather(gathered, clause, family));
    return [...gathered.rules(asRouted.address[family], ending), ...this.directRules(rest, family, asRouted, ending)];
  }

  #gather(sets: ReturnType<DestinationSets['gather']>, clause: Clause, family: Family): boolean {
    const to = reach(clause, family);
    if (clause.until !== undefined || to.kind !== 'one') return false;
    if (clause.l4 === 'any') {
      sets.addAddress(to.interval);
      return true;
    }
    for (const l4 of clause.l4) {
      const protocol = protocolOn(l4, family);
      if (hasPorts(protocol) && !hasEveryPort(l4.ports)) sets.addPorts(to.interval, protocol, l4.ports);
      else sets.addProtocol(to.interval, protocol);
    }
    return true;
  }

  /** One clause after the other, each with a lookup of its own. */
  directRules(clauses: readonly Clause[], family: Family, fields: DestinationFields, ending: Rule): readonly Rule[] {
    return clauses.flatMap((clause) => {
      const to = reach(clause, family);
      if (to.kind === 'none') return [];
      const until: Rule = clause.until === undefined ? [] : [is('meta time', BigInt(Math.ceil(clause.until / 1000)))];
      const before = until.map(
        (statement): Statement => (statement.kind === 'match' ? { ...statement, op: '<' } : statement),
      );
      const address = this.#address(to, family, fields);
      return layer4Matches(clause.l4, family, fields.port, this.#shared).map(
        (l4): Rule => [...before, ...l4.slice(0, 1), ...address, ...l4.slice(1), ...ending],
      );
    });
  }

  #address(to: Exclude<Reach, { kind: 'none' }>, family: Family, fields: DestinationFields): Rule {
    switch (to.kind) {
      case 'every':
        return [];
      case 'group':
        return [inSet(to.set, 'oif', fields.address[family])];
      case 'one':
        return [is(fields.address[family], to.interval)];
      case 'many':
        return [inSet(this.#shared.addresses(family, to.intervals), fields.address[family])];
    }
  }
}
