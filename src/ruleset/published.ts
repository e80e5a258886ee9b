import type { Address } from '../ip/address.ts';
import {
  type AddressSet,
  everyAddress,
  intersectSets,
  isEmptySet,
  ofFamily,
  setOfAddresses,
  subtractSets,
} from '../ip/address-set.ts';
import { type Box, boxesOf, intersectBoxes, subtractBoxes } from '../ip/box.ts';
import type { Interval } from '../ip/interval.ts';
import { type Prefix, prefixInterval } from '../ip/prefix.ts';
import { type L4Match, protocolNumbers } from '../ip/protocol.ts';
import type { Container, PublishedPort } from '../world/world.ts';
import { clausesOfBoxes } from './box-clauses.ts';
import { coveredUntil, endingBy } from './ceiling.ts';
import { canonical, clauseMatches, type GroupAddresses, setKey } from './clause.ts';
import { type Crowd, crowdMembers } from './crowd.ts';
import type { Draft } from './programs.ts';
import type { Clause, OpenPort, PublishedEndpoint } from './ruleset.ts';
import { presentEndpoints, type WorldIndex } from './world-index.ts';

/** A published port: where the host answers for a container, and where the container itself does. */
interface Publication {
  readonly protocol: number;
  readonly hostPort: number;
  /** The host's addresses it is bound to. */
  readonly bound: AddressSet;
  /** All that it hears: bound to no one address, also what is sent to many (ip(7)). */
  readonly heard: AddressSet;
  readonly containerPort: number;
  /** Of the container, sorted; none while it does not run. */
  readonly addresses: readonly Address[];
  /** Where its addresses will be, while it has none. */
  readonly subnets: readonly Prefix[];
}

/**
 * So many ports that are to be published are denied beforehand, of one container and of all that do not run: each may be a clause in
 * everybody's program, and whoever creates containers may write down tens of thousands that are never bound.
 */
const [mostOfOne, mostExpected] = [1_000, 5_000];

/** The ports a container publishes, as far as they count; of one that does not run nobody listens there yet. */
function portsThatCount(container: Container): Container['published'] {
  const isThere = presentEndpoints(container).length > 0;
  return isThere || container.published.length <= mostOfOne
    ? container.published
    : container.published.slice(0, mostOfOne);
}

/** All that publishing asks of a world's containers, as text: who publishes what, and who they are to policy. */
export function portsText(index: WorldIndex): string {
  const texts = index.containers.flatMap((container) => {
    const { id, name, project, service } = container;
    const owner = index.ownerOf(container);
    if (owner.kind !== 'container' || owner.container.published.length === 0) return [];
    const { v4, v6 } = index.addressesOf(container);
    return JSON.stringify(
      [
        id,
        name,
        project,
        service,
        index.networksOf(container).map((network) => network.name),
        portsThatCount(owner.container),
        v4,
        v6,
      ],
      (_, value: unknown) => (typeof value === 'bigint' ? value.toString(36) : value),
    );
  });
  return texts.join('\n');
}

/** Puts the services behind published ports into the host's clauses of a draft. */
export type Publishing = (draft: Draft) => Draft;

/**
 * policy.md: "A published port counts as `host` with that port and as its service with the container's port: allowed if
 * an allow matches either, unless a deny or a guardrail matches either, whichever way the engine routes it." What
 * matches the service at the container's port gets a twin for the host at the host's port.
 *
 * A container that does not run yet has its denials beforehand, unless another one that runs has its port of the host. What
 * allows it waits until it runs: until then the port may be anybody's.
 */
