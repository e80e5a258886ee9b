import type { Address } from '../ip/address.ts';
import {
  type AddressSet,
  everyAddress,
  intersectSets,
  isEmptySet,
  noAddresses,
  setIncludes,
  setOfAddresses,
  subtractSets,
  unionSets,
} from '../ip/address-set.ts';
import { embedding } from '../ip/embedded.ts';
import { type Prefix, prefixInterval } from '../ip/prefix.ts';
import { type L4Match, protocolNumbers } from '../ip/protocol.ts';
import {
  cloudMetadataSet,
  internetSet,
  linkLocal6Set,
  multicastSet,
  privateBlocksSet,
  privateSet,
  worldlySet,
} from '../ip/registry.ts';
import { formatTarget } from '../policy/format.ts';
import type { BuiltinGroup, Destination, Policy, Who } from '../policy/model.ts';
import type { Network } from '../world/world.ts';
import { canonical, canonicalL4, type Plane } from './clause.ts';
import { type Crowd, crowdKey, exactly } from './crowd.ts';
import type { Clause } from './ruleset.ts';
import { clauseBound } from './too-large.ts';
import { directedBroadcast, type WorldIndex } from './world-index.ts';

/** Whom a list speaks for: what `same-project`, `gateway` and `dns` mean depends on it. */
export interface Subject {
  readonly project: string | null;
  /** The networks its namespace is attached to. */
  readonly networks: readonly Network[];
  readonly resolvers: readonly Address[];
}

/**
 * What a list is for. A permission between containers counts by identity only, and by address it does not reach the
 * host; a prohibition counts by both and everywhere, and takes in what leads to the same by another address. A question is
 * about what the words say: what a prohibition means, without that.
 */
type Role = 'permit' | 'forbid' | 'ask';

/** Turns entries of a policy into clauses. Group clauses carry keys (ids.ts) until {@link Resolver.crowds} has ids. */
export interface Resolver {
  /** Throws a TooLargeError when all of them together are too many. */
  readonly clauses: (destinations: readonly Destination[], subject: Subject, role: Role) => readonly Clause[];
  /** Every crowd that some clause so far speaks of, by key. */
  readonly crowds: ReadonlyMap<string, Crowd>;
}

interface Piece {
  readonly plane: Plane;
  readonly to: Clause['to'];
  /** What of layer 4 the destination itself is limited to. */
  readonly l4?: L4Match;
}

const dnsPorts: L4Match = [protocolNumbers.tcp, protocolNumbers.udp].map((protocol) => ({
  protocol,
  ports: { low: 53, high: 53 },
}));

