import { type AddressSet, isEmptySet } from '../ip/address-set.ts';
import { diagnostic } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import { readLabels } from '../policy/labels.ts';
import type { Policy } from '../policy/model.ts';
import { sourceOfLabels } from '../policy/source.ts';
import type { Container, Network, World } from '../world/world.ts';
import { absentWorkloads, type NamedWorkloads, workloadsNamedIn } from './absent.ts';
import { sourceKey } from './clause.ts';
import { addressesOfPlaces, crowdPlaces } from './crowd.ts';
import { chainOf, type Deciding, type LabelReading } from './decide.ts';
import {
  type Bridged,
  dropsUnknown,
  enrolledBridge,
  enrolledNetworks,
  enrolling,
  namedProjects,
  type Odd,
  oddNetworks,
} from './enrol.ts';
import { heldAddresses, heldNetworks, knownBridges } from './held.ts';
import { allocateIds } from './ids.ts';
import { labelBudget } from './label-budget.ts';
import { factsOf, Memory } from './memory.ts';
import { type FileBlocks, indexBlocks } from './naming.ts';
import { by, sortUnique } from './order.ts';
import { namePrograms } from './program-names.ts';
import { type Draft, draftBuild, prepareGuard } from './programs.ts';
import { createPublishing, type Publishing, portsText, publishedEndpoints } from './published.ts';
import { remember } from './remember.ts';
import { createResolver, hostPlace } from './resolve.ts';
import type { AddressGroup, Barred, Clause, GroupMember, RememberedNetwork, Ruleset, Unheld } from './ruleset.ts';
import { isSameWorld } from './same-world.ts';
import { byPlace, groupsByOwner, identity, programOf, seatOf, withGroupId } from './seated.ts';
import { findSenders } from './senders.ts';
import { checkSize } from './too-large.ts';
import { isOpen } from './unheld.ts';
import { untilsOf } from './untils.ts';
import { indexWorld } from './world-index.ts';

