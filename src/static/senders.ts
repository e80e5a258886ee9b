import type { Address, Family } from '../ip/address.ts';
import { addressOf, bits } from '../ip/address.ts';
import {
  type AddressSet,
  isEmptySet,
  noAddresses,
  setOfAddresses,
  setOfPrefixes,
  subtractSets,
  unionSets,
} from '../ip/address-set.ts';
import { prefixInterval } from '../ip/prefix.ts';
import { meaningKey } from '../ruleset/clause.ts';
import { isDefaultBridge } from '../ruleset/enrol.ts';
import type { Program, Ruleset } from '../ruleset/ruleset.ts';
import { workloadName } from '../world/workload.ts';
import type { Network, World } from '../world/world.ts';
import { bridgeNameLines, fixedAddressLines, fixedSubnetLines } from './compose-lines.ts';
import { rulesOf, type Saying } from './judge.ts';
import { fixedOf, type Occupant, type Occupants, sayGroup } from './occupants.ts';
import { type Note, note, type StaticRule, type StaticSender } from './plan.ts';

export interface Senders {
  readonly ruleset: Ruleset;
  readonly world: World;
  readonly occupants: Occupants;
  /** Ids of the stand-ins for whoever may come. */
  readonly newcomers: ReadonlySet<string>;
  /** Whether the policy lets `docker build` send. */
  readonly builds: boolean;
  /** Networks, by engine name, whose subnets a compose file fixes. */
  readonly lasting: ReadonlySet<string>;
}

/** One container's place and how it is judged there. */
interface Seated extends Occupant {
  readonly program: Program;
}

/** How the senders of one network are judged, one family: those with addresses of their own first, then the rest. */
export function sendersOn(network: Network, family: Family, from: Senders): readonly StaticSender[] {
  const subnets = network.subnets.filter(({ address }) => address.family === family);
  if (subnets.length === 0) return [];
  const seated = seatedOn(network, from);
  const builds = isDefaultBridge(network) ? [buildProgram(network, from)] : [];
  const judged = [...seated.map(({ program }) => program), ...builds.flatMap((one) => one ?? [])];
  const isAlike = new Set(judged.map(judgementOf)).size <= 1 && !builds.includes(null);
  const own = isAlike ? [] : seated.filter((one) => fixedOf(one, family) !== undefined);
  const rest = seated.filter((one) => !own.includes(one));
  const groups = [...Map.groupBy(own, ({ program }) => judgementOf(program)).values()].map((members) =>
    senderOf({ network, family, members, addresses: members.flatMap((one) => fixedOf(one, family) ?? []) }, from),
  );
  return [...groups, restOf({ network, family, members: rest, builds, others: own.length > 0, subnets }, from)];
}

function seatedOn(network: Network, { ruleset, occupants }: Senders): readonly Seated[] {
  const programs = new Map(ruleset.programs.map((program) => [program.id, program]));
  return occupants.on(network).flatMap((occupant): Seated[] => {
    const seat = ruleset.seats.find((one) => one.container.id === occupant.container.id && one.network === network.id);
    const program = seat && programs.get(seat.program);
    return program === undefined ? [] : [{ ...occupant, program }];
  });
}

/** The program of `docker build` on docker0; null where the policy denies it. */
function buildProgram(network: Network, { ruleset, builds }: Senders): Program | null {
  const bridge = ruleset.bridges.find(({ name }) => name === network.bridge?.name);
  if (!builds || bridge?.unknown.kind !== 'judge') return null;
  const id = bridge.unknown.program;
  return ruleset.programs.find((program) => program.id === id) ?? null;
}

/** Text that two programs share when static rules judge them alike: what audit records is not among it. */
function judgementOf({ mode, guard, except, deny, allow }: Program): string {
  const lists = mode === 'enforce' ? [guard, except, deny, allow] : [guard, except];
  return JSON.stringify([mode === 'enforce', ...lists.map((list) => [...new Set(list.map(meaningKey))].toSorted())]);
}

function senderOf(
  {
    network,
    family,
    members,
    addresses,
  }: {
    readonly network: Network;
    readonly family: Family;
    readonly members: readonly Seated[];
    readonly addresses: readonly Address[];
  },
  from: Senders,
): StaticSender {
  const told = new Told(family, from);
  const rules = told.rules(members.map(({ program }) => program).slice(0, 1));
  return {
    title: `${network.name}: ${workloadsOf(members)} at fixed addresses`,
    family,
    sources: addresses.map((address) => ({ address, length: bits(family) })),
    bridge: null,
    opened: openedBy(members, family),
    rules,
    notes: [...told.notes(), ...aboutPrograms(members)],
  };
}

