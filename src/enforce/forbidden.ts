import { evaluate } from '../evaluate/evaluate.ts';
import type { Verdict } from '../evaluate/verdict.ts';
import type { Address } from '../ip/address.ts';
import { setIncludes } from '../ip/address-set.ts';
import { type Flow, flowStatus, type Tuple } from '../netlink/conntrack.ts';
import type { EndpointIdentity, Ruleset } from '../ruleset/ruleset.ts';

/** A live conversation that a container began and may not have. */
export interface ForbiddenFlow {
  readonly flow: Flow;
  readonly from: EndpointIdentity;
}

/**
 * Which of the kernel's conversations a ruleset forbids. Only those that a known container began: what began elsewhere
 * is no concern of policy, and what conntrack picked up in the middle is judged packet by packet.
 *
 * @param now milliseconds since the epoch
 */
export function forbiddenFlows(ruleset: Ruleset, flows: readonly Flow[], now: number): readonly ForbiddenFlow[] {
  const senders = endpointsByAddress(ruleset);
  return flows.flatMap((flow) => {
    const from = senders.get(key(flow.original.source));
    return from !== undefined && isForbidden(ruleset, from, flow, now) ? [{ flow, from }] : [];
  });
}

/** Which entries are worth reading at all: those that a container of the ruleset has a part in. */
export function concernsContainer(ruleset: Ruleset): (flow: Flow) => boolean {
  const addresses = new Set(ruleset.endpoints.flatMap((endpoint) => endpoint.addresses.map(key)));
  return ({ original, reply }) =>
    addresses.has(key(original.source)) || addresses.has(key(original.destination)) || addresses.has(key(reply.source));
}

/**
 * Conversations that a container answers and that are older than its proof: who began them nobody has checked. While its
 * frames went unproven it could begin one with itself in any name, and its packets would be replies for as long as it
 * lasts. Without their entries they are judged again: whoever really began one goes on with the next packet.
 *
 * Not those with an address that the host's LAN has, too: others' conversations with who is there would end at each start.
 *
 * @param isNew whether an endpoint's frames went unproven until now
 */
export function unprovenFlows(
  ruleset: Ruleset,
  flows: readonly Flow[],
  isNew: (endpoint: EndpointIdentity) => boolean,
): readonly Flow[] {
  const newOnes = ruleset.endpoints.filter(isNew).flatMap(({ addresses }) => addresses.filter(isTheirs(ruleset)));
  const addresses = new Set(newOnes.map(key));
  return flows.filter(
    ({ original, reply }) => addresses.has(key(original.destination)) || addresses.has(key(reply.source)),
  );
}

/**
 * Which of the forbidden conversations live on when their entries are deleted: those whose peer may begin one itself, as
 * the host may, and a container that policy lets. The next packet from there would make the entry anew with the
 * directions swapped, and what is forbidden would pass as replies. With the entry in place it is judged, packet by
 * packet, and nothing that the peer may not say anyway comes back.
 */
export function outlivingTheirEntry(
  ruleset: Ruleset,
  forbidden: readonly ForbiddenFlow[],
  now: number,
): readonly ForbiddenFlow[] {
  const peers = endpointsByAddress(ruleset);
  return forbidden.filter(({ flow }) => {
    if ((flow.status & flowStatus.destNat) !== 0) return false; // the peer's own packets would be another conversation
    const to = flow.original.destination;
    if (setIncludes(ruleset.hostAddresses, to)) return true;
    const peer = peers.get(key(to));
    const back = place(flow.original.source, flow.original, 'source');
    return peer !== undefined && evaluate(ruleset, { from: peer, ...back }, now).outcome !== 'denied';
  });
}

/** Of an address that several have, each on a bridge of its own, an entry does not tell whose it is: nobody's. */
function endpointsByAddress(ruleset: Ruleset): ReadonlyMap<string, EndpointIdentity> {
  const found = new Map<string, EndpointIdentity | null>();
  for (const endpoint of ruleset.endpoints)
    for (const address of endpoint.addresses.filter(isTheirs(ruleset)))
      found.set(key(address), found.has(key(address)) ? null : endpoint);
  return new Map(
    [...found].flatMap(([address, endpoint]) => (endpoint === null ? [] : [[address, endpoint] as const])),
  );
}

/** Whether an address can be a container's in conntrack, and not somebody's of the host's LAN. */
const isTheirs =
  ({ onWires }: Ruleset) =>
  (address: Address): boolean =>
    onWires === undefined || !setIncludes(onWires, address);

const key = (address: Address): string => `${address.family}:${address.value}`;

/**
 * As the kernel's rules do: where it was sent and where DNAT took it may both deny, and where it went may allow; the host
 * it was sent to, too.
 */
function isForbidden(ruleset: Ruleset, from: EndpointIdentity, flow: Flow, now: number): boolean {
  const judge = ({ to, protocol, port }: Place) => evaluate(ruleset, { from, to, protocol, port }, now);
  const sent = place(flow.original.destination, flow.original, 'destination');
  const ofSent = judge(sent);
  if ((flow.status & flowStatus.destNat) === 0) return ofSent.outcome === 'denied';
  const ofRouted = judge(place(flow.reply.source, flow.reply, 'source'));
  if (isRefusedOutright(ofSent) || isRefusedOutright(ofRouted)) return true;
  const allowing = setIncludes(ruleset.hostAddresses, sent.to) ? [ofSent, ofRouted] : [ofRouted];
  return allowing.every((verdict) => verdict.outcome === 'denied');
}

interface Place {
  readonly to: Address;
  readonly protocol: number;
  readonly port: number;
}

function place(to: Address, tuple: Tuple, end: 'source' | 'destination'): Place {
  return { to, protocol: tuple.protocol, port: tuple.detail.kind === 'ports' ? tuple.detail[end] : 0 };
}

function isRefusedOutright(verdict: Verdict): boolean {
  const last = verdict.steps.at(-1);
  return verdict.outcome === 'denied' && (last?.kind === 'guardrail' || last?.kind === 'deny');
}
