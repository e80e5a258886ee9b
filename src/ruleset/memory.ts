import type { Address } from '../ip/address.ts';
import { type AddressSet, intersectSets, setOfAddresses, subtractSets } from '../ip/address-set.ts';
import type { Interval } from '../ip/interval.ts';
import { linkLocal6Set } from '../ip/registry.ts';
import type { Policy } from '../policy/model.ts';
import type { SourceRef } from '../policy/source.ts';
import type { Container } from '../world/world.ts';
import { setKey } from './clause.ts';
import type { Crowd } from './crowd.ts';
import type { Decision } from './decide.ts';
import type { Bridged } from './enrol.ts';
import type { Chain } from './naming.ts';
import { type Draft, draftKey } from './programs.ts';
import type { AddressGroup, Clause, EndpointIdentity, GroupId, Program, Seat } from './ruleset.ts';
import type { WorldIndex } from './world-index.ts';

/** How one container on its own is judged on one network, published ports apart. */
export interface Judged {
  readonly decision: Decision;
  readonly draft: Draft;
}

/** Everything that judging asks of the world beside the container itself, as text. */
export function factsOf(index: WorldIndex, untils: readonly number[], now: number): string {
  const { world } = index;
  return JSON.stringify(
    [
      setKey(subtractSets(index.hostAddresses, linkLocal6Set)),
      setKey(askedLinkLocal(index)),
      setKey(index.containerSpace),
      setKey(index.broadcasts),
      setKey(index.hostBroadcasts),
      world.engine.hostGateway,
      world.networks
        .map(({ id, name, bridge, subnets, gateways, project, composeKey }) =>
          JSON.stringify([id, name, bridge?.name, subnets, gateways, project, composeKey], withBigints),
        )
        .toSorted(),
      untils.filter((until) => now > until).length,
    ],
    withBigints,
  );
}

/**
 * The host's link-local addresses that somebody's resolver or gateway is: of the others no judgement asks, and a bridge
 * gets one with its first container.
 */
function askedLinkLocal({ hostAddresses, containers, world }: WorldIndex): AddressSet {
  const asked = [...world.engine.hostGateway, ...containers.flatMap(({ resolvers }) => resolvers)];
  return intersectSets(intersectSets(hostAddresses, linkLocal6Set), setOfAddresses(asked.filter(isSix)));
}

const isSix = ({ family }: Address): boolean => family === 6;

const withBigints = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString(36) : value);

interface Known {
  readonly facts: string;
  readonly chain: Chain;
  readonly judged: Judged;
}

/**
 * What a compiler knows from the times before, so that what has not changed is not worked out again, and is the same
 * object; of the policies before, too. Nothing in it decides anything: with an empty one the result is equal.
 */
export class Memory {
  /** By the keys that drafts name them by. */
  readonly crowds = new Map<string, Crowd>();
  #policy: Policy | null = null;
  /** How many there were that said something else for everybody. */
  #policies = 0;
  #judged = new Map<string, Known>();
  #fresh = new Map<string, Known>();
  #facts = '';
  /** Whether what is being judged has asked who is in a group just now. */
  #askedWho = false;
  readonly #published = new WeakMap<Draft, { readonly ports: string; readonly draft: Draft }>();
  readonly #programs = new WeakMap<Draft, { readonly groups: string; readonly program: Program }>();
  readonly #groupKeys = new WeakMap<Draft, readonly string[]>();
  readonly #draftKeys = new WeakMap<Draft, string>();
  #build: Draft | null = null;

  // each gives the values of the time before in place of equal ones
  readonly programs = keeper<Program>(({ id }) => id, isSameDraft);
  readonly groups = keeper<AddressGroup>(({ id }) => id, isSameGroup);
  readonly seats = keeper<Seat>(({ container, network }) => `${container.id} ${network}`, isSameSeat);
  readonly endpoints = keeper<EndpointIdentity>(
    ({ container, port }) => `${container.id} ${port.index} ${port.name}`,
    isSameEndpoint,
  );