interface Rest {
  readonly network: Network;
  readonly family: Family;
  readonly members: readonly Seated[];
  /** Beside the members: `docker build`; null is one that is denied. */
  readonly builds: readonly (Program | null)[];
  readonly others: boolean;
  readonly subnets: StaticSender['sources'];
}

function restOf({ network, family, members, builds, others, subnets }: Rest, from: Senders): StaticSender {
  const told = new Told(family, from);
  const deniedBuild = builds.includes(null);
  const programs = [...members.map(({ program }) => program), ...builds.flatMap((one) => one ?? [])];
  const distinct = [...new Map(programs.map((program) => [judgementOf(program), program])).values()];
  const rules = told.rules(deniedBuild ? [] : distinct);
  const differing = distinct.length > 1 ? [differingNote(members, builds, from)] : [];
  const cut = deniedBuild ? [deniedBuildNote(network)] : [];
  const pinned = lastingName(network);
  return {
    title: `${network.name}: ${titleOf(members, others, from)}`,
    family,
    sources: subnets,
    bridge: subnets.length === 1 ? (pinned ?? presentName(network, from)) : null,
    opened: openedBy(members, family),
    rules,
    notes: [
      ...differing,
      ...cut,
      ...told.notes(),
      ...aboutPrograms(members),
      ...(family === 4 || !network.subnets.some(({ address }) => address.family === 4)
        ? aboutNetwork(network, pinned, from)
        : []),
      ...neighboursNote(rules.forward, network, family, from),
    ],
  };
}

/** Turns clauses into addresses, and keeps what had to be left out. */
class Told {
  readonly #family: Family;
  readonly #from: Senders;
  readonly #notes = new Map<string, Note>();

  constructor(family: Family, from: Senders) {
    this.#family = family;
    this.#from = from;
  }

