import { coverage } from '../../evaluate/coverage.ts';
import { evaluate } from '../../evaluate/evaluate.ts';
import type { Packet, Verdict } from '../../evaluate/verdict.ts';
import { addressOf } from '../../ip/address.ts';
import { setOfPrefixes } from '../../ip/address-set.ts';
import { type Box, boxesOf, intersectBoxes } from '../../ip/box.ts';
import { protocolNumbers } from '../../ip/protocol.ts';
import type { EndpointIdentity, Program, Ruleset } from '../../ruleset/ruleset.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import { exampleOf, isOnePacket } from '../boxes.ts';

/** How one endpoint's packets to a region are judged. */
export interface Answer {
  readonly endpoint: EndpointIdentity;
  readonly program: Program;
  /** `partly`: some of what was asked passes and some is denied. */
  readonly outcome: Verdict['outcome'] | 'partly';
  /** Whether the region is a single packet. */
  readonly one: boolean;
  readonly parts: {
    readonly allowed: readonly Box[];
    readonly audited: readonly Box[];
    readonly denied: readonly Box[];
  };
  /** The packet whose steps are told: the only one, or an example of the outcome. */
  readonly packet: Packet;
  readonly verdict: Verdict;
}

/**
 * Judges all packets of a region, and tells one of them step by step: of several outcomes one that is denied, else audited.
 *
 * @param now milliseconds since the epoch
 * @throws Error when the ruleset lacks the endpoint's program, which is a bug
 */
export function answerFor(endpoint: EndpointIdentity, region: readonly Box[], ruleset: Ruleset, now: number): Answer {
  const program = ruleset.programs.find(({ id }) => id === endpoint.program);
  if (program === undefined) throw new Error(`the ruleset has no program ${endpoint.program}`);
  const parts = coverage(ruleset, program, region, now);
  const outcomes = (['denied', 'audited', 'allowed'] as const).filter((outcome) => parts[outcome].length > 0);
  const first = outcomes[0] ?? 'denied';
  const outcome = outcomes.length > 1 && first === 'denied' ? 'partly' : first;
  const place = exampleOf(preferred(parts[first].length > 0 ? parts[first] : region, endpoint));
  const packet: Packet = {
    from: endpoint,
    to: addressOf(place.family, place.address),
    protocol: place.protocol,
    port: place.port,
  };
  return {
    endpoint,
    program,
    outcome,
    one: region.length === 1 && region.every(isOnePacket),
    parts,
    packet,
    verdict: evaluate(ruleset, packet, now),
  };
}

/** The box whose example says most: one with tcp in it, of a family that the sender speaks, IPv4 first. */
function preferred(boxes: readonly Box[], { addresses }: EndpointIdentity): Box {
  const weight = ({ family, protocols }: Box) =>
    (protocols.low <= protocolNumbers.tcp && protocols.high >= protocolNumbers.tcp ? 4 : 0) +
    (addresses.some((address) => address.family === family) ? 2 : 0) +
    (family === 4 ? 1 : 0);
  const [best] = boxes.toSorted((a, b) => weight(b) - weight(a));
  if (best === undefined) throw new Error('a question about no packet');
  return best;
}

/**
 * The endpoint a packet leaves through, as far as that can be told from outside: that of the network the destination
 * is on, else the first by network name that is not internal, which is where engines put the default route unless a
 * gateway priority says otherwise.
 */
export function likelyEndpoint(
  endpoints: readonly EndpointIdentity[],
  region: readonly Box[],
  index: WorldIndex,
): EndpointIdentity | undefined {
  const networkOf = ({ bridge }: EndpointIdentity) =>
    index.world.networks.find((network) => network.bridge?.name === bridge.name);
  const named = endpoints
    .map((endpoint) => ({ endpoint, network: networkOf(endpoint) }))
    .toSorted((a, b) => ((a.network?.name ?? '') < (b.network?.name ?? '') ? -1 : 1));
  const direct = named.find(
    ({ network }) =>
      network !== undefined && intersectBoxes(region, boxesOf(setOfPrefixes(network.subnets), 'any')).length > 0,
  );
  return (direct ?? named.find(({ network }) => network?.internal === false) ?? named[0])?.endpoint;
}
