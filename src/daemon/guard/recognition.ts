import type { Address } from '../../ip/address.ts';
import { setIncludes } from '../../ip/address-set.ts';
import { FirstSight, type ProcessPorts } from './first-sight.ts';
import { Glances } from './glances.ts';
import { type After, Lookout } from './lookout.ts';
import { matchPorts } from './matching.ts';
import type { Member } from './members.ts';
import { type EndPorts, OtherEnds } from './other-ends.ts';
import type { BridgePort } from './ports.ts';
import type { GuardedBridge } from './protocol.ts';
import type { Sitting, Sittings } from './sittings.ts';

export interface RecognitionPorts extends EndPorts, ProcessPorts {
  /** Who is on a network, as the engine says. */
  members(network: string): Promise<readonly Member[]>;
  after: After;
  /** A bridge by its index, if it is enrolled. */
  enrolled(bridge: number): GuardedBridge | undefined;
  /** Containers that have a seat on a bridge and do not sit. */
  awaited(bridge: GuardedBridge): ReadonlySet<string>;
  /** Gives somebody his seat. @returns whether he sits */
  seat(newcomer: Recognised): boolean;
  /** Nobody was found to be behind a port. */
  stranger(port: BridgePort, bridge: GuardedBridge): void;
}

/** A port that joined an enrolled bridge and is nobody's yet. */
interface Newcomer {
  readonly port: BridgePort;
  readonly network: string;
  readonly joined: number;
  /** Who it is, once that is known and its seat is not. */
  readonly member: Member | null;
}

/** A newcomer of whom it is known who it is. */
export type Recognised = Newcomer & { readonly member: Member };

/** Milliseconds after which a port is a stranger: an engine that starts 200 containers at once takes its time. */
const patience = 30_000;

/**
 * Finds out who is behind the ports that join enrolled bridges, by whichever tells first: the engine, when it lists a member
 * whom the kernel shows at the other end; or the kernel alone, by the namespace in which a container's processes live.
 */
export class Recognition {
  readonly #ports: RecognitionPorts;
  /** Who sits already. */
  readonly #sittings: Pick<Sittings, 'of' | 'holding' | 'withMac'>;
  /** By port. */
  readonly #newcomers = new Map<number, Newcomer>();
  readonly #strangers = new Set<number>();
  readonly #lookouts = new Map<string, Lookout>();
  /** What was last said of who is on a network. */
  readonly #lists = new Map<string, { readonly members: readonly Member[]; readonly asked: number }>();
  readonly #ends: OtherEnds;
  readonly #firstSight: FirstSight;
  readonly #glances: Glances;

