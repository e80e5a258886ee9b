import type { Barred, Ruleset } from '../ruleset/ruleset.ts';
import type { HostState } from '../state/host-state.ts';
import { bridgeIndexOf } from '../world/bridge-index.ts';
import type { World } from '../world/world.ts';
import { announcementsOf } from './announced.ts';
import { BarredPorts } from './barred-ports.ts';
import type { FromGuard, Seated } from './guard/protocol.ts';
import type { Holder } from './holder.ts';
import type { Look } from './looks.ts';
import { withNewcomers } from './newcomers.ts';
import { nothingTold, planFor, type Surroundings, subnetsOf, type Told } from './plan.ts';
import type { DaemonPorts, GuardPort } from './ports.ts';
import { Unlisted } from './unlisted.ts';

type Said<Kind extends FromGuard['kind']> = Extract<FromGuard, { kind: Kind }>;

/**
 * Who sits where, as far as the guard did it or was told: what the engine does not say yet, and what it says no more. The
 * guard itself, too: one at a time, and another one when it breaks.
 */
export class Seatings {
  readonly #ports: Pick<DaemonPorts, 'guard'>;
  readonly #holder: Holder;
  readonly #hear: (message: FromGuard) => void;
  #guard: GuardPort | null = null;
  #told: Told = nothingTold;
  /** As the engine said last. */
  #surroundings: Omit<Surroundings, 'barred'> = { subnets: new Map(), announced: new Map(), engines: [] };
  /** Senders that the guard has seated, until the engine tells of them, too. */
  readonly #newcomers = new Map<number, Seated>();
  /** Ports that are gone, until a world was read after that. */
  readonly #left = new Set<number>();
  /** Bridges that the guard has enrolled, by index, until they are remembered. */
  readonly #enrolled = new Set<number>();
  readonly #unlisted = new Unlisted();
  readonly #barred = new BarredPorts();
  #heard = 0;

  constructor(ports: Pick<DaemonPorts, 'guard'>, holder: Holder, hear: (message: FromGuard) => void) {
    this.#ports = ports;
    this.#holder = holder;
    this.#hear = hear;
  }

  /** Of what the guard has done, the latest that is reckoned with. */
  get heard(): number {
    return this.#heard;
  }

