import type { Family } from '../../src/ip/address.ts';
import { type Prefix, parsePrefix, prefixInterval } from '../../src/ip/prefix.ts';
import type { IpSet, Match, TableName, Target, XState, XTable } from '../../src/iptables/model.ts';
import type { IpHeader, PacketView } from '../../src/nftables/packet.ts';

/** What became of a packet in the tables of one hook, by our rules alone. */
export interface XWalk {
  readonly verdict: 'accept' | 'drop';
  readonly reject: 'tcp-reset' | 'admin-prohibited' | null;
  readonly counters: readonly string[];
  /** Its marks afterwards. */
  readonly mark: number;
  readonly ctMark: number;
}

interface Moving {
  mark: number;
  ctMark: number;
  counters: string[];
  reject: XWalk['reject'];
}

/**
 * Walks a packet through mangle, filter and security of a hook, as ipt_do_table does (net/ipv4/netfilter/ip_tables.c): a
 * goto leaves nothing to come back to, the end of a chain goes back to where the last jump came from, and of the base
 * chain to other people's rules. Sets answer as ipset does: the longest prefix that has the address says yes or no.
 */
export function walkX(state: XState, hook: 'FORWARD' | 'INPUT', view: PacketView, now: number): XWalk {
  const { network } = view;
  if (network?.kind !== 'ip') throw new Error('only IP comes here');
  const moving: Moving = {
    mark: view.mark,
    ctMark: view.ct.kind === 'entry' ? view.ct.mark : 0,
    counters: [],
    reject: null,
  };
  const sets = new Map(state.sets.map((set) => [set.name, set]));
  const order: readonly TableName[] = ['mangle', 'filter', 'security'];
  for (const name of order) {
    const table = state.tables[network.family].find((one) => one.name === name);
    const jump = table?.jumps.find((one) => one.hook === hook);
    if (table === undefined || jump === undefined) continue;
    if (new Walker(table, sets, view, network, moving, now).walk(jump.chain) === 'drop')
      return { verdict: 'drop', ...moving };
  }
  return { verdict: 'accept', ...moving };
}

/** As many steps as no walk of ours takes. */
const mostSteps = 10_000;

class Walker {
  readonly #chains: ReadonlyMap<string, XTable['chains'][number]>;
  readonly #sets: ReadonlyMap<string, IpSet>;
  readonly #view: PacketView;
  readonly #network: IpHeader;
  readonly #moving: Moving;
  readonly #now: number;

  constructor(
    table: XTable,
    sets: ReadonlyMap<string, IpSet>,
    view: PacketView,
    network: IpHeader,
    moving: Moving,
    now: number,
  ) {
    this.#chains = new Map(table.chains.map((chain) => [chain.name, chain]));
    this.#sets = sets;
    this.#view = view;
    this.#network = network;
    this.#moving = moving;
    this.#now = now;
  }

