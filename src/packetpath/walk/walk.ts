import type { Listing } from '../model.ts';
import { undecidedOrder } from './hooks.ts';
import type { Conversation, Interface, Packet } from './packet.ts';
import { passBridge, passHook, passIngress, type Walk } from './pass.ts';
import type { Decider, Outcome, Walked } from './result.ts';
import {
  failsReversePath,
  interfaceNamed,
  isLoopback,
  isOwn,
  portTowards,
  type Routing,
  routeTo,
  type Surroundings,
} from './surroundings.ts';
import { isSameSpan } from './translate.ts';
import { type Ended, outcomesOf, Way } from './way.ts';

/** The packet whose way is asked for. */
export interface Asked {
  readonly packet: Packet;
  /** `host`: its own sockets sent it. Else the interface it comes in by, and the bridge's port when that is a bridge. */
  readonly from: 'host' | { readonly in: Interface; readonly port: Interface | null };
  /** What conntrack finds; null: it is invalid to it. */
  readonly conversation: Conversation | null;
}

/** Priorities at which br_netfilter hands a bridge's frames to inet (net/bridge/br_netfilter_hooks.c, br_nf_ops). */
const brNetfilter = { prerouting: 0, forward: -1 } as const;

const judging: ReadonlySet<string> = new Set(['forward', 'input', 'output']);

/** Follows one packet through every hook of the host, in the kernel's order, as far as rules let it. */
export function walkPacket(listing: Listing, surroundings: Surroundings, asked: Asked): Walked {
  const { conversation } = asked;
  const known = conversation === null || listing.gaps !== true ? conversation : { ...conversation, mark: null };
  const walk: Walk = { listing, surroundings, conversation: known, ended: [] };
  const start = listing.gaps === true ? pastGaps(walk, Way.from(asked.packet)) : Way.from(asked.packet);
  const arrived = asked.from === 'host' ? fromHost(walk, start) : arrives(walk, start, asked.from);
  const accepted = arrived.map((way) => way.end('accepted', acceptedBy(way)));
  return resultOf([...accepted, ...walk.ended], listing, surroundings, asked);
}

/** Past chains that may be missing in the listing: one may stop the packet, or give it a mark. */
function pastGaps(walk: Walk, way: Way): Way {
  const what = 'what the listing does not show, or nobody can read,';
  const as = (does: string, holds: boolean): Way =>
    way.assuming({ at: null, what, holds, text: `${what} ${does}` }, `${what} ${does}`);
  const why = 'by what the listing does not show, or nobody can read';
  walk.ended.push(as('stops it', true).end('dropped', { kind: 'host', why }));
  return as('lets the packet go on', false).with({ ...way.packet, mark: null });
}

function resultOf(ends: readonly Ended[], listing: Listing, surroundings: Surroundings, asked: Asked): Walked {
  const outcomes = outcomesOf(ends);
  const [first] = outcomes;
  if (first === undefined) throw new Error('a packet without an end');
  const { verdict: one } = first;
  const verdict = one !== 'unknown' && outcomes.every((outcome) => outcome.verdict === one) ? one : 'depends';
  return { verdict, outcomes, assumed: assumedFor(listing, surroundings, asked, outcomes) };
}

function assumedFor(
  listing: Listing,
  surroundings: Surroundings,
  { packet }: Asked,
  outcomes: readonly Outcome[],
): readonly string[] {
  const passed = new Set(
    outcomes.flatMap(({ events }) =>
      events.flatMap((event) => (event.kind === 'hook' && event.layer === 'ip' ? [event.hook] : [])),
    ),
  );
  const orders = (['prerouting', 'input', 'forward', 'output', 'postrouting'] as const)
    .filter((hook) => passed.has(hook))
    .flatMap((hook) => undecidedOrder(listing, packet.family, hook))
    .map(
      ([a, b]) =>
        `${nameOf(a)} comes before ${nameOf(b)}: they have one priority, and which was there first is not shown`,
    );
  return [
    ...orders,
    ...(surroundings.policyRouting ? ['`ip rule` has rules of its own: only the main table was looked at'] : []),
  ];
}

function nameOf({
  table,
  chain,
}: {
  readonly table: Listing['tables'][number];
  readonly chain: { readonly name: string };
}): string {
  return `${table.engine} ${table.family} ${table.name} ${chain.name}`;
}

function arrives(walk: Walk, way: Way, { in: by, port }: Exclude<Asked['from'], 'host'>): readonly Way[] {
  const bridge = by.kind === 'name' ? interfaceNamed(by.name, walk.surroundings) : undefined;
  const isBridge = bridge?.kind === 'bridge';
  const entering = way.with({ ...way.packet, in: by });
  if (!isBridge || port === null) return received(walk, ingress(walk, by, [entering]));
  const calls = bridge.brNetfilter?.[way.packet.family] ?? null;
  const answers = calls === null ? [true, false] : [calls];
  return answers.flatMap((on) => {
    const what = `br_netfilter hands frames of ${bridge.name} to iptables`;
    const at =
      calls === null
        ? entering.assuming({ at: null, what, holds: on, text: on ? what : `not: ${what}` }, what)
        : entering;
    return throughBridge(walk, at, { bridge: by, port, calls: on });
  });
}

