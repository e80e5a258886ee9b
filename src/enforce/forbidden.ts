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
  const senders = new Map(
    ruleset.endpoints.flatMap((endpoint) => endpoint.addresses.map((address) => [key(address), endpoint])),
  );
  return flows.flatMap((flow) => {
    const from = senders.get(key(flow.original.source));
    return from !== undefined && isForbidden(ruleset, from, flow, now) ? [{ flow, from }] : [];
  });
}

/** Which entries are worth reading at all: those that begin at one of the ruleset's containers. */
export function beganAtContainer(ruleset: Ruleset): (flow: Flow) => boolean {
  const addresses = new Set(ruleset.endpoints.flatMap((endpoint) => endpoint.addresses.map(key)));
  return (flow) => addresses.has(key(flow.original.source));
}

const key = (address: Address): string => `${address.family}:${address.value}`;

/** As the kernel's rules do: both ends of a DNAT may deny, either may allow. */
function isForbidden(ruleset: Ruleset, from: EndpointIdentity, flow: Flow, now: number): boolean {
  const verdicts = judgedPlaces(ruleset, flow).map(({ to, protocol, port }) =>
    evaluate(ruleset, { from, to, protocol, port }, now),
  );
  return verdicts.some(isRefusedOutright) || verdicts.every((verdict) => verdict.outcome === 'denied');
}

function judgedPlaces(ruleset: Ruleset, flow: Flow): readonly Place[] {
  const sent = place(flow.original.destination, flow.original, 'destination');
  if ((flow.status & flowStatus.destNat) === 0) return [sent];
  const routed = place(flow.reply.source, flow.reply, 'source');
  return setIncludes(ruleset.hostAddresses, sent.to) ? [sent, routed] : [routed];
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