export function createPublishing(
  index: WorldIndex,
  crowds: ReadonlyMap<string, Crowd>,
  groups: GroupAddresses,
  hostPlace: AddressSet,
  now: number,
): Publishing {
  const found = new Map(index.containers.map((container) => [container, publicationsOf(container, index, hostPlace)]));
  const all = [...found.values()].flat();
  if (all.length === 0) return (draft) => draft;
  const present = all.filter(isPresent);
  const expected = all
    .filter((one) => !isPresent(one))
    .slice(0, mostExpected)
    .filter((one) => !present.some((other) => isSamePort(one, other)));
  const permit = createTwins({ publications: present, at: ({ bound }) => bound, found, index, crowds });
  const forbid = createTwins({
    publications: [...present, ...expected],
    at: ({ heard }) => heard,
    found,
    index,
    crowds,
  });

  return (draft) => {
    const lists = { deny: forbid.beside(draft.deny), allow: permit.beside(draft.allow) };
    if (draft.except.length === 0) return { ...draft, ...lists, guard: forbid.beside(draft.guard) };
    const guarded = [...new Set(draft.guard.flatMap(forbid.matching))];
    const fine = { draft, groups, now };
    return {
      ...draft,
      ...lists,
      guard: forbid.beside(draft.guard),
      except: guarded.reduce(
        (except, publication) =>
          // an exception for the host has nothing of what is sent to many
          [publication.bound, subtractSets(publication.heard, publication.bound)].reduce(
            (left, place) => exceptAt(left, publication, place, fine),
            except,
          ),
        draft.except,
      ),
    };
  };
}

function isPresent({ addresses }: Publication): boolean {
  return addresses.length > 0;
}

function isSamePort(one: Publication, other: Publication): boolean {
  return (
    one.protocol === other.protocol &&
    one.hostPort === other.hostPort &&
    !isEmptySet(intersectSets(one.bound, other.bound))
  );
}

interface Twins {
  /** Publications whose service a clause matches. */
  readonly matching: (clause: Clause) => readonly Publication[];
  /** A list with the twins of its clauses. */
  readonly beside: (list: readonly Clause[]) => readonly Clause[];
}

function createTwins({
  publications,
  at,
  found,
  index,
  crowds,
}: {
  readonly publications: readonly Publication[];
  /** Where on the host a twin counts. */
  readonly at: (publication: Publication) => AddressSet;
  readonly found: ReadonlyMap<Container, readonly Publication[]>;
  readonly index: WorldIndex;
  readonly crowds: ReadonlyMap<string, Crowd>;
}): Twins {
  const counting = new Set(publications);
  const points = {
    4: pointsOf(publications, 4),
    6: pointsOf(publications, 6),
  } as const;
  const expected = publications.filter((one) => !isPresent(one));

  const ofCrowd = new Map<string, readonly Publication[]>();
  const reachedBy = (clause: Clause): readonly Publication[] => {
    const { to } = clause;
    if (to.kind === 'addresses') {
      const { v4, v6 } = to.set;
      const reached = v6.length === 0 ? within(points[4], v4) : [...within(points[4], v4), ...within(points[6], v6)];
      const surely = expected.filter(({ subnets }) => subnets.some((subnet) => holds(to.set, subnet)));
      return surely.length === 0 ? reached : [...reached, ...surely];
    }
    let reached = ofCrowd.get(to.group);
    if (reached === undefined) {
      const crowd = crowds.get(to.group);
      const members = crowd === undefined ? [] : crowdMembers(crowd, index);
      reached = members.flatMap((member) => found.get(member) ?? []).filter((one) => counting.has(one));
      ofCrowd.set(to.group, reached);
    }
    return reached;
  };

  const matching = (clause: Clause): readonly Publication[] => {
    if (clause.plane !== 'forward' || isAny(clause)) return [];
    const reached = reachedBy(clause);
    if (reached.length === 0) return reached;
    return reached.filter(({ protocol, containerPort }) => portMatches(clause.l4, protocol, containerPort));
  };

  const known = new Map<Clause, readonly Clause[]>();
  const twins = (clause: Clause): readonly Clause[] => {
    const matched = matching(clause);
    if (matched.length === 0) return nothing;
    const its = known.get(clause) ?? twinsAt(clause, matched, at);
    known.set(clause, its);
    return its;
  };
  return {
    matching,
    beside: (list) => {
      const added = list.flatMap(twins);
      return added.length === 0 ? list : canonical([...list, ...added]);
    },
  };
}

/** Whether a set has every address of a subnet. */
function holds(set: AddressSet, subnet: Prefix): boolean {
  const { low, high } = prefixInterval(subnet);
  return ofFamily(set, subnet.address.family).some((one) => one.low <= low && high <= one.high);
}

