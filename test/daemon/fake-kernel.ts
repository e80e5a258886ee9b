import { Guard } from '../../src/daemon/guard/guard.ts';
import type { Member } from '../../src/daemon/guard/members.ts';
import type { FromGuard, PlannedSeat, ToGuard } from '../../src/daemon/guard/protocol.ts';
import { type Address, parseAddress } from '../../src/ip/address.ts';
import { setOfAddresses, setOfPrefixes, subtractSets } from '../../src/ip/address-set.ts';
import { prefixOf } from '../../src/ip/prefix.ts';
import { errnos, NetlinkError } from '../../src/netlink/error.ts';
import type { Link, Peer } from '../../src/netlink/link.ts';
import { elementId, type SetElement } from '../../src/nftables/endpoint-elements.ts';
import { isSameVerdict } from '../../src/nftables/same.ts';

export const address = (text: string): Address => {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new TypeError(text);
  return parsed;
};

export const network = 'f'.repeat(64);
/** Its subnet without the host's address. */
const places = subtractSets(setOfPrefixes([prefixOf('172.30.0.0/24')]), setOfAddresses([address('172.30.0.1')]));
export const bridge = { name: 'br-test', index: 2, network, places, strict: true };

/** A bridge of the engine's that nobody has enrolled; the one after it is, too. */
export const open = 50;

export const idOf = (name: string): string => Buffer.from(name).toString('hex').padEnd(64, '0');

export function member(name: string, mac: string, ip: string, endpoint = name): Member {
  return { container: idOf(name), endpoint: idOf(endpoint), mac, addresses: [address(ip)] };
}

export function seat(name: string, program = name, on = bridge): PlannedSeat {
  const entry = { kind: 'goto', chain: `judge/${program}` } as const;
  const entries = { forward4: entry, forward6: entry, host4: entry, host6: entry };
  return {
    container: idOf(name),
    network: on.network,
    rules: { bridge: { name: on.name, index: on.index }, strict: true, entries, groups: ['service/app'], opens: [] },
  };
}

/**
 * A host in memory with the guard on it: links with peers, an engine that answers when it is let, sets with the kernel's
 * rules for elements (removing what is missing is no error; adding a key that has another verdict is), and a clock.
 */
export class FakeHost {
  readonly guard: Guard;
  readonly said: FromGuard[] = [];
  readonly sets = new Map<string, SetElement>();
  batches = 0;
  questions = 0;
  members: readonly Member[] = [];
  /** How the kernel refuses the next batches, one after the other. */
  readonly refusals: NetlinkError[] = [];
  /** Why the next lists of interfaces cannot be read, one after the other. */
  unlisted: Error[] = [];
  /** Containers whose processes the kernel shows, by the namespaces these live in. */
  readonly residents = new Map<string, readonly number[]>();
  /** Processes that are not found by the groups of containers. */
  processes: readonly { readonly netns: number; readonly containers: readonly string[] }[] = [];
  /** Folders called like containers that were looked into. */
  readonly within: string[] = [];
  /** How often the list was asked for. */
  lists = 0;
  now = 1_000_000;
  readonly #links = new Map<number, Link>();
  readonly #peers = new Map<string, { mac: string; up?: boolean; addresses: readonly Address[] }>();
  readonly #waiting: ((members: readonly Member[]) => void)[] = [];
  readonly #timers = new Set<{ due: number; call: () => void }>();
  /** Whether the engine answers by itself; else by `answer`. */
  prompt = true;

  /** When the guard knows what is there. */
  readonly begun: Promise<void>;