/** @param crowds of clauses that were resolved before and still count; it gets those of new ones */
export function createResolver(
  policy: Policy,
  index: WorldIndex,
  now: number,
  crowds: Map<string, Crowd> = new Map(),
): Resolver {
  const places = builtinPlaces(index);
  const offLimits = unionSets(index.containerSpace, index.hostBroadcasts);
  // whom a network of its own makes differ is resolved by itself
  const isAsForAll = ({ networks }: Subject) => index.containerSpaceOn(networks) === index.containerSpace;
  const offLimitsFor = (subject: Subject) =>
    isAsForAll(subject) ? offLimits : unionSets(index.containerSpaceOn(subject.networks), index.hostBroadcasts);
  const isOutside = (address: Address, { networks }: Subject) =>
    setIncludes(index.hostAddresses, address) || !setIncludes(index.containerSpaceOn(networks), address);
  const shared = {
    permit: new Map<Destination, readonly Clause[]>(),
    forbid: new Map<Destination, readonly Clause[]>(),
    ask: new Map<Destination, readonly Clause[]>(),
  };

  const crowd = (one: Crowd): readonly Piece[] => {
    const key = crowdKey(one);
    crowds.set(key, one);
    return [{ plane: 'forward', to: { kind: 'group', group: key } }];
  };

  const area = (set: AddressSet, subject: Subject, role: Role): readonly Piece[] => {
    if (role !== 'permit') return [at('forward', set), at('host', set)];
    const groupAddressed = intersectSets(set, multicastSet);
    return [
      at('forward', outOf(set, offLimitsFor(subject))),
      ...(isEmptySet(groupAddressed) ? [] : [at('host', groupAddressed)]),
    ];
  };

  /** Single addresses that may be the host's or somebody else's. */
  const points = (addresses: readonly Address[], l4?: L4Match): readonly Piece[] => {
    const set = setOfAddresses(addresses);
    const [host, elsewhere] = [intersectSets(set, index.hostAddresses), subtractSets(set, index.hostAddresses)];
    return [at('host', host), at('forward', elsewhere)]
      .filter(({ to }) => to.kind === 'group' || !isEmptySet(to.set))
      .map((piece) => (l4 === undefined ? piece : { ...piece, l4 }));
  };

  const builtin = (group: BuiltinGroup, subject: Subject, role: Role): readonly Piece[] => {
    const withOtherWays = (set: AddressSet, ways: AddressSet) => (role === 'forbid' ? unionSets(set, ways) : set);
    switch (group) {
      case 'same-project':
        return subject.project === null
          ? []
          : crowd({ kind: 'project', project: exactly(subject.project), service: null });
      case 'same-network':
        return subject.networks.flatMap((network) => crowd({ kind: 'network', network: network.name }));
      case 'containers':
        return crowd({ kind: 'containers' });
      case 'host':
        // who hears what is sent to many has been reached by it: only a permission leaves that out
        return [at('host', role === 'forbid' ? everyAddress : places.host)];
      case 'gateway': {
        const own = setOfAddresses(subject.networks.flatMap((network) => network.gateways));
        return [...(isEmptySet(own) ? [] : [at('host', own)]), ...points(index.world.engine.hostGateway)];
      }
      case 'dns':
        // a compose file names resolvers as it likes; between containers only identity counts
        return points(
          subject.resolvers.filter((one) => isOutside(one, subject)),
          dnsPorts,
        );
      case 'cloud-metadata':
        return area(withOtherWays(cloudMetadataSet, places.carrying.cloudMetadata), subject, role);
      case 'private':
        // a neighbour's link-local address is private, the host's own is the host
        return role === 'permit'
          ? area(places.private, subject, role)
          : [
              at('forward', withOtherWays(places.private, places.carrying.private)),
              at('host', withOtherWays(places.privateOnHost, places.carrying.private)),
            ];
      case 'internet':
        return area(withOtherWays(places.internet, places.worldly), subject, role);
      case 'multicast': {
        const own = subject.networks.flatMap((network) => network.subnets.flatMap(directedBroadcast));
        const set = unionSets(multicastSet, intersectSets(setOfAddresses(own), index.broadcasts));
        if (role !== 'permit') return [at('forward', set), at('host', set)];
        // the last address of a subnet that anyone has chosen may be a host's elsewhere: it is a broadcast on its bridge
        const onBridges = subject.networks.flatMap((network) => crowd({ kind: 'broadcast', network: network.name }));
        return [at('forward', multicastSet), ...onBridges, at('host', set)];
      }
    }
  };

  const pieces = (who: Exclude<Who, { kind: 'group' }>, subject: Subject, role: Role): readonly Piece[] => {
    switch (who.kind) {
      case 'any':
        return [at('forward', everyAddress), at('host', everyAddress)];
      case 'prefix':
        return area(setOfPrefix(who.prefix), subject, role);
      case 'name':
        return []; // a name allows nothing until its answers are followed; in a deny it is an error of the policy
      case 'service':
        return subject.project === null
          ? []
          : crowd({ kind: 'project', project: exactly(subject.project), service: exactly(who.service) });
      case 'workload':
        return crowd({ kind: 'project', project: who.project, service: who.service });
      case 'container':
        return crowd({ kind: 'container', name: who.name });
      case 'network':
        return crowd({ kind: 'network', network: engineName(who, subject) });
      case 'builtin':
        return builtin(who.group, subject, role);
    }
  };

  const engineName = (who: Extract<Who, { kind: 'network' }>, subject: Subject): string => {
    if (!who.composeKey) return who.name;
    const written = policy.compose
      .filter(({ project }) => project === subject.project)
      .map(({ networks }) => networks.get(who.name)?.engineName)
      .find((name) => name !== undefined);
    const labelled = index.world.networks
      .filter(({ project, composeKey }) => project === subject.project && composeKey === who.name)
      .map(({ name }) => name)
      .toSorted()[0];
    return written ?? labelled ?? `${subject.project ?? ''}_${who.name}`;
  };

  /**
   * One entry; what it means does not depend on the subject unless a built-in group or a service of it does, or a network
   * of the subject's own that is elsewhere for others.
   */
  const resolve = (destination: Destination, subject: Subject, role: Role): readonly Clause[] => {
    const isShared = isAsForAll(subject);
    const known = isShared ? shared[role].get(destination) : undefined;
    if (known !== undefined) return known;
    const leaves = leavesOf(destination, policy);
    const ofLeaf = ({ who, l4, until }: Leaf): readonly Clause[] => {
      if (until !== undefined && now > until) return [];
      const found = pieces(who, subject, role).map((piece) => clauseOf(piece, l4, until, destination));
      const clauses = found.filter((clause) => clause.l4 === 'any' || clause.l4.length > 0);
      // an entry that reaches nobody stays visible: explain says why it did not match
      return clauses.length > 0 ? clauses : [clauseOf(at('forward', noAddresses), l4, until, destination)];
    };
    const [only, ...more] = leaves;
    const result = only !== undefined && more.length === 0 ? ofLeaf(only) : leaves.flatMap(ofLeaf);
    // one address is resolved faster than it is remembered
    if (isShared && only?.who.kind !== 'prefix' && !leaves.some(dependsOnSubject))
      shared[role].set(destination, result);
    return result;
  };

  const bound = clauseBound();
  return {
    crowds,
    clauses: (destinations, subject, role) =>
      canonical(
        destinations.flatMap((destination) => {
          const made = resolve(destination, subject, role);
          bound(made.length);
          return made;
        }),
      ),
  };
}