/** Published ports are of protocols with ports, which mean the same on both families. */
function portMatches(l4: L4Match, protocol: number, port: number): boolean {
  if (l4 === 'any') return true;
  return l4.some((one) => one.protocol === protocol && one.ports.low <= port && port <= one.ports.high);
}

/** `any` has the whole host beside it already. */
function isAny({ to, l4 }: Clause): boolean {
  return l4 === 'any' && to.kind === 'addresses' && to.set === everyAddress;
}

const nothing: readonly never[] = [];

function twinsAt(
  clause: Clause,
  publications: readonly Publication[],
  at: (publication: Publication) => AddressSet,
): readonly Clause[] {
  const byPlace = new Map<string, { readonly set: AddressSet; readonly l4: Map<string, Publication> }>();
  for (const publication of publications) {
    const set = at(publication);
    const key = setKey(set);
    const place = byPlace.get(key) ?? { set, l4: new Map() };
    place.l4.set(`${publication.protocol}:${String(publication.hostPort).padStart(5, '0')}`, publication);
    byPlace.set(key, place);
  }
  return [...byPlace.values()].map(({ set, l4 }) => ({
    ...clause,
    plane: 'host',
    to: { kind: 'addresses', set },
    l4: [...l4.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, publication]) => hostPorts(publication)[0]),
  }));
}

function hostPorts({ protocol, hostPort }: Publication): readonly [Exclude<L4Match, 'any'>[number]] {
  return [{ protocol, ports: { low: hostPort, high: hostPort } }];
}

/**
 * Exceptions where a guardrail forbids the service behind a published port: there, one counts only if the service is
 * excepted, and where the guardrails forbid the host's side as well, only while that is excepted too. So the exceptions
 * for the host lose that port, and get it back for as long as both hold.
 *
 * @param place where on the host
 */
function exceptAt(
  except: readonly Clause[],
  publication: Publication,
  place: AddressSet,
  { draft, groups, now }: { readonly draft: Draft; readonly groups: GroupAddresses; readonly now: number },
): readonly Clause[] {
  const region = boxesOf(place, hostPorts(publication));
  const reach = (clause: Clause): readonly Box[] =>
    clause.to.kind === 'addresses' ? boxesOf(clause.to.set, clause.l4) : [];
  const onHost = (clauses: readonly Clause[]) => clauses.filter(({ plane }) => plane === 'host');

  const trimmed = except.flatMap((clause) => {
    if (clause.plane !== 'host' || intersectBoxes(reach(clause), region).length === 0) return [clause];
    return clausesOfBoxes(subtractBoxes(reach(clause), region), clause);
  });
  const service = publication.addresses.flatMap((address) => {
    const target = {
      plane: 'forward',
      address,
      protocol: publication.protocol,
      port: publication.containerPort,
    } as const;
    if (!draft.guard.some((clause) => clauseMatches(clause, target, groups, now))) return [];
    const best = draft.except
      .filter((clause) => clauseMatches(clause, target, groups, now))
      .toSorted((a, b) => end(b) - end(a))[0];
    return [best];
  });
  // each address of the service that a guardrail forbids must be excepted; the one that ends first counts
  const excepted = service.filter((clause) => clause !== undefined);
  const first = excepted.toSorted((a, b) => end(a) - end(b))[0];
  if (first === undefined || excepted.length < service.length) return trimmed;
  const forbidden = intersectBoxes(region, onHost(draft.guard).flatMap(reach));
  const open = subtractBoxes(region, forbidden);
  const until = coveredUntil(forbidden, onHost(draft.except), reach);
  const twin = { ...first, plane: 'host' } as const;
  return canonical([
    ...trimmed,
    ...clausesOfBoxes(open, twin),
    ...(until === undefined ? [] : clausesOfBoxes(forbidden, endingBy(twin, until))),
  ]);
}

/** Infinity for good; two such must compare as equal. */
function end({ until }: Clause): number {
  return until ?? Number.MAX_SAFE_INTEGER;
}

