import { errnos, NetlinkError } from '../../netlink/error.ts';
import type { Link } from '../../netlink/link.ts';
import type { LinkEvent } from '../../netlink/link-events.ts';
import type { SenderPlace, SetElement } from '../../nftables/endpoint-elements.ts';
import { linkLocalOf } from '../../ruleset/mac.ts';
import { Bars } from './bars.ts';
import { ClosedBridges } from './closed-bridges.ts';
import { Closing } from './closing.ts';
import { LinkReading } from './link-reading.ts';
import type { Member } from './members.ts';
import { unlessRefused } from './other-ends.ts';
import { type BridgePort, BridgePorts, type PortChange } from './ports.ts';
import type { Closed, FromGuard, GuardedBridge, PlannedSeat, Seated, ToGuard } from './protocol.ts';
import { type Recognised, Recognition, type RecognitionPorts } from './recognition.ts';
import { type Sitting, Sittings } from './sittings.ts';
import { Unannounced, type UnannouncedPorts } from './unannounced.ts';

/** What the guard needs of the world around it. */
export interface GuardPorts
  extends Omit<RecognitionPorts, 'enrolled' | 'awaited' | 'seat' | 'stranger'>,
    Pick<UnannouncedPorts, 'watchWithin' | 'disregard' | 'newest'> {
  /** Every interface there is. @throws NetlinkError */
  links(): readonly Link[];
  /** One transaction. @throws NetlinkError */
  setElements(remove: readonly SetElement[], add: readonly SetElement[]): void;
  say(message: FromGuard): void;
}

/**
 * Seats newcomers: when it is recognised who is behind a port that joined an enrolled bridge, it sets the elements that let
 * him send. Before that the standing rules deny it, so whatever fails here costs the newcomer its first packets and opens
 * nothing.
 */
export class Guard {
  readonly #ports: GuardPorts;
  readonly #bridgePorts = new BridgePorts();
  readonly #reading: LinkReading;
  /** Whether it is known what is there; what is told before is in the list that is still to be read. */
  #begun = false;
  readonly #sittings = new Sittings();
  /** By container, then network. */
  readonly #seats = new Map<string, Map<string, PlannedSeat>>();
  readonly #closing: Closing;
  readonly #closed: ClosedBridges;
  readonly #recognition: Recognition;
  readonly #unannounced: Unannounced;
  readonly #bars: Bars;
  /** Bridges of the engine's networks; null: not known yet. */
  #engines: ReadonlySet<number> | null = null;
  #enrolled: ReadonlyMap<number, GuardedBridge> = new Map();
  #serial = 0;
  /** Who left, by the number of the message that said so: the main thread may put them back before it hears. */
  #departed: readonly { readonly serial: number; readonly sitting: Sitting }[] = [];
  /** Who left and whose elements the kernel would not let go. */
  #lingering: readonly Sitting[] = [];