  /** @param unlisted of the list the guard begins with, as {@link unlisted} */
  constructor(unlisted: readonly Error[] = []) {
    this.unlisted = [...unlisted];
    this.guard = new Guard({
      links: () => {
        this.lists++;
        const failure = this.unlisted.shift();
        if (failure !== undefined) throw failure;
        return [...this.#links.values()];
      },
      link: (index) => this.#links.get(index) ?? null,
      peerLink: (peer) => {
        const { mac, up = true } = this.#peers.get(peerKey(peer)) ?? {};
        return mac === undefined ? null : { mac, up };
      },
      containers: () => new Set(this.residents.keys()),
      namespaces: (container) => this.residents.get(container) ?? [],
      watchWithin: (container) => void this.within.push(container),
      disregard: (container) => void this.residents.delete(container),
      newest: () => this.processes.map(({ netns, containers }) => ({ netns, containers: () => containers })),
      peerAddresses: (peer) => this.#peers.get(peerKey(peer))?.addresses ?? [],
      members: () => {
        this.questions++;
        if (this.prompt) return Promise.resolve(this.members);
        return new Promise((resolve) => this.#waiting.push(resolve));
      },
      setElements: (remove, add) => this.#setElements(remove, add),
      say: (message) => this.said.push(message),
      now: () => this.now,
      after: (milliseconds, call) => {
        const timer = { due: this.now + milliseconds, call };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
    });
    this.#links.set(bridge.index, bridgeLink(bridge.name, bridge.index));
    this.begun = this.guard.begin();
  }

  plan(plan: Partial<Extract<ToGuard, { kind: 'plan' }>> = {}): void {
    const told = {
      bridges: [bridge],
      seats: [],
      gone: [],
      seated: [],
      unseated: [],
      announced: [],
      forgotten: [],
      engines: [open, open + 1, bridge.index],
    };
    this.guard.hear({ kind: 'plan', ...told, barred: [], heard: this.heard, ...plan });
  }

  /** Serial of the last thing the guard said it did. */
  get heard(): number {
    return Math.max(0, ...this.said.map((message) => ('serial' in message ? message.serial : 0)));
  }

  /** A veth joins the bridge; `mac` is what the other end has in its container, null while it is not there. */
  join(index: number, mac: string | null, ips: readonly string[] = [], on = bridge.index, up = true): void {
    const peer = { index: index + 1000, netns: mac === null ? null : index };
    if (mac !== null) this.#peers.set(peerKey(peer), { mac, up, addresses: ips.map(address) });
    const link = vethLink(index, on, peer);
    this.#links.set(index, link);
    this.guard.hearLinks([{ kind: 'there', link }]);
  }

  /** Something about the other end changes, and nobody tells. */
  alter(index: number, change: { readonly up?: boolean; readonly ips?: readonly string[] }): void {
    const key = peerKey({ index: index + 1000, netns: index });
    const peer = this.#peers.get(key);
    if (peer === undefined) throw new Error(`nothing is behind ${index}`);
    const { up = peer.up, ips } = change;
    const addresses = ips?.map(address) ?? peer.addresses;
    this.#peers.set(key, { mac: peer.mac, addresses, ...(up === undefined ? {} : { up }) });
  }

  /** The other end moves into its container, and nobody tells. */
  move(index: number, mac: string): void {
    const peer = { index: index + 1000, netns: index };
    this.#peers.set(peerKey(peer), { mac, addresses: [] });
    this.#links.set(index, vethLink(index, bridge.index, peer));
  }

  linkOf(index: number): Link | undefined {
    return this.#links.get(index);
  }

  /** Puts a link there, or takes it away, without an event. */
  silently(index: number, link: Link | null): void {
    if (link === null) this.#links.delete(index);
    else this.#links.set(index, link);
  }

  remove(index: number): void {
    this.#links.delete(index);
    this.guard.hearLinks([{ kind: 'gone', index }]);
  }

  /** The engine answers the oldest question. */
  async answer(members: readonly Member[]): Promise<void> {
    this.#waiting.shift()?.(members);
    await settled();
  }

  /** Lets time pass, millisecond by millisecond. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds;
    for (await settled(); this.now < end; await settled()) {
      this.now++;
      const due = [...this.#timers].filter((timer) => timer.due <= this.now);
      for (const timer of due) {
        this.#timers.delete(timer);
        timer.call();
      }
    }
  }

  of<Kind extends FromGuard['kind']>(kind: Kind): readonly Extract<FromGuard, { kind: Kind }>[] {
    return this.said.filter((message): message is Extract<FromGuard, { kind: Kind }> => message.kind === kind);
  }

  /** The chain that judges what comes from an address on the bridge; undefined: it is denied. */
  judge(ip: string): string | undefined {
    const { family, value } = address(ip);
    const key = [
      { low: BigInt(bridge.index), high: BigInt(bridge.index) },
      { low: value, high: value },
    ];
    const id = elementId({ table: 'inet', set: `forward${family}`, key: [], element: { key } });
    const verdict = this.sets.get(id)?.element.verdict;
    return verdict !== undefined && 'chain' in verdict ? verdict.chain : verdict?.kind;
  }

  /** Whether a port is proven to have a MAC. */
  proves(port: number): boolean {
    return [...this.sets.values()].some(
      ({ set, element: { key } }) =>
        set === 'macs' && key[0] !== undefined && 'low' in key[0] && key[0].low === BigInt(port),
    );
  }

  #setElements(remove: readonly SetElement[], add: readonly SetElement[]): void {
    this.batches++;
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
    const after = new Map(this.sets);
    for (const one of remove) after.delete(elementId(one));
    for (const one of add) {
      const known = after.get(elementId(one));
      if (known !== undefined && !isSameVerdict(known.element.verdict, one.element.verdict))
        throw new NetlinkError('refused', 'EEXIST', errnos.EEXIST);
      after.set(elementId(one), one);
    }
    this.sets.clear();
    for (const [id, one] of after) this.sets.set(id, one);
  }
}

const peerKey = ({ index, netns }: Peer): string => `${netns} ${index}`;
const plain = { mac: null, master: null, up: true, peer: null, bridgeCalls: null };

export const bridgeLink = (name: string, index: number): Link => ({ ...plain, index, name, kind: 'bridge' });
export const vethLink = (index: number, master: number | null, peer: Peer): Link => ({
  ...plain,
  index,
  name: `veth${index}`,
  kind: 'veth',
  master,
  peer,
});

/** Promises that are kept have told so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