const carryingCloudMetadata = embedding(cloudMetadataSet);
/** Of whole blocks: without the holes for `cloud-metadata` in each, which are hundreds of prefixes. */
const carryingPrivate = embedding(privateBlocksSet);

function builtinPlaces(index: WorldIndex): {
  readonly host: AddressSet;
  readonly private: AddressSet;
  /** The same on the host plane, where every link-local destination is the host's own. */
  readonly privateOnHost: AddressSet;
  readonly internet: AddressSet;
  /** What leads to the internet beside its own addresses. */
  readonly worldly: AddressSet;
  /** Addresses that carry one of a place's. */
  readonly carrying: { readonly cloudMetadata: AddressSet; readonly private: AddressSet };
} {
  // link-local addresses come with a bridge's first container: no program may change for that
  const own = subtractSets(index.hostAddresses, linkLocal6Set);
  const others = subtractSets(privateSet, own);
  return {
    host: hostPlace(index),
    private: others,
    privateOnHost: subtractSets(others, linkLocal6Set),
    internet: subtractSets(internetSet, own),
    worldly: subtractSets(worldlySet, own),
    carrying: {
      cloudMetadata: subtractSets(carryingCloudMetadata, own),
      private: subtractSets(carryingPrivate, own),
    },
  };
}

/**
 * Destinations that are the host itself, on the host plane: whatever the kernel takes for an address of its own, also
 * one it got a moment ago; not the multicast and broadcast that it takes in beside everybody else.
 */