  get left(): readonly number[] {
    return [...this.#left];
  }

  /** Whether there is one that may seat newcomers. */
  get isGuarded(): boolean {
    return this.#guard !== null;
  }

  /** Sees to it that there is a guard. */
  guard(): void {
    if (this.#guard !== null) return;
    const guard: GuardPort = this.#ports.guard((message) => {
      if (this.#guard === guard) this.#hear(message); // one that was given up may still say so
    });
    this.#guard = guard;
  }

  /** The guard is of no use any more; the next one is told everything. */
  giveUp(): void {
    void this.#guard?.stop();
    this.#guard = null;
    this.#told = nothingTold;
    this.#heard = 0;
  }

  async end(): Promise<void> {
    await this.#guard?.stop();
  }

  /** Somebody was connected to a network, says the engine. */
  lookAt(network: string): void {
    this.#guard?.post({ kind: 'look', network });
  }

  /** It cannot be found out who is there. */
  blind(): void {
    this.#guard?.post({ kind: 'blind' });
  }

  /** Asks how the guard fares, which also finds out one that hangs. */
  measure(): void {
    this.#guard?.post({ kind: 'measure' });
  }

  // What the guard did

  seated({ serial, seated, replaced }: Said<'seated'>): void {
    this.#heard = serial;
    const senders = this.#senders();
    const before = replaced.flatMap((port) => senders.get(port) ?? []);
    for (const port of replaced) this.#forget(port);
    this.#newcomers.set(seated.place.port.index, seated);
    this.#holder.changed(before, [seated], this.#senders().values());
  }

  departed({ serial, port }: Said<'left'>): void {
    this.#heard = serial;
    const gone = this.#senders().get(port);
    this.#forget(port);
    if (gone !== undefined) this.#holder.changed([gone], [], this.#senders().values());
  }

  /**
   * Nothing passes from a port, whoever sat there, until it is known who sends by it.
   *
   * @param now milliseconds by a clock that nobody sets
   */
  barred({ serial, port, container }: Said<'barred'>, now: number): void {
    this.#heard = serial;
    const sat = this.#senders().get(port.index);
    this.#newcomers.delete(port.index); // and it has not left: it sits again when it is let go
    this.#told = { ...this.#told, ruleset: null, seated: without(this.#told.seated, port.index) }; // and is told so
    this.#barred.bar(port, container, now);
    if (sat !== undefined) this.#holder.changed([sat], [], this.#senders().values());
    this.#holder.barred(port);
  }

  unbarred({ serial, port }: Said<'unbarred'>): void {
    this.#heard = serial;
    this.#barred.gone(port);
    this.#left.add(port);
  }

  /** Ports that are barred, and the containers because of which they are. */
  get barredPorts(): BarredPorts['all'] {
    return this.#barred.all;
  }

  /**
   * A bridge stays enrolled, whatever the engine says until it has heard of the connection itself; and one that is new stays
   * shut until somebody is known to be on it.
   *
   * @param now milliseconds by a clock that nobody sets
   */
  closed({ serial, bridge, why }: Said<'closed'>, now: number): void {
    this.#heard = serial;
    if (why === 'new') this.#unlisted.appeared(bridge, now);
    else this.#enrolled.add(bridge.index);
    this.#holder.closed({ bridge, why });
  }

  bridgeGone(index: number): void {
    this.#unlisted.gone(index);
    this.#enrolled.delete(index);
  }

  /** Everybody who can send now, by port, as far as is known here. */
  #senders(): ReadonlyMap<number, Seated> {
    const planned = [...this.#told.seated].filter(([port]) => !this.#left.has(port) && !this.#barred.has(port));
    return new Map([...planned, ...this.#newcomers]);
  }

  #forget(port: number): void {
    this.#newcomers.delete(port);
    this.#left.add(port);
  }

  // What is made of it

  /** The networks to remember, with those that the guard has enrolled. */
  networks(host: HostState, { networks }: World): HostState['networks'] {
    if (this.#enrolled.size === 0) return host.networks;
    const more = networks.filter((network) => {
      const index = bridgeIndexOf(network);
      return index !== undefined && this.#enrolled.has(index);
    });
    return [...host.networks, ...more.map(({ id, name, subnets }) => ({ project: null, id, name, subnets }))];
  }

  /**
   * A ruleset with what the guard has done beside it.
   *
   * @param look what the ruleset was made of
   * @returns `held` to be called when the kernel holds it
   */
  join(of: Ruleset, look: Look): { readonly ruleset: Ruleset; readonly held: (left: readonly number[]) => void } {
    const { world, at } = look;
    const heard = this.#heard;
    const considered = [...this.#newcomers.keys()];
    const bars = this.#barred.after(look);
    const bridges = this.#unlisted.after(world, at);
    const left = new Set([...this.#left, ...bars.barred.map(({ index }) => index)]);
    const peopled = withNewcomers(of, { seated: this.#newcomers, left });
    const ruleset = withShut(peopled, bars.barred, bridges.shut);
    const held = (left: readonly number[]) => {
      bars.held();
      bridges.held();
      const [ofEngine, carried] = [of, ruleset].map(
        ({ endpoints }) => new Set(endpoints.map(({ port }) => port.index)),
      );
      for (const port of considered) if (ofEngine?.has(port) || !carried?.has(port)) this.#newcomers.delete(port);
      for (const port of left) this.#left.delete(port); // the world was read after they had gone
      // remembered from now on, or enrolled for its project's sake
      const enrolled = new Set(of.bridges.map(({ name }) => name));
      const remembered = new Set(of.heldNetworks.flatMap(({ id }) => id ?? []));
      for (const network of world.networks) {
        const index = bridgeIndexOf(network);
        const isKept = remembered.has(network.id) || (network.bridge !== null && enrolled.has(network.bridge.name));
        if (index !== undefined && isKept) this.#enrolled.delete(index);
      }
      const announced = announcementsOf(
        world,
        new Set(of.unheld.map(({ container }) => container.id)),
        this.#barred.strangers,
      );
      const engines = world.networks.flatMap((network) => bridgeIndexOf(network) ?? []);
      this.#surroundings = { subnets: subnetsOf(world), announced, engines };
      this.tell(ruleset, heard);
    };
    return { ruleset, held };
  }

  /** @param heard of what the guard has done, the latest that the kernel's rules reckon with */
  tell(ruleset: Ruleset, heard: number): void {
    if (this.#guard === null) return; // the next one is told everything
    const barred = this.#barred.all.map(({ index }) => index);
    const { plan, told } = planFor(ruleset, { ...this.#surroundings, barred }, this.#told, heard);
    this.#told = told;
    this.#guard.post(plan);
  }
}

function without<Value>(map: ReadonlyMap<number, Value>, key: number): ReadonlyMap<number, Value> {
  return new Map([...map].filter(([one]) => one !== key));
}

/** The very ruleset where nothing is shut beside it. */
function withShut(of: Ruleset, barred: readonly Barred[], unlisted: readonly Barred[]): Ruleset {
  const more = barred.length === 0 ? of : { ...of, barred: [...(of.barred ?? []), ...barred] };
  return unlisted.length === 0 ? more : { ...more, unlisted };
}
