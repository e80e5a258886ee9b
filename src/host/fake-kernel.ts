import { parseAddress } from '../ip/address.ts';
import type { BridgeCalls, Link } from '../netlink/link.ts';
import { type InterfaceAddress, isMeant, type LinkFilter } from '../netlink/route.ts';
import type { EngineSettings } from './dockerd.ts';
import type { KernelView } from './kernel-view.ts';
import { type Nameserver, parseResolvConf } from './resolv-conf.ts';

/**
 * A host in memory that behaves as the kernel does: indices are given in order and never again, a veth goes with the
 * namespace its peer is in, and a namespace has an id only once a veth of ours leads there.
 */
export class FakeKernel implements KernelView {
  readonly #links = new Map<number, Link>();
  readonly #addresses: InterfaceAddress[] = [];
  readonly #netns = new Map<number, number>();
  #nextIndex = 1;
  #nextNetns = 0;
  #nameservers: readonly Nameserver[] = [];
  /** Settings a test may change at will. */
  netfilter: BridgeCalls | null = { ip: true, ip6: true };
  name = 'docker-host';
  settings: EngineSettings = { dns: [], hostGateway: [] };
  /** Processes whose users are not the host's. */
  readonly mapped = new Set<number>();

  constructor() {
    this.#add({ name: 'lo', mac: '00:00:00:00:00:00', kind: null });
    this.address('lo', '127.0.0.1/8');
    this.address('lo', '::1/128');
  }

  /** A bridge; returns its index. */
  bridge(name: string, ...addresses: readonly string[]): number {
    const index = this.#add({ name, kind: 'bridge', bridgeCalls: { ip: false, ip6: false } });
    for (const address of addresses) this.address(name, address);
    return index;
  }

  /** Starts a process in a network namespace of its own. */
  process(pid: number): void {
    this.#netns.set(pid, -1);
  }

  /** Ends a process: its namespace goes, and the veths that led there with it. */
  exit(pid: number): void {
    const id = this.#netns.get(pid);
    this.#netns.delete(pid);
    if (id === undefined || id < 0 || [...this.#netns.values()].includes(id)) return;
    for (const link of this.#links.values()) if (link.peer?.netns === id) this.#links.delete(link.index);
  }

  /** Puts a process into the namespace of another one. */
  share(pid: number, other: number): void {
    this.#netns.set(pid, this.#idOf(other));
  }

  /** A veth whose host end is a port of `bridge` and whose other end is with the process; returns the host end's index. */
  veth(name: string, bridge: string, pid: number): number {
    const master = this.#find(bridge).index;
    return this.#add({ name, kind: 'veth', master, peer: { index: 2, netns: this.#idOf(pid) } });
  }

  /** Deletes an interface; the ports of a bridge that goes stay, without a master. */
  remove(name: string): void {
    const { index } = this.#find(name);
    this.#links.delete(index);
    for (const link of this.#links.values())
      if (link.master === index) this.#links.set(link.index, { ...link, master: null });
  }

  /** Adds `10.0.0.1/24` to an interface. */
  address(name: string, text: string): void {
    const [bare = '', length] = text.split('/');
    const address = parseAddress(bare);
    if (address === undefined) throw new TypeError(`not an address: ${text}`);
    this.#addresses.push({ index: this.#find(name).index, address, length: Number(length) });
  }

  resolvConf(text: string): void {
    this.#nameservers = parseResolvConf(text);
  }

  links(only?: LinkFilter): readonly Link[] {
    return [...this.#links.values()].filter((link) => only === undefined || isMeant(link, only));
  }

  addresses(): readonly InterfaceAddress[] {
    return this.#addresses.filter(({ index }) => this.#links.has(index));
  }

  netnsIdOf(pid: number): number | null {
    const id = this.#netns.get(pid);
    return id === undefined || id < 0 ? null : id;
  }

  isMapped(pid: number): boolean {
    return this.mapped.has(pid);
  }

  bridgeNetfilter(): BridgeCalls | null {
    return this.netfilter;
  }

  hostname(): string {
    return this.name;
  }

  nameservers(): readonly Nameserver[] {
    return this.#nameservers;
  }

  engineSettings(): EngineSettings {
    return this.settings;
  }

  #idOf(pid: number): number {
    const id = this.#netns.get(pid);
    if (id === undefined) throw new TypeError(`no process ${pid}`);
    if (id >= 0) return id;
    this.#netns.set(pid, this.#nextNetns);
    return this.#nextNetns++;
  }

  #find(name: string): Link {
    for (const link of this.#links.values()) if (link.name === name) return link;
    throw new TypeError(`no interface ${name}`);
  }

  #add(link: Partial<Link> & { readonly name: string }): number {
    const index = this.#nextIndex++;
    const mac = `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`;
    this.#links.set(index, { mac, master: null, kind: null, up: true, peer: null, bridgeCalls: null, ...link, index });
    return index;
  }
}