export function hostPlace(index: WorldIndex): AddressSet {
  return subtractSets(subtractSets(everyAddress, multicastSet), index.broadcasts);
}

function at(plane: Plane, set: AddressSet): Piece {
  return { plane, to: { kind: 'addresses', set } };
}

function clauseOf(piece: Piece, l4: L4Match, until: number | undefined, destination: Destination): Clause {
  return {
    plane: piece.plane,
    to: piece.to,
    l4: canonicalL4(intersectL4(l4, piece.l4 ?? 'any')),
    ...(until === undefined ? {} : { until }),
    entry: entryText(destination),
    source: destination.source,
  };
}

function setOfPrefix(prefix: Prefix): AddressSet {
  const intervals = [prefixInterval(prefix)];
  return prefix.address.family === 4 ? { v4: intervals, v6: [] } : { v4: [], v6: intervals };
}

/** An entry for people: as it was written, a long form on one line. */
export function entryText({ who, l4, source }: Destination): string {
  return /[\s{}]/.test(source.text) ? formatTarget(who, l4) : source.text;
}

/** Like subtractSets, quick where nothing is taken away: lists are long, and few entries are near Docker's subnets. */
function outOf(set: AddressSet, hole: AddressSet): AddressSet {
  return isApart(set, hole) ? set : subtractSets(set, hole);
}

/** Whether two sets have nothing in common, if that is quickly seen. */
function isApart(set: AddressSet, other: AddressSet): boolean {
  if (set.v4.length + set.v6.length !== 1) return false;
  return isClear(set.v4[0], other.v4) && isClear(set.v6[0], other.v6);
}

function isClear(one: AddressSet['v4'][number] | undefined, holes: AddressSet['v4']): boolean {
  if (one === undefined) return true;
  let [from, to] = [0, holes.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((holes[middle] as AddressSet['v4'][number]).high < one.low) from = middle + 1;
    else to = middle;
  }
  const next = holes[from];
  return next === undefined || next.low > one.high;
}

export interface Leaf {
  readonly who: Exclude<Who, { kind: 'group' }>;
  readonly l4: L4Match;
  readonly until: number | undefined;
}

/** An entry with the policy's groups written out; a group's own ports stand, the entry's apply where it has none. */
export function leavesOf(destination: Destination, policy: Policy, inside: readonly string[] = []): readonly Leaf[] {
  const { l4, until } = destination;
  const [only, ...more] = destination.who;
  if (only !== undefined && only.kind !== 'group' && more.length === 0) return [{ who: only, l4, until }];
  return destination.who.flatMap((who): readonly Leaf[] => {
    if (who.kind !== 'group') return [{ who, l4, until }];
    if (inside.includes(who.name)) return []; // a cycle is an error of the policy; here it only has to end
    const members = policy.groups.get(who.name)?.members ?? [];
    return members
      .flatMap((member) => leavesOf(member, policy, [...inside, who.name]))
      .map((leaf) => ({ who: leaf.who, l4: intersectL4(leaf.l4, l4), until: earlier(leaf.until, until) }));
  });
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}

function intersectL4(a: L4Match, b: L4Match): L4Match {
  if (a === 'any') return b;
  if (b === 'any') return a;
  return a.flatMap((left) =>
    b.flatMap((right) => {
      const low = Math.max(left.ports.low, right.ports.low);
      const high = Math.min(left.ports.high, right.ports.high);
      return left.protocol === right.protocol && low <= high ? [{ protocol: left.protocol, ports: { low, high } }] : [];
    }),
  );
}

const ofSubject = new Set<BuiltinGroup>(['same-project', 'same-network', 'gateway', 'dns', 'multicast']);

function dependsOnSubject({ who }: Leaf): boolean {
  return (
    who.kind === 'service' ||
    (who.kind === 'network' && who.composeKey) ||
    (who.kind === 'builtin' && ofSubject.has(who.group))
  );
}
