import type { Address } from '../../src/ip/address.ts';
import { setIncludes } from '../../src/ip/address-set.ts';
import { interpret, type TrailStep, type Walk } from '../../src/nftables/interpret.ts';
import type { Table } from '../../src/nftables/model.ts';
import type { Conversation, InterfaceView, IpHeader, PacketView, Transport } from '../../src/nftables/packet.ts';
import type { EndpointIdentity, Ruleset } from '../../src/ruleset/ruleset.ts';

/** A packet that a container puts on its veth, and what the kernel knows of it. */
export interface Sent {
  /** The bridge port and the bridge it comes from. */
  readonly port: InterfaceView;
  readonly bridge: InterfaceView;
  readonly mac: bigint;
  readonly source: Address;
  readonly to: Address;
  readonly protocol: number;
  readonly transport: Transport;
  /** How conntrack sees it; a new conversation unless told. */
  readonly ct?: Conversation;
  /** Where a published port's DNAT takes it. */
  readonly turnedTo?: { readonly to: Address; readonly port: number };
  /** net.bridge.bridge-nf-call-iptables and -ip6tables. */
  readonly brNetfilter: boolean;
}

/** What became of it, by our rules alone. */
export interface Judged {
  readonly outcome: 'allowed' | 'audited' | 'denied' | 'unproven';
  readonly reject: Walk['reject'];
  readonly counters: readonly string[];
  readonly trail: readonly TrailStep[];
  /** As it left the last hook. */
  readonly packet: PacketView;
}

/** Where frames that are not for a neighbour leave, and where those from outside arrive. */
export const uplink: InterfaceView = { index: 2, name: 'eth0' };

const etherTypes = { 4: 0x0800, 6: 0x86dd } as const;

/**
 * The kernel's way of a container's packet through the hooks where we stand: bridge prerouting; then, for the host or
 * for another network, inet prerouting and input or forward; between neighbours bridge forward, with inet prerouting
 * and forward before it only when br_netfilter is on (net/bridge/br_netfilter_hooks.c).
 */
export function judgeSent(tables: readonly Table[], ruleset: Ruleset, sent: Sent, now: number): Judged {
  const way = wayOf(ruleset, sent);
  const walks: Walk[] = [];
  let packet = atBridge(sent);
  const pass = (family: 'bridge' | 'inet', hook: 'prerouting' | 'input' | 'forward', view: PacketView): boolean => {
    const walk = interpret(tables, { family, hook }, view, now);
    walks.push(walk);
    packet = walk.packet;
    return walk.verdict === 'accept';
  };
  const between = way.kind === 'neighbour';
  const out = way.kind === 'host' ? null : between ? sent.bridge : outOf(ruleset, sent.turnedTo?.to ?? sent.to);
  void (
    pass('bridge', 'prerouting', packet) &&
    (!between || sent.brNetfilter
      ? pass('inet', 'prerouting', { ...packet, in: sent.bridge, ct: { kind: 'none', state: 'untracked' } }) &&
        pass('inet', way.kind === 'host' ? 'input' : 'forward', routed(sent, packet, out))
      : true) &&
    (between ? pass('bridge', 'forward', { ...packet, in: sent.port, out: way.port }) : true)
  );
  return resultOf(walks);
}

/** The interface that the host's routes give: a container's bridge for its address, the uplink for the rest. */
function outOf(ruleset: Ruleset, to: Address): InterfaceView {
  const member = ruleset.groups
    .flatMap(({ members }) => members)
    .find(({ address }) => address.family === to.family && address.value === to.value);
  return member?.bridge ?? uplink;
}

type Way =
  | { readonly kind: 'host' }
  | { readonly kind: 'routed' }
  | { readonly kind: 'neighbour'; readonly port: InterfaceView };

function wayOf(ruleset: Ruleset, sent: Sent): Way {
  if (sent.turnedTo !== undefined) return { kind: 'routed' };
  if (setIncludes(ruleset.hostAddresses, sent.to)) return { kind: 'host' };
  const neighbour = ruleset.endpoints.find(
    (endpoint) =>
      endpoint.bridge.index === sent.bridge.index &&
      endpoint.addresses.some(({ family, value }) => family === sent.to.family && value === sent.to.value),
  );
  return neighbour === undefined ? { kind: 'routed' } : { kind: 'neighbour', port: neighbour.port };
}

/** Whether a container's packet is bridged to a neighbour. */
export function isBetweenNeighbours(ruleset: Ruleset, sent: Sent): boolean {
  return wayOf(ruleset, sent).kind === 'neighbour';
}

function header(sent: Pick<Sent, 'source' | 'protocol' | 'transport'>, to: Address, transport: Transport): IpHeader {
  const { source, protocol } = sent;
  return { kind: 'ip', family: to.family, saddr: source.value, daddr: to.value, hopLimit: 64, protocol, transport };
}

function atBridge(sent: Sent): PacketView {
  return {
    in: sent.port,
    out: null,
    mark: 0,
    link: { saddr: sent.mac, type: etherTypes[sent.to.family] },
    network: header(sent, sent.to, sent.transport),
    ct: { kind: 'none', state: 'untracked' },
  };
}

/** At a judging hook: conntrack and DNAT are done. */
function routed(sent: Sent, packet: PacketView, out: InterfaceView | null): PacketView {
  const { turnedTo, transport } = sent;
  const turned = (): Transport =>
    transport.kind === 'ports' && turnedTo !== undefined ? { ...transport, dport: turnedTo.port } : transport;
  return {
    ...packet,
    in: sent.bridge,
    out,
    network: header(sent, turnedTo?.to ?? sent.to, turned()),
    ct: sent.ct ?? freshConversation(sent),
  };
}

/** A conversation that begins with this packet. */
export function freshConversation(sent: Pick<Sent, 'to' | 'transport' | 'turnedTo'>): Conversation & { kind: 'entry' } {
  const dport = sent.transport.kind === 'ports' ? sent.transport.dport : 0;
  const original = { family: sent.to.family, daddr: sent.to.value, dport };
  const dnat = sent.turnedTo !== undefined;
  return { kind: 'entry', state: 'new', direction: 'original', mark: 0, dnat, original };
}

function resultOf(walks: readonly Walk[]): Judged {
  const last = walks.at(-1);
  if (last === undefined) throw new Error('a packet that met no hook');
  const counters = walks.flatMap((walk) => walk.counters);
  const counted = (prefix: string) => counters.some((counter) => counter.startsWith(prefix));
  const passed = counted('audited/') ? 'audited' : 'allowed';
  const dropped = counted('denied/') ? 'denied' : 'unproven';
  return {
    outcome: last.verdict === 'accept' ? passed : dropped,
    reject: last.reject,
    counters,
    trail: walks.flatMap((walk) => walk.trail),
    packet: last.packet,
  };
}

/** A packet from outside towards a container, at the hook where it is forwarded. */
export function judgeInbound(
  tables: readonly Table[],
  arriving: {
    readonly source: Address;
    readonly endpoint: EndpointIdentity;
    readonly network: IpHeader;
    readonly ct: Conversation;
  },
  now: number,
): Walk {
  const { bridge } = arriving.endpoint;
  const view: PacketView = { in: uplink, out: bridge, mark: 0, link: null, network: arriving.network, ct: arriving.ct };
  return interpret(tables, { family: 'inet', hook: 'forward' }, view, now);
}