  constructor(ports: GuardPorts) {
    this.#ports = ports;
    this.#reading = new LinkReading(ports);
    this.#closing = new Closing({
      link: (index) => unlessRefused(() => ports.link(index)),
      heldPorts: () =>
        this.#sittings
          .all()
          .filter(isJudged)
          .map(({ place }) => place.port.index),
      close: (bridge) => this.#close(bridge, 'connected'),
      now: () => ports.now(),
      after: ports.after,
    });
    this.#recognition = new Recognition(
      {
        ...ports,
        enrolled: (bridge) => this.#enrolled.get(bridge),
        awaited: (bridge) => this.#awaited(bridge),
        seat: (newcomer) => this.#seat(newcomer),
        stranger: ({ name, index }, bridge) =>
          ports.say({ kind: 'stranger', bridge: bridge.name, port: { name, index } }),
      },
      this.#sittings,
    );
    const doing = {
      setElements: (remove: readonly SetElement[], add: readonly SetElement[]) => this.#setElements(remove, add),
      say: (message: FromGuard) => ports.say(message),
      serial: () => ++this.#serial,
    };
    this.#closed = new ClosedBridges(doing);
    this.#bars = new Bars(doing, this.#sittings);
    this.#unannounced = new Unannounced({
      containers: () => ports.containers(),
      namespaces: (container) => ports.namespaces(container),
      watchWithin: (container) => ports.watchWithin(container),
      disregard: (container) => ports.disregard(container),
      newest: (most) => ports.newest(most),
      now: () => ports.now(),
      after: ports.after,
      isJudged: (container) => this.#seatsOf(container).some(isJudged),
      isAdrift: (container) => this.#isAdrift(container),
      ports: () => this.#bridgePorts.all(),
      namespaceBehind: (port) => this.#namespaceBehind(port),
      isOpen: (port) => this.#isOpen(port),
      bar: (port, container) => {
        if (this.#bars.bar(port, container)) this.#recognition.forget(port.index);
      },
    });
  }

  /**
   * Takes in what is there. Nobody is to be told anything before it resolves: whoever sits would be taken for gone.
   *
   * @throws NetlinkError from a timer, when the list cannot be read for seconds: the guard cannot go on then
   */
  begin(): Promise<void> {
    return new Promise((resolve) => {
      this.#reading.read((links) => {
        this.#bridgePorts.reset(links, null);
        this.#begun = true;
        resolve();
      });
    });
  }

  hearLinks(events: readonly LinkEvent[]): void {
    if (!this.#begun) return;
    const now = this.#ports.now();
    for (const event of events) this.#changed(this.#bridgePorts.apply(event, now));
  }

  /**
   * Events were lost: what is there now is compared with what was known. What is told until that can be read is heard.
   *
   * @throws NetlinkError from a timer, as {@link begin} does
   */
  hearLoss(): void {
    if (!this.#begun) return;
    this.#reading.read((links) => this.#changed(this.#bridgePorts.reset(links, this.#ports.now())));
  }

  /** A container's control group came or went. */
  hearGroup(container: string): void {
    if (this.#begun) this.#unannounced.groupChanged(container);
  }

  /** There are more folders of control groups than are, or can be, watched. */
  hearOverflow(): void {
    this.#unannounced.overflowed();
    this.#ports.say({ kind: 'crowded' });
  }

  hear(message: Exclude<ToGuard, { kind: 'stop' | 'measure' }>): void {
    if (message.kind === 'plan') this.#plan(message);
    else if (message.kind === 'blind') this.#unannounced.blind();
    else this.#recognition.wake(message.network);
  }

  // What the kernel tells

  #changed(changes: readonly PortChange[]): void {
    for (const change of changes) {
      if (change.kind === 'bridge') this.#bridgeChanged(change);
      else if (change.kind === 'parted') this.#parted(change.port);
      else this.#arrived(change.port);
    }
  }

  /** The engine tells of a network only after its bridge is there; till then nobody knows who may send from it. */
  #bridgeChanged({ name, index, there }: Extract<PortChange, { kind: 'bridge' }>): void {
    if (there) this.#close(index, 'new');
    else this.#closed.gone(index);
    this.#ports.say({ kind: 'bridges', name, index, there });
  }

  #arrived(port: BridgePort): void {
    this.#lookBehind(port);
    if (!this.#recognition.altered(port)) this.#welcome(port);
  }

  #lookBehind(port: BridgePort): void {
    if (this.#isOpen(port) && this.#sittings.get(port.index) === undefined) this.#unannounced.arrived(port);
  }

  /** Begins to look for who is behind a port, unless that is known. */
  #welcome(port: BridgePort): void {
    const bridge = this.#enrolled.get(port.bridge);
    if (bridge === undefined) this.#closing.arrived(port);
    else if (this.#sittings.get(port.index) === undefined) this.#recognition.welcome(port, bridge.network);
  }

  /** Nothing passes a bridge from which a held container might send unjudged, until the main thread has seen to it. */
  #close(index: number, why: Closed['why']): void {
    const name = this.#bridgePorts.nameOf(index);
    if (name !== undefined && !this.#enrolled.has(index)) this.#closed.close({ bridge: { name, index }, why });
  }

  #parted(port: BridgePort): void {
    this.#closing.parted(port.index);
    this.#recognition.forget(port.index);
    this.#unannounced.parted(port.index);
    this.#bars.parted(port.index);
    const sitting = this.#sittings.get(port.index);
    if (sitting !== undefined) this.#leave(sitting);
  }

  #leave(sitting: Sitting): void {
    this.#sittings.delete(sitting.place.port.index);
    if (!this.#apply([sitting], [])) {
      this.#lingering = [...this.#lingering, sitting];
      return;
    }
    const serial = ++this.#serial;
    this.#departed = [...this.#departed, { serial, sitting }];
    this.#ports.say({ kind: 'left', serial, port: sitting.place.port.index });
  }

  // Whom nobody has told of

  #namespaceBehind(port: BridgePort): number | null {
    if (port.peer.netns !== null) return port.peer.netns;
    const link = unlessRefused(() => this.#ports.link(port.index));
    return link?.master === port.bridge ? (link.peer?.netns ?? null) : null;
  }

  #isAdrift(container: string): boolean {
    const seats = this.#seatsOf(container);
    return seats.some(isJudged) && seats.every(({ network }) => this.#sittings.of(container, network).length === 0);
  }

  #seatsOf(container: string): readonly PlannedSeat[] {
    return [...(this.#seats.get(container)?.values() ?? [])];
  }

  /**
   * Whether what comes from a port may pass though nobody is known to be behind it, or as somebody's. Bridges that are not the
   * engine's are others' business, and one that has only just appeared is shut.
   */
  #isOpen({ index, bridge }: BridgePort): boolean {
    if (this.#bars.has(index) || (this.#engines !== null && !this.#engines.has(bridge))) return false;
    return this.#sittings.get(index) !== undefined || this.#enrolled.get(bridge)?.strict !== true;
  }

  // Seating

  /** @returns whether it sits: there may be no seat for it yet, or the kernel refuses */
  #seat({ port, member, network, joined }: Recognised): boolean {
    const seat = this.#seats.get(member.container)?.get(network);
    if (this.#bars.has(port.index)) return false;
    // a seat on a bridge that was made anew in between: the plan with the right one is on its way
    if (seat === undefined || seat.rules.bridge.index !== port.bridge) return false;
    const { index, name } = port;
    const held = this.#formerHolders(member, port, network);
    const place = this.#placeOf(member, { index, name }, seat, held);
    const coming: Seated = { container: member.container, network, rules: seat.rules, place };
    if (!this.#apply(held, [coming])) return false;
    for (const { place: former } of held) this.#sittings.delete(former.port.index);
    this.#sit({ ...coming, endpoint: member.endpoint, joined }, held);
    return true;
  }

  /** Containers that have a seat on a bridge and do not sit. */
  #awaited({ index, network }: GuardedBridge): ReadonlySet<string> {
    const awaited = new Set<string>();
    for (const [container, seats] of this.#seats)
      if (seats.get(network)?.rules.bridge.index === index && this.#sittings.of(container, network).length === 0)
        awaited.add(container);
    return awaited;
  }

  #sit(coming: Omit<Sitting, 'serial'>, replaced: readonly Sitting[]): void {
    const serial = ++this.#serial;
    this.#sittings.put({ ...coming, serial });
    this.#departed = [...this.#departed, ...replaced.map((sitting) => ({ serial, sitting }))];
    const { container, network, rules, place, joined } = coming;
    this.#ports.say({
      kind: 'seated',
      serial,
      seated: { container, network, rules, place },
      joined,
      stood: this.#ports.now(),
      replaced: replaced.map((one) => one.place.port.index),
    });
  }

  /** Who held one of its addresses on its bridge, and what is left of its own earlier place on the network. */
  #formerHolders(member: Member, port: BridgePort, network: string): readonly Sitting[] {
    const holders = [
      ...this.#sittings.of(member.container, network),
      ...member.addresses.flatMap((address) => this.#sittings.holding(port.bridge, address)),
    ];
    return [...new Set(holders)];
  }

  /**
   * Its own addresses, and the link-local one its MAC gives: unless a neighbour has that too, when the address tells nobody
   * who it is, neither sending nor being sent to.
   */
  #placeOf(
    { mac, addresses }: Member,
    port: SenderPlace['port'],
    { rules }: PlannedSeat,
    leaving: readonly Sitting[],
  ): SenderPlace {
    const linkLocal = linkLocalOf(mac);
    if (linkLocal === undefined) return { port, mac, addresses };
    const disputed = this.#sittings.holding(rules.bridge.index, linkLocal).some((one) => !leaving.includes(one));
    return { port, mac, addresses: disputed ? addresses : [...addresses, linkLocal] };
  }

  /** Changes the kernel's sets; tells when that fails. */
  #apply(leaving: readonly Seated[], coming: readonly Seated[]): boolean {
    const { remove, add } = this.#sittings.change(leaving, coming);
    try {
      this.#setElements(remove, add);
      return true;
    } catch (error) {
      const [who] = [...coming, ...leaving];
      if (!(error instanceof Error) || who === undefined) throw error;
      const { container, network } = who;
      this.#ports.say({ kind: 'failed', container, network, reason: error.message });
      return false;
    }
  }

  /** A key that stands with a verdict nobody here knows of is a former holder's, and goes as theirs do. */
  #setElements(remove: readonly SetElement[], add: readonly SetElement[]): void {
    try {
      this.#ports.setElements(remove, add);
    } catch (error) {
      if (!(error instanceof NetlinkError) || (error.errno !== errnos.EEXIST && error.errno !== errnos.EBUSY))
        throw error;
      this.#ports.setElements([...remove, ...add.filter(({ element }) => element.verdict !== undefined)], add);
    }
  }

  // What the main thread tells

  #plan(plan: Extract<ToGuard, { kind: 'plan' }>): void {
    this.#enrolled = new Map(plan.bridges.map((bridge) => [bridge.index, bridge]));
    const former = this.#engines;
    this.#engines = new Set(plan.engines);
    for (const { container, network } of plan.gone) this.#dropSeat(container, network);
    for (const seat of plan.seats) this.#keepSeat(seat);
    this.#departed = this.#departed.filter(({ serial }) => serial > plan.heard);
    for (const port of plan.unseated) if (this.#isHeard(port, plan.heard)) this.#sittings.delete(port);
    for (const seated of plan.seated) this.#takeOver(seated, plan.heard);
    this.#redo(plan.heard);
    this.#bars.plan(plan.heard, plan.barred, (index) => this.#bridgePorts.get(index) !== undefined);
    this.#leaveUnenrolled();
    this.#recognition.review(plan.bridges);
    for (const { index } of plan.bridges) for (const port of this.#bridgePorts.on(index)) this.#welcome(port);
    this.#unannounced.told(plan);
    for (const index of this.#engines)
      if (former?.has(index) !== true) for (const port of this.#bridgePorts.on(index)) this.#lookBehind(port);
  }

  #dropSeat(container: string, network: string): void {
    const seats = this.#seats.get(container);
    seats?.delete(network);
    if (seats?.size === 0) this.#seats.delete(container);
  }

  #keepSeat(seat: PlannedSeat): void {
    const seats = this.#seats.get(seat.container) ?? new Map<string, PlannedSeat>();
    this.#seats.set(seat.container, seats.set(seat.network, seat));
  }

  #isHeard(port: number, heard: number): boolean {
    const sitting = this.#sittings.get(port);
    return sitting !== undefined && sitting.serial <= heard;
  }

  /** Somebody whom the main thread seated, if still there. */
  #takeOver(seated: Seated, heard: number): void {
    const { index } = seated.place.port;
    const port = this.#bridgePorts.get(index);
    const own = this.#sittings.get(index);
    if (own !== undefined && own.serial > heard) {
      if (own.container !== seated.container) this.#apply([seated], [own]);
      return;
    }
    if (port === undefined || port.bridge !== seated.rules.bridge.index || port.name !== seated.place.port.name) {
      this.#sittings.delete(index);
      this.#leave({ ...seated, endpoint: null, joined: 0, serial: 0 });
      return;
    }
    this.#recognition.forget(index);
    const { endpoint = null, joined = 0 } = own?.container === seated.container ? own : {};
    this.#sittings.put({ ...seated, endpoint, joined, serial: 0 });
  }

  /** What the main thread had not heard of when it made the rules that stand now is done again. */
  #redo(heard: number): void {
    this.#closed.plan(heard);
    const lingering = this.#lingering;
    this.#lingering = [];
    for (const sitting of lingering) if (!this.#isBack(sitting)) this.#leave(sitting);
    for (const { sitting } of this.#departed) if (!this.#isBack(sitting)) this.#apply([sitting], []);
    for (const sitting of this.#sittings.all()) {
      if (sitting.serial <= heard) continue;
      const rules = this.#seats.get(sitting.container)?.get(sitting.network)?.rules ?? sitting.rules;
      const again = { container: sitting.container, network: sitting.network, rules, place: sitting.place };
      if (!this.#apply([sitting], [again])) continue;
      if (rules !== sitting.rules) this.#sit({ ...sitting, rules }, []);
    }
  }

  #isBack({ container, network, place }: Sitting): boolean {
    return this.#sittings.of(container, network).some((one) => one.place.port.index === place.port.index);
  }

  #leaveUnenrolled(): void {
    for (const sitting of this.#sittings.all())
      if (!this.#enrolled.has(sitting.rules.bridge.index)) this.#leave(sitting);
  }
}

/** Whether anything is forbidden it at all. */
function isJudged({ rules }: Pick<PlannedSeat, 'rules'>): boolean {
  return Object.values(rules.entries).some(({ kind }) => kind !== 'accept');
}