  constructor(ports: RecognitionPorts, sittings: Pick<Sittings, 'of' | 'holding' | 'withMac'>) {
    this.#ports = ports;
    this.#sittings = sittings;
    this.#ends = new OtherEnds(ports);
    this.#firstSight = new FirstSight(ports);
    this.#glances = new Glances({
      look: (network) => this.#glance(network),
      youngest: (network) => this.#youngest(network),
      now: () => ports.now(),
      after: ports.after,
    });
  }

  /** A port on the bridge of this network, behind which nobody is known: looks for who it is, unless that was given up. */
  welcome(port: BridgePort, network: string): void {
    const { index, joined } = port;
    if (joined === null || this.#ports.now() - joined > patience) return;
    if (this.#newcomers.has(index) || this.#strangers.has(index)) return;
    this.#newcomers.set(index, { port, network, joined, member: null });
    this.#lookFor(network);
  }

  /** Something about a port changed. @returns whether it is a newcomer's */
  altered(port: BridgePort): boolean {
    const newcomer = this.#newcomers.get(port.index);
    if (newcomer === undefined) return false;
    this.#newcomers.set(port.index, { ...newcomer, port });
    if (newcomer.member !== null) return true;
    this.#ends.forget(port.index);
    this.#match(newcomer.network); // its other end may be in the container now
    if (this.#newcomers.get(port.index)?.member === null) this.#lookFor(newcomer.network);
    return true;
  }

  /** The port is gone, or it is known from elsewhere who is behind it. */
  forget(port: number): void {
    this.#newcomers.delete(port);
    this.#strangers.delete(port);
    this.#ends.forget(port);
  }

  /** Somebody was connected to a network. */
  wake(network: string): void {
    this.#lookouts.get(network)?.wake();
  }

  /** Bridges or seats are others now: seats whom there was no seat for. */
  review(bridges: readonly GuardedBridge[]): void {
    const newcomers = [...this.#newcomers.values()]; // some are seated on the way
    for (const newcomer of newcomers) {
      if (this.#ports.enrolled(newcomer.port.bridge)?.network !== newcomer.network) this.forget(newcomer.port.index);
      else if (isRecognised(newcomer)) this.#recognised(newcomer);
    }
    const networks = new Set(bridges.map(({ network }) => network));
    for (const network of this.#lookouts.keys()) if (!networks.has(network)) this.#lookouts.delete(network);
    for (const network of this.#lists.keys()) if (!networks.has(network)) this.#lists.delete(network);
    for (const network of new Set([...this.#newcomers.values()].map((one) => one.network))) this.#glances.wake(network);
  }

  #recognised(newcomer: Recognised): void {
    this.#newcomers.set(newcomer.port.index, newcomer);
    if (this.#ports.seat(newcomer)) this.forget(newcomer.port.index);
  }

  #unknown(network: string): readonly Newcomer[] {
    return [...this.#newcomers.values()].filter((one) => one.network === network && one.member === null);
  }

  /** Asks the kernel and the engine who is behind the ports of a network's newcomers. */
  #lookFor(network: string): void {
    this.#glances.wake(network);
    this.#lookoutOf(network).wake();
  }

  /** When the youngest joined of those nobody is known for; those who came too long ago are given up. */
  #youngest(network: string): number | null {
    const oldest = this.#ports.now() - patience;
    let youngest: number | null = null;
    for (const { port, joined } of this.#unknown(network)) {
      if (joined >= oldest) youngest = Math.max(youngest ?? joined, joined);
      else this.#giveUp(port, network);
    }
    return youngest;
  }

  #giveUp(port: BridgePort, network: string): void {
    this.forget(port.index);
    this.#strangers.add(port.index);
    const bridge = this.#ports.enrolled(port.bridge);
    if (bridge?.network === network) this.#ports.stranger(port, bridge);
  }

  // What the kernel tells

  /** Recognises whom the kernel shows behind a port, unless somebody else is known to have what it shows. */
  #glance(network: string): void {
    const newcomers = this.#unknown(network);
    const [first] = newcomers;
    const bridge = first === undefined ? undefined : this.#ports.enrolled(first.port.bridge);
    if (bridge?.network !== network) return;
    const awaited = this.#ports.awaited(bridge);
    if (awaited.size === 0) return;
    const candidates = newcomers.flatMap(({ port }) => this.#ends.of(port, newcomers.length) ?? []);
    for (const { port, ...resident } of this.#firstSight.look(candidates, awaited)) {
      const newcomer = this.#newcomers.get(port);
      const member: Member = { ...resident, endpoint: null };
      if (newcomer?.port.bridge === bridge.index && this.#isFree(bridge, newcomer.joined, member))
        this.#recognised({ ...newcomer, member });
    }
  }

  /**
   * Whether somebody who joined then may have these addresses and this MAC. Whoever runs already and is connected may have
   * set them itself, so they are never a neighbour's, nor what no container can have there: that takes the engine's word.
   */
  #isFree({ index, network, places }: GuardedBridge, joined: number, { container, mac, addresses }: Member): boolean {
    if (addresses.length === 0 || !addresses.every((address) => setIncludes(places, address))) return false;
    const list = this.#lists.get(network);
    const listed = list === undefined || list.asked < joined ? [] : list.members; // before that they may have been another's
    const isTheirs = (one: Member) =>
      one.mac === mac || one.addresses.some((its) => addresses.some((ours) => isSame(its, ours)));
    if (listed.some((one) => one.container !== container && isTheirs(one))) return false;
    return [
      ...this.#sittings.withMac(index, mac),
      ...addresses.flatMap((address) => this.#sittings.holding(index, address)),
    ].every((one) => one.container === container);
  }

  // What the engine tells

  #lookoutOf(network: string): Lookout {
    const known = this.#lookouts.get(network);
    if (known !== undefined) return known;
    const lookout = new Lookout({
      ask: () => this.#ports.members(network),
      take: (members, asked) => {
        if (this.#unknown(network).length === 0) return;
        this.#lists.set(network, { members, asked });
        this.#match(network);
      },
      youngest: () => this.#youngest(network),
      now: () => this.#ports.now(),
      after: this.#ports.after,
    });
    this.#lookouts.set(network, lookout);
    return lookout;
  }

  /** Finds out who is behind which of a network's ports, by what the engine said last. */
  #match(network: string): void {
    const list = this.#lists.get(network);
    if (list === undefined) return;
    const members = this.#unseated(network, list.members);
    if (members.length === 0) return;
    // an answer that was under way when a port joined may still tell who was there before
    const newcomers = this.#unknown(network).filter(({ joined }) => joined <= list.asked);
    const candidates = newcomers.flatMap(({ port }) => this.#ends.of(port, newcomers.length) ?? []);
    const netns = new Map(candidates.map((one) => [one.index, one.netns]));
    for (const [index, member] of matchPorts(candidates, members)) {
      const newcomer = this.#newcomers.get(index);
      const where = netns.get(index);
      // its MAC may be borrowed: by whoever has NET_ADMIN and no seat yet, from one that is just starting
      if (newcomer === undefined || where === undefined || this.#firstSight.livesElsewhere(member.container, where))
        continue;
      this.#recognised({ ...newcomer, member });
    }
  }

  /** The members whom nobody sits for, and whom no newcomer was recognised as. */
  #unseated(network: string, members: readonly Member[]): readonly Member[] {
    const recognised = [...this.#newcomers.values()].flatMap((one) =>
      one.network === network && one.member !== null ? [one.member] : [],
    );
    const endpoints = new Set(recognised.map(({ endpoint }) => endpoint));
    const shown = new Set(recognised.flatMap(({ endpoint, container }) => (endpoint === null ? [container] : [])));
    return members.filter(
      (member) =>
        !endpoints.has(member.endpoint) &&
        !shown.has(member.container) &&
        !this.#sittings.of(member.container, network).some((sitting) => isStill(sitting, member)),
    );
  }
}

function isRecognised(newcomer: Newcomer): newcomer is Recognised {
  return newcomer.member !== null;
}

/** Whether somebody sits for this very attachment, whose id is not always known. */
function isStill({ endpoint, place }: Sitting, member: Member): boolean {
  if (endpoint !== null) return endpoint === member.endpoint;
  return (
    place.mac === member.mac && member.addresses.every((its) => place.addresses.some((address) => isSame(address, its)))
  );
}

const isSame = (a: Address, b: Address): boolean => a.family === b.family && a.value === b.value;