/** What is published of a namespace: the owner's ports, which whoever of its project shares it answers on as well. */
function publicationsOf(container: Container, index: WorldIndex, hostPlace: AddressSet): readonly Publication[] {
  const owner = index.answersAs(container);
  if (owner === null || owner.published.length === 0) return [];
  const { v4, v6 } = index.addressesOf(container);
  const addresses: readonly Address[] = [...single(4, v4), ...single(6, v6)];
  const subnets = addresses.length > 0 ? [] : index.networksOf(container).flatMap((network) => network.subnets);
  return portsThatCount(owner).map((port) => ({
    protocol: protocolNumbers[port.protocol],
    hostPort: port.hostPort,
    bound: boundTo(port, hostPlace),
    heard: boundTo(port, everyAddress),
    containerPort: port.containerPort,
    addresses,
    subnets,
  }));
}

function single(family: 4 | 6, intervals: readonly Interval[]): readonly Address[] {
  return intervals.flatMap(({ low, high }) =>
    Array.from({ length: Number(high - low) + 1 }, (_, offset) => ({ family, value: low + BigInt(offset) })),
  );
}

/** The unspecified address stands for every address of its family, and none given for both. */
function boundTo({ hostAddress }: PublishedPort, hostPlace: AddressSet): AddressSet {
  if (hostAddress === null) return hostPlace;
  if (hostAddress.value !== 0n) return setOfAddresses([hostAddress]);
  return hostAddress.family === 4 ? { v4: hostPlace.v4, v6: [] } : { v4: [], v6: hostPlace.v6 };
}

interface Point {
  readonly value: bigint;
  readonly publication: Publication;
}

function pointsOf(publications: readonly Publication[], family: 4 | 6): readonly Point[] {
  return publications
    .flatMap((publication) =>
      publication.addresses.filter((address) => address.family === family).map(({ value }) => ({ value, publication })),
    )
    .toSorted((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
}

function within(points: readonly Point[], intervals: readonly Interval[]): readonly Publication[] {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return [];
  return intervals.flatMap(({ low, high }) => {
    if (high < first.value || low > last.value) return [];
    let [from, to] = [0, points.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((points[middle] as Point).value < low) from = middle + 1;
      else to = middle;
    }
    const found: Publication[] = [];
    for (let at = from; at < points.length && (points[at] as Point).value <= high; at++)
      found.push((points[at] as Point).publication);
    return found;
  });
}

/** The container's own ports where conversations from outside may begin, each once, sorted. */
export function openPorts({ published, routed = [] }: Container): readonly OpenPort[] {
  const open = new Map<string, OpenPort>();
  const add = (port: OpenPort) => {
    const both = `${String(port.protocol).padStart(3, '0')} ${String(port.port).padStart(5, '0')}`;
    if (!open.has(both)) open.set(`${both}${port.only === undefined ? '' : ` ${port.only}`}`, port);
  };
  for (const { protocol, containerPort } of published)
    add({ protocol: protocolNumbers[protocol], port: containerPort });
  for (const { protocol, family, containerPort } of routed)
    add({ only: family, protocol: protocolNumbers[protocol], port: containerPort });
  return [...open.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port);
}

/**
 * Where conversations from outside may begin: every address of a container, at each port that is published, by the host
 * or by route.
 */
export function publishedEndpoints(index: WorldIndex): readonly PublishedEndpoint[] {
  const endpoints = new Map<string, PublishedEndpoint>();
  for (const container of index.containers) {
    const owner = index.ownerOf(container);
    const open = owner.kind === 'container' ? openPorts(owner.container) : [];
    if (open.length === 0) continue;
    const { v4, v6 } = index.addressesOf(container);
    for (const { only, protocol, port } of open)
      for (const address of [...single(4, v4), ...single(6, v6)]) {
        if (only !== undefined && only !== address.family) continue;
        const key = `${address.family} ${address.value.toString(16).padStart(32, '0')} ${protocol} ${port}`;
        endpoints.set(key, { address, protocol, port: { low: port, high: port } });
      }
  }
  return [...endpoints.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}