function ingress(walk: Walk, by: Interface, ways: readonly Way[]): readonly Way[] {
  return by.kind === 'name' ? passIngress(walk, by.name, ways) : ways;
}

interface Bridge {
  readonly bridge: Interface;
  readonly port: Interface;
  readonly calls: boolean;
}

/** A frame that comes in by a port: it is for a neighbour, or it is handed up to IP. */
function throughBridge(walk: Walk, entering: Way, { bridge, port, calls }: Bridge): readonly Way[] {
  const here = (way: Way, from: Partial<Packet>): Way => way.with({ ...way.packet, ...from });
  const forNeighbour = isOnLink(entering.packet, bridge, walk.surroundings);
  const { destination } = entering.packet;
  let ways = ingress(walk, port, [here(entering, { in: port })]);
  ways = passBridge(walk, 'prerouting', ways, { from: -Infinity, to: brNetfilter.prerouting });
  if (calls)
    ways = passHook(
      walk,
      'prerouting',
      ways.map((way) => here(way, { in: bridge, portIn: port })),
    );
  ways = ways.map((way) => here(way, { in: port }));
  ways = passBridge(walk, 'prerouting', ways, { from: brNetfilter.prerouting, to: Infinity });

  // after a DNAT that leads elsewhere the frame is handed up to IP (br_nf_pre_routing_finish)
  const stays = (way: Way) =>
    forNeighbour &&
    (isSameSpan(way.packet.destination, destination) || isOnLink(way.packet, bridge, walk.surroundings));
  const bridged = ways.filter(stays).map((way) => way.after({ kind: 'bridged', bridge: nameText(bridge) }));
  const up = passBridge(
    walk,
    'input',
    ways.filter((way) => !stays(way)),
  );
  const handed = up.map((way) => here(way, { in: bridge }));
  return [
    ...between(walk, bridged, { bridge, port, calls }),
    ...(calls ? routed(walk, ingress(walk, bridge, handed)) : received(walk, ingress(walk, bridge, handed))),
  ];
}

/** From port to port: bridge forward and postrouting, with inet's before or behind them when br_netfilter is on. */
function between(walk: Walk, entering: readonly Way[], { bridge, port, calls }: Bridge): readonly Way[] {
  const outOf = ({ packet: { destination, family } }: Way): Interface =>
    portTowards(destination, family, { bridge: nameText(bridge), not: nameText(port) }, walk.surroundings);
  const atPorts = (way: Way): Way => way.with({ ...way.packet, in: port, out: outOf(way) });
  const atBridge = (way: Way): Way =>
    way.with({ ...way.packet, in: bridge, out: bridge, portIn: port, portOut: outOf(way) });
  let ways = passBridge(walk, 'forward', entering.map(atPorts), { from: -Infinity, to: brNetfilter.forward });
  if (calls) ways = passHook(walk, 'forward', ways.map(atBridge)).map(atPorts);
  ways = passBridge(walk, 'forward', ways, { from: brNetfilter.forward, to: Infinity });
  ways = passBridge(
    walk,
    'postrouting',
    ways.map((way) => way.with({ ...way.packet, in: null })), // net/bridge/br_forward.c, br_forward_finish
  );
  if (calls)
    ways = passHook(
      walk,
      'postrouting',
      ways.map((way) => atBridge(way).with({ ...atBridge(way).packet, in: null })),
    );
  return ways;
}

function received(walk: Walk, ways: readonly Way[]): readonly Way[] {
  return routed(walk, passHook(walk, 'prerouting', ways));
}

/** After prerouting: to the host itself, or out again. */
function routed(walk: Walk, ways: readonly Way[]): readonly Way[] {
  return ways.flatMap((way) => {
    const { packet } = way;
    const { surroundings } = walk;
    const refused = refusal(packet, surroundings);
    if (refused !== null) return stop(walk, way, refused);
    const to = destinationOf(walk, way);
    switch (to?.kind) {
      case undefined:
        return [];
      case 'local': {
        const told = way.with({ ...packet, out: null }).after({ kind: 'routed', to: 'local' });
        return passHook(walk, 'input', [told]);
      }
      case 'out': {
        const told = way.with({ ...packet, out: to.by }).after({ kind: 'routed', to: to.by });
        const on = passHook(walk, 'forward', [told]);
        return leaves(walk, on);
      }
    }
  });
}

