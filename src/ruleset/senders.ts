import { diagnostic } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import { workloadName } from '../world/workload.ts';
import type { Container, Endpoint, Network } from '../world/world.ts';
import { chainOf, type Deciding, type Decision, decide } from './decide.ts';
import { type Bridged, dropsUnknown, isBridged } from './enrol.ts';
import type { Memory } from './memory.ts';
import {
  type Draft,
  draftProgram,
  type Guard,
  guardedAs,
  irreconcilable,
  isNoLooser,
  judgementKey,
  passesByDefault,
} from './programs.ts';
import type { Publishing } from './published.ts';
import type { Subject } from './resolve.ts';
import type { Barred, Unheld } from './ruleset.ts';
import { obstacleOf, onHostNetwork, unheld, withoutNamespace } from './unheld.ts';
import { workloadParts } from './workload.ts';
import { presentEndpoints, type WorldIndex } from './world-index.ts';

/** A container on an enrolled network and how it is judged there, whether or not it runs. */
export interface Seated {
  readonly container: Container;
  readonly network: Bridged;
  /** Parts of the name its program goes by. */
  readonly program: readonly string[];
  readonly draft: Draft;
  /** Where it is, if its packets can be proven its own. */
  readonly endpoint: ProvableEndpoint | null;
}

export type ProvableEndpoint = Endpoint & { readonly mac: string; readonly port: NonNullable<Endpoint['port']> };