  rules(programs: readonly Program[]): StaticSender['rules'] {
    const say: Saying = (clause, role) => {
      if (clause.to.kind === 'addresses') return clause.to.set;
      const id = clause.to.group;
      const { ruleset, occupants } = this.#from;
      const group = ruleset.groups.find((one) => one.id === id);
      if (group === undefined) throw new Error(`the ruleset has no group ${id}`);
      const said = sayGroup(group, role, ruleset, occupants);
      const ofFamily = said.unsaid.filter((one) => fixedOf(one, this.#family) === undefined);
      if (ofFamily.length > 0) {
        const who = workloadsOf(ofFamily);
        const text =
          role === 'permit'
            ? `${clause.entry}: left out for ${who}, without a fixed address beside others on one network: denied`
            : `${clause.entry}: denied to everybody on the network of ${who}, without a fixed address there`;
        const compose = fixedAddressLines(ofFamily, occupants);
        this.#notes.set(text, note(text, { source: clause.source, compose }));
      }
      return said.set;
    };
    return {
      forward: rulesOf(programs, 'forward', this.#family, say),
      host: rulesOf(programs, 'host', this.#family, say),
    };
  }

  notes(): readonly Note[] {
    return [...this.#notes.values()];
  }
}

function workloadsOf(members: readonly Occupant[]): string {
  return [...new Set(members.map(({ container }) => workloadName(container)))].toSorted().join(', ');
}

function openedBy(members: readonly Occupant[], family: Family): readonly number[] {
  const ports = members.flatMap(({ container }) =>
    (container.routed ?? []).flatMap((port) =>
      port.family === family && port.protocol === 'udp' ? port.containerPort : [],
    ),
  );
  return [...new Set(ports)].toSorted((a, b) => a - b);
}

function differingNote(members: readonly Seated[], builds: Rest['builds'], { occupants }: Senders): Note {
  const who = [workloadsOf(members), ...(builds.some((one) => one !== null) ? ['docker build'] : [])].join(', ');
  const [first] = members;
  return note(
    `${who}: blocks that differ and no fixed addresses to tell them apart, so each may do what all of them may`,
    { source: first?.program.otherwise ?? null, compose: fixedAddressLines(members, occupants) },
  );
}

function deniedBuildNote({ name }: Network): Note {
  return note(
    `build: deny: what builds on the network ${name} cannot be told from other containers there, so all of them are denied; give those a network of their own`,
  );
}

function titleOf(members: readonly Seated[], others: boolean, { newcomers }: Senders): string {
  const here = members.filter(({ container }) => !newcomers.has(container.id));
  const rest = others ? 'the rest of the subnet' : 'whoever comes';
  if (here.length === 0) return rest;
  return `${workloadsOf(here)}${others ? `, and ${rest}` : ''}`;
}

function aboutPrograms(members: readonly Seated[]): readonly Note[] {
  const programs = [...new Set(members.map(({ program }) => program))];
  return programs.flatMap(({ mode, workload, standing, otherwise }): Note[] => [
    ...(mode === 'audit'
      ? [note(`mode audit of ${workload}: passes as in Sluice, and nothing is recorded`, { source: otherwise })]
      : []),
    ...(standing === 'refused'
      ? [
          note(`${workload}: its labels, x-sluice or allow lists are in error, so it may reach nothing`, {
            source: otherwise,
          }),
        ]
      : []),
    ...(standing === 'named' && otherwise.line === 0
      ? [
          note(`${workload}: its policy is in its labels, which were read now and are not read again`, {
            source: otherwise,
          }),
        ]
      : []),
  ]);
}

/** A name that outlives the network: the engine's own contains the network's id (moby, bridge_linux.go). */
function lastingName({ bridge }: Network): string | null {
  return bridge === null || /^br-[0-9a-f]{12}$/.test(bridge.name) ? null : bridge.name;
}

/** The name that the bridge has while the network lives; null of one that is not made yet. */
function presentName({ bridge }: Network, { world }: Senders): string | null {
  const isThere = world.host.addresses.some((one) => one.interface === bridge?.name);
  return bridge !== null && isThere ? bridge.name : null;
}

function aboutNetwork(network: Network, pinned: string | null, { lasting }: Senders): readonly Note[] {
  const { name } = network;
  return [
    ...(isDefaultBridge(network) || lasting.has(name)
      ? []
      : [
          note(
            `${name}: these rules go by its subnet. Unless your compose file fixes it, the engine may give it another one at its next making`,
            { compose: fixedSubnetLines(network), warn: network.composeKey !== null },
          ),
        ]),
    ...(pinned === null
      ? [
          note(
            `${name}: who forges a source address there is told by the name of its bridge, which the engine changes when it makes the network anew; with a name that lasts, after that too`,
            { compose: bridgeNameLines(network), warn: false },
          ),
        ]
      : []),
  ];
}

/** Neighbours on one bridge meet these hooks only with br_netfilter (net.bridge.bridge-nf-call-iptables). */
function neighboursNote(
  rules: readonly StaticRule[],
  network: Network,
  family: Family,
  { world, occupants }: Senders,
): readonly Note[] {
  if (occupants.on(network).length < 2) return [];
  const own = setOfPrefixes(network.subnets.filter(({ address }) => address.family === family));
  const open = openTo(own, rules);
  const gateway = setOfAddresses([
    ...network.gateways,
    ...network.subnets.map((subnet) => addressOf(subnet.address.family, prefixInterval(subnet).high)),
    ...network.subnets.map(({ address }) => address),
  ]);
  if (isEmptySet(subtractSets(own, unionSets(open, gateway)))) return [];
  const isOn = family === 4 ? world.host.bridgeNetfilter?.ip === true : world.host.bridgeNetfilter?.ip6 === true;
  const key = family === 4 ? 'net.bridge.bridge-nf-call-iptables' : 'net.bridge.bridge-nf-call-ip6tables';
  return [
    note(
      `${network.name}: neighbours on it are parted only while ${key} is 1 (module br_netfilter), which it ${isOn ? 'was here' : 'was not here'} when this was written`,
      { warn: !isOn },
    ),
  ];
}

/** The addresses of a set to which everything is allowed. */
function openTo(set: AddressSet, rules: readonly StaticRule[]): AddressSet {
  let [open, denied] = [noAddresses, noAddresses];
  for (const { verdict, to, l4, until } of rules) {
    const its = to === null ? set : setOfPrefixes(to);
    if (verdict === 'deny') denied = unionSets(denied, its);
    else if (l4 === 'any' && until === undefined) open = unionSets(open, subtractSets(its, denied));
  }
  return open;
}