export interface Compiled {
  readonly ruleset: Ruleset;
  /** Sorted. None keeps the ruleset from being held: what they speak of was closed, not left open. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * What the kernel is to hold for a policy and what runs now. Deterministic: the order of lists in the policy or the world
 * changes nothing.
 *
 * @param now milliseconds since the epoch: permissions whose `until` has passed are left out
 * @param remembered the `heldNetworks` of the time before
 * @throws TooLargeError
 */
export function compile(
  policy: Policy,
  world: World,
  now: number,
  remembered: readonly RememberedNetwork[] = [],
): Compiled {
  return createCompiler(policy)(world, now, remembered);
}

/** {@link compile} for one policy and one world after the other. */
export type Compiler = (world: World, now: number, remembered?: readonly RememberedNetwork[]) => Compiled;

/**
 * A compiler that gives what {@link compile} gives, and remembers: what has not changed since the time before is not worked
 * out again, and is the same object; where nothing has changed, so is all of it. One container that comes or goes among a
 * thousand is so told in some ten milliseconds.
 *
 * @param memory of the compiler of the policy before, where there was one: what both policies say of a workload stays the
 *   same objects
 */
export function createCompiler(policy: Policy, memory: Memory = new Memory()): Compiler {
  const known: Known = {
    policy,
    memory,
    untils: untilsOf(policy),
    mentioned: workloadsNamedIn(policy),
    blocks: indexBlocks(policy),
    labels: remember(new WeakMap<Container, LabelReading>(), (container) =>
      readLabels(container.labels, container.name, policy.groups),
    ),
    named: new WeakMap(),
  };
  let last: Last | null = null;
  return (world, now, remembered = []) => {
    const passed = known.untils.filter((until) => now > until).length;
    // what is held is found again from itself, so it may come back in place of what it was found from
    const isSame =
      last !== null &&
      last.passed === passed &&
      (remembered === last.remembered || remembered === last.compiled.ruleset.heldNetworks) &&
      isSameWorld(last.world, world);
    const compiled = last !== null && isSame ? last.compiled : compileWith(known, world, now, remembered);
    last = { world, passed, remembered, compiled };
    return compiled;
  };
}

/** What was compiled the time before, and from what. */
interface Last {
  readonly world: World;
  /** How many permissions of the policy had ended. */
  readonly passed: number;
  readonly remembered: readonly RememberedNetwork[];
  readonly compiled: Compiled;
}

interface Known {
  readonly policy: Policy;
  readonly memory: Memory;
  readonly untils: readonly number[];
  readonly mentioned: NamedWorkloads;
  readonly blocks: FileBlocks;
  /** What a container's labels say. */
  readonly labels: (container: Container) => LabelReading;
  /** Whether policy names a container, and the names of the networks it was on when that was asked. */
  readonly named: WeakMap<Container, { readonly on: string; readonly isNamed: boolean }>;
}

function compileWith(
  { policy, memory, untils, mentioned, blocks, labels, named: knownNamed }: Known,
  world: World,
  now: number,
  remembered: readonly RememberedNetwork[],
): Compiled {
  const index = indexWorld(world);
  const budget = labelBudget(index.containers, labels);
  const facts = `${factsOf(index, untils, now)}${budget.over}`;
  memory.begin(policy, facts);
  const resolver = createResolver(policy, index, now, memory.crowds);
  const places = remember(new Map(), (key: string): readonly GroupMember[] => {
    const crowd = resolver.crowds.get(key);
    if (crowd === undefined) throw new Error(`no such group: ${key}`);
    return crowdPlaces(crowd, index);
  });
  const groups = remember(new Map(), (key: string): AddressSet => addressesOfPlaces(places(key)));
  const deciding: Deciding = {
    policy,
    blocks,
    resolver,
    identities: {
      crowds: resolver.crowds,
      addresses: (key) => {
        memory.noteMembership();
        return groups(key);
      },
    },
    labelsOf: budget.labelsOf,
  };
  const isNamed = (container: Container) => {
    const names = index.networksOf(container).map(({ name }) => name);
    const on = names.join('\n');
    let known = knownNamed.get(container);
    if (known?.on !== on) {
      const is = [null, ...names].some((network) => chainOf(container, network, deciding).length > 0);
      known = { on, isNamed: is };
      knownNamed.set(container, known);
    }
    return known.isNamed;
  };
  const named = index.containers.filter(isNamed);
  const isNamedProject = namedProjects(policy, blocks, named);
  const isWanted = enrolling(policy, index, named, isNamedProject, remembered);
  const enrolled = enrolledNetworks(world, isWanted);
  const odd = oddNetworks(world, isWanted);
  const known = knownBridges(world, enrolled);
  const attached = Map.groupBy(
    named.flatMap((container) => index.networksOf(container).map((network) => ({ network, id: container.id }))),
    ({ network }) => network,
  );
  const attachedTo = (network: Network) => (attached.get(network) ?? []).map(({ id }) => id);
  const held = heldNetworks(
    world,
    [...enrolled, ...odd],
    known,
    isNamedProject,
    attachedTo,
    new Set(named.map(({ id }) => id)),
    remembered,
  );
  const guard = prepareGuard(policy, resolver, now);
  const publishing = createPublishing(index, resolver.crowds, groups, hostPlace(index), now);
  const ports = `${facts}${portsText(index)}`;
  const publish: Publishing = (draft) => memory.publish(draft, ports, publishing);
  const found = findSenders({ policy, index, deciding, guard, publish, memory, enrolled: new Set(enrolled) });
  const build = buildOf(policy, enrolled, guard, publish, memory);
  const barred = barredOf(odd, found.barred);

  const programs = namePrograms(found.seats, build, memory);
  const used = new Set([...programs.drafts.values()].flatMap((draft) => memory.groupKeys(draft)));
  const groupIds = allocateIds(used);
  const ofGroup = remember(new Map(), (clause: Clause) => withGroupId(clause, groupIds));
  const groupsOf = groupsByOwner(groupIds, resolver.crowds, index);
  const withIds = (clause: Clause) => (clause.to.kind === 'group' ? ofGroup(clause) : clause);
  const ruleset: Ruleset = {
    denied: policy.defaults.denied,
    bridges: enrolled.map((network) => enrolledBridge(network, build === null ? null : programs.idOf(build))),
    endpoints: memory.endpoints(
      found.seats.flatMap((seat) => identity(seat, programs.idOf(seat.draft))).toSorted(byPlace),
    ),
    seats: memory.seats(
      found.seats
        .map((seat) => seatOf(seat, programs.idOf(seat.draft), groupsOf.get(seat.container) ?? []))
        .toSorted(by(({ container, network }) => `${container.id}\0${network}`)),
    ),
    programs: memory.programs(
      [...programs.drafts.entries()]
        .map(([id, draft]) => memory.program(id, draft, groupIds, () => programOf(id, draft, withIds)))
        .toSorted(by(({ id }) => id)),
    ),
    groups: memory.groups(
      [...groupIds.entries()]
        .map(([key, id]): AddressGroup => ({ id, members: places(key), addresses: groups(key) }))
        .toSorted(by(({ id }) => id)),
    ),
    hostAddresses: index.hostAddresses,
    ...(isEmptySet(index.onWires) ? {} : { onWires: index.onWires }),
    ...(barred.length === 0 ? {} : { barred }),
    published: publishedEndpoints(index),
    unknownBridges: policy.defaults.unknownBridge,
    knownBridges: known,
    held: heldAddresses(held, world, known),
    heldNetworks: held,
    unheld: sortUnique(found.unheld, ({ container, code, reason }) => `${container.id}\0${code}\0${reason}`),
  };
  memory.end(used);
  checkSize(ruleset.programs);
  const diagnostics = [
    ...found.diagnostics,
    ...absentWorkloads(mentioned, index),
    ...notEnforceable(ruleset.unheld, index.containers, deciding),
  ];
  return {
    ruleset,
    diagnostics: sortUnique(diagnostics, ({ source, code, message }) => `${sourceKey(source)}\0${code}\0${message}`),
  };
}

/** Bridges with odd names, and ports; each interface once. */
function barredOf(odd: readonly Odd[], ports: readonly Barred[]): readonly Barred[] {
  const all = [...odd.map(({ oddBridge }) => oddBridge), ...ports].map(({ name, index }) => ({ name, index }));
  return [...new Map(all.map((one) => [one.index, one])).values()].toSorted((a, b) => a.index - b.index);
}

function buildOf(
  policy: Policy,
  enrolled: readonly Bridged[],
  guard: ReturnType<typeof prepareGuard>,
  publish: Publishing,
  memory: Memory,
): Draft | null {
  const network = enrolled.find((one) => !dropsUnknown(one, policy));
  if (network === undefined) return null;
  return publish(memory.build(draftBuild({ project: null, networks: [network], resolvers: [] }, guard)));
}

/**
 * A container that policy wants enforced and that cannot be held is an error, at the block that wants it; not where it is
 * cut off, or who has NET_ADMIN could keep the operator from applying anything by taking its own interface away.
 */
function notEnforceable(
  list: readonly Unheld[],
  containers: readonly Container[],
  deciding: Deciding,
): readonly Diagnostic[] {
  const byId = new Map(containers.map((container) => [container.id, container]));
  return list.filter(isOpen).flatMap(({ container, workload, reason, fix }) => {
    const its = byId.get(container.id);
    if (its === undefined) return [];
    const source = chainOf(its, null, deciding)[0]?.blocks[0]?.source ?? sourceOfLabels(container.name, workload);
    return [diagnostic('notEnforceable', source, `${workload} cannot be held: ${reason}`, { fix })];
  });
}