export interface Senders {
  readonly seats: readonly Seated[];
  readonly unheld: readonly Unheld[];
  /** Ports of containers that policy wants held, on bridges where it cannot be: what they send there is dropped. */
  readonly barred: readonly Barred[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface Sending {
  readonly policy: Policy;
  readonly index: WorldIndex;
  readonly deciding: Deciding;
  readonly guard: Guard;
  readonly publish: Publishing;
  readonly memory: Memory;
  readonly enrolled: ReadonlySet<Bridged>;
}

/** Every container's seats on enrolled networks with how each is judged, and who cannot be held, and why. */
export function findSenders(sending: Sending): Senders {
  const found = sending.index.containers.map((container) => sendersOf(container, sending));
  return {
    seats: found.flatMap(({ seats }) => seats),
    unheld: found.flatMap((one) => one.unheld),
    barred: found.flatMap((one) => one.barred),
    diagnostics: found.flatMap(({ diagnostics }) => diagnostics),
  };
}

const unmanagedParts = ['unmanaged'] as const;
const nobody: Senders = { seats: [], unheld: [], barred: [], diagnostics: [] };

function sendersOf(container: Container, sending: Sending): Senders {
  const { index } = sending;
  const owner = index.ownerOf(container);
  if (owner.kind === 'none' || (!container.running && owner.kind !== 'container')) return nobody;
  if (owner.kind === 'host' || owner.kind === 'missing') {
    const decision = decideFor(container, null, container, sending);
    return {
      seats: [],
      unheld: notHeld(container, decision, owner.kind === 'host' ? onHostNetwork : withoutNamespace, sending, false),
      barred: [],
      diagnostics: decision.diagnostics,
    };
  }
  const present = new Set(presentEndpoints(owner.container));
  const parts = owner.container.endpoints.map((endpoint): Senders => {
    if (owner.container === container) return ownEndpoint(container, endpoint, present.has(endpoint), sending);
    return present.has(endpoint) ? sharedEndpoint(container, owner.container, endpoint, sending) : nobody;
  });
  return {
    seats: parts.flatMap(({ seats }) => seats),
    unheld: parts.flatMap((part) => part.unheld),
    barred: parts.flatMap((part) => part.barred),
    diagnostics: parts.flatMap(({ diagnostics }) => diagnostics),
  };
}

/** What is wrong with one that does not run is told when it does; its seat is as if it ran. */
function ownEndpoint(container: Container, endpoint: Endpoint, isPresent: boolean, sending: Sending): Senders {
  const { index, enrolled } = sending;
  const network = index.networkOf(endpoint);
  if (network === undefined || !isBridged(network) || !enrolled.has(network)) {
    const decision = decideFor(container, network?.name ?? null, container, sending);
    const obstacle = network !== undefined && isBridged(network) ? null : findObstacle(endpoint, network, sending);
    const unheld = isPresent && obstacle !== null ? notHeld(container, decision, obstacle, sending, false) : [];
    return {
      seats: [],
      unheld,
      barred: barredPort(endpoint, network, decision, sending),
      diagnostics: isPresent ? decision.diagnostics : [],
    };
  }
  const { decision, draft, diagnostics } = reconcile(container, network, sending);
  const told = isPresent ? decision.diagnostics : [];
  const obstacle = findObstacle(endpoint, network, sending);
  const seat: Seated = {
    container,
    network,
    program: draft.standing === 'unmanaged' ? unmanagedParts : workloadParts(container),
    draft,
    endpoint: obstacle === null && isProvable(endpoint) ? endpoint : null,
  };
  return {
    seats: [seat],
    unheld: isPresent && obstacle !== null ? notHeld(container, decision, obstacle, sending, true) : [],
    barred: [],
    diagnostics: isPresent && obstacle === null ? [...told, ...diagnostics] : told,
  };
}

function isProvable(endpoint: Endpoint): endpoint is ProvableEndpoint {
  return endpoint.port !== null && endpoint.mac !== null;
}

function findObstacle(endpoint: Endpoint, network: Network | undefined, { index, policy, enrolled }: Sending) {
  const drops = (its: Network) => isBridged(its) && enrolled.has(its) && dropsUnknown(its, policy);
  return obstacleOf(endpoint, network, drops, index.hostAddresses);
}

/** What keeps an endpoint from being held keeps everybody from it who shares its namespace. */
function sharedEndpoint(container: Container, owner: Container, endpoint: Endpoint, sending: Sending): Senders {
  const { index, enrolled } = sending;
  const network = index.networkOf(endpoint);
  const decision = decideFor(container, network?.name ?? null, owner, sending);
  const obstacle = findObstacle(endpoint, network, sending);
  const onEnrolled = network !== undefined && isBridged(network) && enrolled.has(network);
  return {
    seats: [],
    unheld:
      obstacle === null || decision.standing === 'unmanaged'
        ? []
        : notHeld(container, decision, obstacle, sending, onEnrolled),
    barred: barredPort(endpoint, network, decision, sending),
    diagnostics: decision.diagnostics,
  };
}

/** What is to be enforced and cannot be, on a bridge of this host whose ports we see: then nothing it sends passes. */
function barredPort(
  { port }: Endpoint,
  network: Network | undefined,
  { standing, mode }: Decision,
  { policy }: Sending,
): readonly Barred[] {
  if (port === null || network === undefined || isBridged(network)) return [];
  const isWanted = standing === 'unmanaged' ? policy.defaults.unmanaged === 'deny' : mode === 'enforce';
  return isWanted ? [port] : [];
}

/**
 * The program of an endpoint whose namespace several containers share: they must agree. One that nothing names takes the
 * policy of the others' owner, as far as that is its own to have; two that differ are an error, and until it is mended nothing is
 * allowed.
 */
function reconcile(
  owner: Container,
  network: Bridged,
  sending: Sending,
): { readonly decision: Decision; readonly draft: Draft; readonly diagnostics: readonly Diagnostic[] } {
  const { index, deciding, guard, publish, memory } = sending;
  const draftFor = (container: Container, its: Decision) =>
    draftProgram(container, programWorkload(container, its), subjectOf(container, owner, index), its, guard);
  const alone = memory.judge(owner, network, index, chainOf(owner, network.name, deciding), () => {
    const its = decideFor(owner, network.name, owner, sending);
    return { decision: its, draft: draftFor(owner, its) };
  });
  const { decision } = alone;
  const sharers = index.sharersOf(owner);
  if (sharers.length === 0) return { decision, draft: publish(alone.draft), diagnostics: [] };
  const others = sharers.map((container): Sharer => {
    const its = decideFor(container, network.name, owner, sending);
    return { container, draft: draftFor(container, its) };
  });
  const isFree = ({ draft }: Sharer) => draft.standing === 'unmanaged' && passesByDefault(draft);
  const guests = others.filter((one) => isFree(one) && !isNoLooser(alone.draft, one.draft));
  const drafts = guests.map(({ draft }) => draft);
  const own = publish(guests.length === 0 ? alone.draft : guardedAs(alone.draft, drafts));
  const different = others
    .filter((one) => !isFree(one))
    .map(({ container, draft }) => ({ container, draft: publish(draft) }))
    .filter(({ draft }) => judgementKey(draft) !== judgementKey(own));
  const told = guests.map(({ container }) => lessExcepted(container, owner, own));
  if (different.length === 0) return { decision, draft: own, diagnostics: told };
  return {
    decision,
    draft: { ...irreconcilable([own, ...different.map(({ draft }) => draft)]), workload: workloadName(owner) },
    diagnostics: [...told, ...different.map((one) => twoPolicies(one, owner, own))],
  };
}

/** Somebody else in an owner's namespace, and how it would be judged alone there. */
interface Sharer {
  readonly container: Container;
  readonly draft: Draft;
}

function twoPolicies({ container, draft }: Sharer, owner: Container, own: Draft): Diagnostic {
  // what nothing names has no place in a file
  const [at, related] = draft.standing === 'unmanaged' ? [own.otherwise, []] : [draft.otherwise, [own.otherwise]];
  return diagnostic(
    'twoPolicies',
    at,
    `${workloadName(container)} shares the network of ${workloadName(owner)} and has another policy: neither may reach anything`,
    { fix: 'give both the same policy, or each a network of its own', related },
  );
}

function lessExcepted(container: Container, owner: Container, own: Draft): Diagnostic {
  return diagnostic(
    'twoPolicies',
    own.otherwise,
    `${workloadName(container)}, which nothing names, shares the network of ${workloadName(owner)}: guardrails of either hold for both, with the exceptions that both have`,
    { fix: 'give both the same policy, or each a network of its own' },
  );
}

/** Those that nothing names share one program. */
function programWorkload(container: Container, { standing }: Decision): string {
  return standing === 'unmanaged' ? 'unmanaged' : workloadName(container);
}

/** A namespace's networks and resolvers are its owner's; the project is whoever's policy it is. */
function subjectOf(container: Container, owner: Container, index: WorldIndex): Subject {
  return {
    project: container.service === null ? null : container.project,
    networks: index.networksOf(owner),
    resolvers: owner.resolvers,
  };
}

function decideFor(
  container: Container,
  network: string | null,
  owner: Container,
  { index, deciding }: Sending,
): Decision {
  return decide(container, network, subjectOf(container, owner, index), deciding);
}

/**
 * Named: wanted as its mode says. Not named, or by its own labels alone: worth a line when something was to hold for it,
 * and never a failure, since else whoever writes labels could keep the operator from applying anything.
 */
function notHeld(
  container: Container,
  decision: Decision,
  obstacle: Parameters<typeof unheld>[2],
  { policy, deciding }: Sending,
  onEnrolled: boolean,
): readonly Unheld[] {
  const guarded = policy.guardrails.deny.length > 0;
  const named = decision.standing !== 'unmanaged';
  const concerned = named ? guarded || decision.mode !== 'off' : guarded || policy.defaults.unmanaged !== 'allow';
  if (!concerned && !onEnrolled) return [];
  const byOthers = chainOf(container, null, deciding).some(({ origin }) => origin !== 'labels');
  const wanted = named && (byOthers || decision.mode !== 'enforce') ? decision.mode : concerned ? 'audit' : 'off';
  return [unheld(container, workloadName(container), obstacle, wanted)];
}