  /** @param facts all that judging asks of the world, as text */
  begin(policy: Policy, facts: string): void {
    if (this.#policy !== null && !isSameForAll(this.#policy, policy)) this.#policies++;
    this.#policy = policy;
    // what another policy says may come to the same: it is worked out, and then compared
    this.#facts = `${this.#policies} ${facts}`;
    this.#fresh = new Map();
  }

  /** Forgets what this time did not ask for. */
  end(groups: ReadonlySet<string>): void {
    this.#judged = this.#fresh;
    // a draft that another policy in its namespace keeps down may count again the next time
    const kept = new Set([
      ...groups,
      ...[...this.#fresh.values()].flatMap(({ judged }) => this.groupKeys(judged.draft)),
    ]);
    for (const key of this.crowds.keys()) if (!kept.has(key)) this.crowds.delete(key);
  }

  noteMembership(): void {
    this.#askedWho = true;
  }

  /** @param chain the blocks that name what the container sends there */
  judge(container: Container, network: Bridged, index: WorldIndex, chain: Chain, compute: () => Judged): Judged {
    const key = keyOf(container, network, index);
    const known = this.#judged.get(key);
    if (known?.facts === this.#facts && isSameChain(known.chain, chain)) {
      this.#fresh.set(key, known);
      return known.judged;
    }
    this.#askedWho = false;
    const { decision, draft } = compute();
    const judged = {
      decision,
      draft: known !== undefined && isSameDraft(known.judged.draft, draft) ? known.judged.draft : draft,
    };
    // who is in a group changes with every container: such a judgement is good for this once
    this.#fresh.set(key, { facts: this.#askedWho ? '' : this.#facts, chain, judged });
    return judged;
  }

  /** @param ports all that publishing asks of the world, as text */
  publish(draft: Draft, ports: string, compute: (draft: Draft) => Draft): Draft {
    const known = this.#published.get(draft);
    // exceptions ask where a service is just now
    if (known?.ports === ports && draft.except.length === 0) return known.draft;
    const published = compute(draft);
    const result = known !== undefined && isSameDraft(known.draft, published) ? known.draft : published;
    this.#published.set(draft, { ports, draft: result });
    return result;
  }

  program(id: string, draft: Draft, groupIds: ReadonlyMap<string, GroupId>, compute: () => Program): Program {
    const groups = `${id} ${this.groupKeys(draft)
      .map((key) => groupIds.get(key))
      .join(' ')}`;
    const known = this.#programs.get(draft);
    if (known?.groups === groups) return known.program;
    const program = compute();
    this.#programs.set(draft, { groups, program });
    return program;
  }

  /** Keys of the groups that a draft's clauses speak of, each once. */
  groupKeys(draft: Draft): readonly string[] {
    let keys = this.#groupKeys.get(draft);
    if (keys === undefined) {
      const { guard, except, deny, allow } = draft;
      const all = [guard, except, deny, allow].flat().flatMap(({ to }) => (to.kind === 'group' ? [to.group] : []));
      keys = [...new Set(all)];
      this.#groupKeys.set(draft, keys);
    }
    return keys;
  }

  draftKey(draft: Draft): string {
    let key = this.#draftKeys.get(draft);
    if (key === undefined) {
      key = draftKey(draft);
      this.#draftKeys.set(draft, key);
    }
    return key;
  }

  build(draft: Draft): Draft {
    if (this.#build === null || !isSameDraft(this.#build, draft)) this.#build = draft;
    return this.#build;
  }
}

function keeper<Value>(
  keyOf: (value: Value) => string,
  isSame: (a: Value, b: Value) => boolean,
): (values: readonly Value[]) => readonly Value[] {
  let before = new Map<string, Value>();
  return (values) => {
    const after = new Map<string, Value>();
    const result = values.map((value) => {
      const key = keyOf(value);
      const old = before.get(key);
      const kept = old !== undefined && isSame(old, value) ? old : value;
      after.set(key, kept);
      return kept;
    });
    before = after;
    return result;
  };
}

const isSameList = <Item>(a: readonly Item[], b: readonly Item[], isSame: (a: Item, b: Item) => boolean): boolean =>
  a === b || (a.length === b.length && a.every((item, at) => isSame(item, b[at] as Item)));

/** Whether two policies say the same beside their blocks; lists, groups and files that are as they were are the same objects. */
function isSameForAll(a: Policy, b: Policy): boolean {
  if (a === b) return true;
  const isSame = (one: unknown, other: unknown) => one === other;
  return (
    JSON.stringify(a.defaults) === JSON.stringify(b.defaults) &&
    a.groups.size === b.groups.size &&
    [...a.groups].every(([name, group]) => b.groups.get(name) === group) &&
    isSameList(a.guardrails.deny, b.guardrails.deny, isSame) &&
    isSameList(a.guardrails.except, b.guardrails.except, isSame) &&
    isSameList(a.compose, b.compose, isSame)
  );
}

function isSameChain(a: Chain, b: Chain): boolean {
  return isSameList(
    a,
    b,
    (one, other) =>
      one.level === other.level &&
      one.origin === other.origin &&
      isSameList(one.blocks, other.blocks, (block, its) => block === its),
  );
}

const isSameAddress = (a: Address, b: Address): boolean => a.value === b.value && a.family === b.family;
const isSameInterface = (a: Interface, b: Interface): boolean => a.index === b.index && a.name === b.name;
type Interface = Seat['bridge'];

function isSameGroup(a: AddressGroup, b: AddressGroup): boolean {
  return isSameList(
    a.members,
    b.members,
    (one, other) => isSameAddress(one.address, other.address) && isSameInterface(one.bridge, other.bridge),
  );
}

/** Ids are equal. */
function isSameSeat(a: Seat, b: Seat): boolean {
  return (
    a.container.name === b.container.name &&
    a.workload === b.workload &&
    a.program === b.program &&
    isSameInterface(a.bridge, b.bridge) &&
    isSameList(a.groups, b.groups, (one, other) => one === other) &&
    isSameList(
      a.opens,
      b.opens,
      (one, other) => one.only === other.only && one.protocol === other.protocol && one.port === other.port,
    )
  );
}

function isSameEndpoint(a: EndpointIdentity, b: EndpointIdentity): boolean {
  return (
    a.container.id === b.container.id &&
    a.container.name === b.container.name &&
    a.workload === b.workload &&
    a.program === b.program &&
    a.mac === b.mac &&
    isSameInterface(a.bridge, b.bridge) &&
    isSameInterface(a.port, b.port) &&
    isSameList(a.addresses, b.addresses, isSameAddress)
  );
}

/** By container and by where it is: a text that is the same object is not hashed again. */
const keys = new WeakMap<Container, Map<string, string>>();

/** Text of everything of a container, and of where it is, that its own judgement asks for. */
function keyOf(container: Container, network: Bridged, index: WorldIndex): string {
  let place = network.id;
  for (const { id } of index.networksOf(container)) place += ` ${id}`;
  let known = keys.get(container);
  if (known === undefined) {
    known = new Map();
    keys.set(container, known);
  }
  let key = known.get(place);
  if (key === undefined) {
    const { name, project, service, composeFiles, resolvers, labels } = container;
    // as JSON, which no text of a label can forge
    key = JSON.stringify([
      place,
      name,
      project,
      service,
      composeFiles,
      resolvers.map(({ family, value }) => `${family} ${value.toString(36)}`),
      [...labels].filter(([key]) => key.startsWith('sluice.')),
    ]);
    known.set(place, key);
  }
  return key;
}

/** Whether two judge alike and say so in the same words. */
export function isSameDraft(a: Draft, b: Draft): boolean {
  return (
    a === b ||
    (a.workload === b.workload &&
      a.mode === b.mode &&
      a.standing === b.standing &&
      isSameSource(a.otherwise, b.otherwise) &&
      isSameList(a.guard, b.guard, isSameClause) &&
      isSameList(a.except, b.except, isSameClause) &&
      isSameList(a.deny, b.deny, isSameClause) &&
      isSameList(a.allow, b.allow, isSameClause))
  );
}

function isSameClause(a: Clause, b: Clause): boolean {
  return (
    a === b ||
    (a.plane === b.plane &&
      a.entry === b.entry &&
      a.until === b.until &&
      isSameSource(a.source, b.source) &&
      (a.l4 === b.l4 || JSON.stringify(a.l4) === JSON.stringify(b.l4)) &&
      isSamePlace(a.to, b.to))
  );
}

function isSamePlace(a: Clause['to'], b: Clause['to']): boolean {
  if (a.kind === 'group' || b.kind === 'group') return a.kind === 'group' && b.kind === 'group' && a.group === b.group;
  const isSame = (one: Interval, other: Interval) => one.low === other.low && one.high === other.high;
  return a.set === b.set || (isSameList(a.set.v4, b.set.v4, isSame) && isSameList(a.set.v6, b.set.v6, isSame));
}

function isSameSource(a: SourceRef, b: SourceRef): boolean {
  return a === b || (a.file === b.file && a.line === b.line && a.column === b.column && a.text === b.text);
}