  walk(base: string): 'drop' | 'on' {
    const stack: { chain: string; rule: number }[] = [];
    let at = { chain: base, rule: 0 };
    for (let step = 0; step < mostSteps; step++) {
      const chain = this.#chains.get(at.chain);
      if (chain === undefined) throw new Error(`no chain ${at.chain}`);
      const rule = chain.rules[at.rule];
      if (rule === undefined) {
        const back = stack.pop();
        if (back === undefined) return 'on';
        at = back;
        continue;
      }
      at = { chain: at.chain, rule: at.rule + 1 };
      if (!rule.matches.every((match) => this.#matches(match))) continue;
      if (rule.counts !== undefined) this.#moving.counters.push(rule.counts);
      const { target } = rule;
      if (target === undefined) continue;
      if (target.kind === 'drop') return 'drop';
      if (target.kind === 'reject') {
        this.#moving.reject = target.with;
        return 'drop';
      }
      if (target.kind === 'return') at = { chain: at.chain, rule: chain.rules.length };
      else if (target.kind === 'jump') {
        stack.push(at);
        at = { chain: target.chain, rule: 0 };
      } else if (target.kind === 'goto') at = { chain: target.chain, rule: 0 };
      else this.#change(target);
    }
    throw new Error(`chains lead into themselves, by way of ${at.chain}`);
  }

  #change(target: Target): void {
    const changed = (mark: number, { value, mask }: { value: number; mask: number }) => ((mark & ~mask) ^ value) >>> 0;
    if (target.kind === 'set-mark') this.#moving.mark = changed(this.#moving.mark, target);
    else if (target.kind === 'set-connmark') this.#moving.ctMark = changed(this.#moving.ctMark, target);
    else if (target.kind === 'map-mark') {
      const mark = this.#lookUp(target.set, 'src,src')?.mark;
      if (mark !== undefined) this.#moving.mark = changed(this.#moving.mark, mark);
    }
  }

  #matches(match: Match): boolean {
    const { ct } = this.#view;
    const { transport, protocol, family, saddr, daddr } = this.#network;
    const masked = (mark: number, { value, mask }: { value: number; mask: number }) =>
      (mark & mask) >>> 0 === value >>> 0;
    const isIn = (ports: readonly { low: number; high: number }[], port: number) =>
      ports.some(({ low, high }) => low <= port && port <= high);
    switch (match.kind) {
      case 'set':
        return (this.#lookUp(match.set, match.of) !== null) !== (match.not === true);
      case 'in':
        return match.starts === true
          ? this.#view.in?.name.startsWith(match.name) === true
          : this.#view.in?.name === match.name;
      case 'mark':
        return masked(this.#moving.mark, match) !== (match.not === true);
      case 'connmark':
        return ct.kind === 'entry' && masked(this.#moving.ctMark, match);
      case 'ct-state': {
        const state = ct.state.toUpperCase();
        return match.states.includes(state) || (match.states.includes('DNAT') && ct.kind === 'entry' && ct.dnat);
      }
      case 'ct-direction':
        return ct.kind === 'entry' && ct.direction.toUpperCase() === match.direction;
      case 'ct-destination':
        return ct.kind === 'entry' && ct.original.family === family && has(match.prefix, family, ct.original.daddr);
      case 'ct-port':
        return ct.kind === 'entry' && isIn([match.ports], ct.original.dport);
      case 'protocol':
        return protocol === match.protocol;
      case 'protocol-zero':
        return family === 4 && protocol === 0;
      case 'ports':
        return transport.kind === 'ports' && isIn(match.ports, transport.dport);
      case 'icmp':
        return protocol === (family === 4 ? 1 : 58) && transport.kind === 'icmp' && transport.type === match.type;
      case 'hop-limit':
        return this.#network.hopLimit === match.is;
      case 'reverse-path-missing': // asked at PREROUTING only
        return false;
      case 'tcp-syn':
        return protocol === 6 && transport.kind === 'ports' && ((transport.tcpFlags ?? 0) & 0x17) === 0x02;
      case 'before':
        return Math.floor(this.#now / 1000) < match.seconds;
      case 'source':
        return has(match.prefix, family, saddr) !== (match.not === true);
      case 'destination':
        return has(match.prefix, family, daddr) !== (match.not === true);
      case 'quotes-what-it-got':
        return transport.kind === 'icmp' && transport.quoted === saddr;
      case 'in-index':
      case 'link-multicast':
      case 'ip-options':
      case 'routing-header':
      case 'igmp-question':
      case 'nd-target-is-another':
      case 'nd-link-is-another':
        throw new Error(`${match.kind} is for PREROUTING`);
    }
  }

  /** The element that has the packet; null when none has. */
  #lookUp(name: string, of: Extract<Match, { kind: 'set' }>['of']): IpSet['elements'][number] | null {
    const set = this.#sets.get(name);
    if (set === undefined) throw new Error(`no set ${name}`);
    const { family, saddr, daddr, transport, protocol } = this.#network;
    const isSource = of.startsWith('src');
    if (set.type === 'list:set')
      return set.elements.map(({ key }) => this.#lookUp(key, of)).find((one) => one !== null) ?? null;
    if (set.family !== family) return null;
    let best: { readonly element: IpSet['elements'][number]; readonly length: number } | null = null;
    for (const element of set.elements) {
      const [address = '', more] = element.key.split(',');
      const prefix = parsePrefix(address) as Prefix;
      if (!has(prefix, family, isSource ? saddr : daddr)) continue;
      if (set.type === 'hash:net,iface' && more !== (isSource ? this.#view.in : this.#view.out)?.name) continue;
      if (set.type === 'hash:ip,port') {
        const [word = '', port] = (more ?? '').split(':');
        const number = { tcp: 6, udp: 17, sctp: 132 }[word];
        if (number !== protocol || transport.kind !== 'ports' || transport.dport !== Number(port)) continue;
      }
      if (best === null || prefix.length > best.length) best = { element, length: prefix.length };
    }
    return best === null || best.element.nomatch === true ? null : best.element;
  }
}

function has(prefix: Prefix, family: Family, value: bigint): boolean {
  const { low, high } = prefixInterval(prefix);
  return prefix.address.family === family && low <= value && value <= high;
}