/** Where routing sends a packet; null: its way ends here, for want of a route or of knowing one. */
function destinationOf(walk: Walk, way: Way): Extract<Routing, { kind: 'local' | 'out' }> | null {
  const { packet } = way;
  if (packet.redirected) return { kind: 'local' };
  const to = routeTo(packet.destination, packet.family, walk.surroundings);
  if (to.kind === 'local' || to.kind === 'out') return to;
  if (to.kind === 'nowhere') stop(walk, way, 'it has no route to the destination');
  else walk.ended.push(way.end('unknown', { kind: 'host', why: to.why }));
  return null;
}

/** What the host drops by itself when it routes a packet that came in (net/ipv4/route.c, fib_frontend.c). */
function refusal(packet: Packet, surroundings: Surroundings): string | null {
  const inner = packet.in?.kind === 'name' && packet.in.name === 'lo';
  if (!inner && !packet.redirected && isLoopback(packet.destination, packet.family))
    return 'loopback addresses do not come in from outside';
  const single = packet.source.low === packet.source.high;
  if (!inner && single && isOwn(packet.source, packet.family, surroundings) === 'yes')
    return "its source address is the host's own";
  if (failsReversePath(packet, surroundings)) return 'the way back to its source is by another interface (rp_filter)';
  const isLocal = packet.redirected || isOwn(packet.destination, packet.family, surroundings) === 'yes';
  if (!isLocal && surroundings.forwarding[packet.family] === false) return 'forwarding is off';
  return null;
}

function stop(walk: Walk, way: Way, why: string): readonly Way[] {
  walk.ended.push(way.end('dropped', { kind: 'host', why }));
  return [];
}

/**
 * Postrouting, which still knows where the packet came in (net/ipv4/ip_output.c since Linux 5.7), and the bridge it
 * leaves through.
 */
function leaves(walk: Walk, ways: readonly Way[]): readonly Way[] {
  const on = passHook(walk, 'postrouting', ways);
  return on.flatMap((way) => {
    const { out } = way.packet;
    const known = out?.kind === 'name' ? interfaceNamed(out.name, walk.surroundings) : undefined;
    if (known?.kind !== 'bridge') return [way];
    const { destination, family } = way.packet;
    const port = portTowards(destination, family, { bridge: known.name, not: known.name }, walk.surroundings);
    const atPort = way.with({ ...way.packet, in: null, out: port });
    const left = passBridge(walk, 'postrouting', passBridge(walk, 'output', [atPort]));
    return left.map((one) => one.with({ ...one.packet, in: way.packet.in, out }));
  });
}

/** What the host sends itself: output, postrouting, and for its own addresses in again by loopback. */
function fromHost(walk: Walk, way: Way): readonly Way[] {
  const chosen = chooseOut(walk, way);
  const ways = passHook(walk, 'output', chosen);
  return ways.flatMap((passed) => {
    const before = chosen[0]?.packet;
    const again = before !== undefined && isSameSpan(before.destination, passed.packet.destination);
    const on = again ? [passed] : chooseOut(walk, passed);
    return leaves(walk, on).flatMap((left) => {
      if (left.packet.out?.kind !== 'name' || left.packet.out.name !== 'lo') return [left];
      return received(walk, [left.with({ ...left.packet, in: left.packet.out, out: null })]);
    });
  });
}

function chooseOut(walk: Walk, way: Way): readonly Way[] {
  const { packet } = way;
  const to = destinationOf(walk, way);
  switch (to?.kind) {
    case undefined:
      return [];
    case 'local': {
      const out: Interface = { kind: 'name', name: 'lo' };
      return [way.with({ ...packet, out }).after({ kind: 'routed', to: out })];
    }
    case 'out':
      return [way.with({ ...packet, out: to.by }).after({ kind: 'routed', to: to.by })];
  }
}

/** Whether a frame is for a neighbour on the bridge: its sender has an address of the same network. */
function isOnLink({ source, destination, family }: Packet, bridge: Interface, surroundings: Surroundings): boolean {
  if (bridge.kind !== 'name' || isOwn(destination, family, surroundings) !== 'no') return false;
  return [source, destination].every((span) => {
    const to = routeTo(span, family, surroundings);
    return to.kind === 'out' && to.by.kind === 'name' && to.by.name === bridge.name;
  });
}

function nameText(of: Interface): string {
  return of.kind === 'name' ? of.name : '?';
}

/** The rule that let it pass: the last accept where packets are judged, else the policy there. */
function acceptedBy(way: Way): Decider {
  if (way.passedBy !== null) return { kind: 'rule', at: way.passedBy };
  const last = way.events.findLast(
    (event) => event.kind === 'policy' && event.chain.base?.type !== 'nat' && judging.has(event.chain.base?.hook ?? ''),
  );
  return last?.kind === 'policy' ? { kind: 'policy', table: last.table, chain: last.chain } : { kind: 'nothing' };
}
