import type { KernelView } from '../host/kernel-view.ts';
import { bridgeIndexOf } from '../world/bridge-index.ts';
import type { World } from '../world/world.ts';
import { buildWorld, type FindNetns, type Interfaces } from './build-world.ts';
import { attachedNetworks, type Seen } from './containers.ts';
import type { EngineApi, EngineVersion, NetworkDetails } from './engine-api.ts';
import { EngineError } from './engine-error.ts';
import type { EngineEvent } from './events.ts';
import { Images } from './images.ts';
import { Inspections } from './inspections.ts';
import { InterfaceMemory } from './interface-memory.ts';
import { fewIds, Listing, shortList } from './listing.ts';
import { rememberNetns } from './netns-memory.ts';
import { indexNetworks } from './networks.ts';
import { lacksPort } from './unsettled.ts';

/** The engine's state as a World, kept so that reading it again asks only for what may have changed. */
export interface EngineMirror {
  /** What an event says has changed is asked for at the next reading. */
  note(event: EngineEvent): void;
  /** This container is asked for with the next reading, whether or not any event told of it. */
  lookFor(container: string): void;
  /**
   * Ids of containers for whose answers the last reading did not wait, since the engine says much: `onLate` tells when one is
   * there.
   */
  readonly late: ReadonlySet<string>;
  /** Nothing known counts any more: after a gap. */
  forget(): void;
  /**
   * The lists are read whole with the next reading, or, where they are long, after it, and what they say anew is asked
   * for: on a slow timer. Some things happen without an event, such as `docker network connect` of a container that does not run.
   */
  recheck(): void;
  /**
   * The world now: a container of which the engine has told, by an event noted before or asked for by {@link lookFor}, is
   * among its containers or its `unidentified` unless it is gone again or {@link late}. A container that the engine does not
   * tell about in time is there by what the list says, and `onLate` is called when the rest has come and says something else.
   *
   * @throws EngineError
   */
  readWorld(): Promise<World>;
}

/**
 * A mirror of the engine's state, empty until it is first read.
 *
 * @param onLate what came too late for a reading has come and is new: read again
 * @param small of so many containers the whole list is read each time, where it is not long all the same: it costs
 * little, and tells what no event does
 */
export function openMirror(api: EngineApi, kernel: KernelView, onLate: () => void, small = 200): EngineMirror {
  return new Mirror(api, kernel, onLate, small);
}

/** Milliseconds until an image is asked for again of which the engine said nothing. */
const patience = 500;

/** What may have changed since it was asked for. */
interface Doubts {
  engine: boolean;
  /** Which containers there are. */
  lists: boolean;
  /** Which networks there are. */
  networks: boolean;
  /** Networks, by id, that came, went or are other ones. */
  changed: Set<string>;
  /** Containers by id. */
  containers: Set<string>;
  /** Networks, by id, that somebody joined or left. */
  joined: Set<string>;
}

/**
 * Reads the lists first and asks about containers afterwards: whoever changes between the two is found changed. An
 * event is noted at once and read with the next reading, also while one is under way.
 */
class Mirror implements EngineMirror {
  readonly #api: EngineApi;
  readonly #kernel: KernelView;
  readonly #onLate: () => void;
  readonly #inspections: Inspections;
  readonly #images: Images;
  readonly #listing: Listing;
  readonly #interfaces: InterfaceMemory;
  readonly #findNetns: FindNetns;
  #doubts: Doubts = { ...noDoubts(), engine: true, lists: true, networks: true };
  #world: World | undefined;
  #engine: EngineVersion | undefined;
  #networks: readonly NetworkDetails[] = [];
  /** Length of the list of networks when it was last read whole. */
  #networkBytes = 0;
  #late: ReadonlySet<string> = new Set();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(api: EngineApi, kernel: KernelView, onLate: () => void, small: number) {
    this.#api = api;
    this.#listing = new Listing(api, onLate, small);
    this.#onLate = onLate;
    this.#kernel = kernel;
    this.#inspections = new Inspections(api, onLate);
    this.#images = new Images(api);
    this.#interfaces = new InterfaceMemory(kernel);
    this.#findNetns = rememberNetns(kernel);
  }

  note(event: EngineEvent): void {
    if (event.container !== null) this.lookFor(event.container);
    if (event.kind !== 'network') return;
    if (event.container === null && event.network === '') this.#doubts.networks = true;
    else if (event.container === null) this.#doubts.changed.add(event.network);
    else this.#doubts.joined.add(event.network);
  }

  lookFor(container: string): void {
    this.#doubts.containers.add(container);
    this.#inspections.doubt(container);
  }

  get late(): ReadonlySet<string> {
    return this.#late;
  }

  forget(): void {
    this.#doubts = { ...this.#doubts, engine: true };
    this.recheck();
    this.#inspections.doubtAll();
    this.#images.forget();
  }

  recheck(): void {
    this.#doubts = { ...this.#doubts, lists: true, networks: true };
  }

  readWorld(): Promise<World> {
    const reading = this.#turn.then(() => this.#read());
    this.#turn = reading.catch(() => {});
    return reading;
  }

  async #read(): Promise<World> {
    const doubts = this.#doubts;
    this.#doubts = noDoubts();
    try {
      return await this.#refresh(doubts);
    } catch (error) {
      const since = this.#doubts;
      this.#doubts = {
        engine: doubts.engine || since.engine,
        lists: doubts.lists || since.lists,
        networks: doubts.networks || since.networks,
        changed: doubts.changed.union(since.changed),
        containers: doubts.containers.union(since.containers),
        joined: doubts.joined.union(since.joined),
      };
      throw asEngineError(error);
    }
  }

  async #refresh(doubts: Doubts): Promise<World> {
    if (doubts.engine) this.#engine = undefined;
    const engine = (this.#engine ??= await this.#api.version());
    // one that is being started may have been connected to more networks just before
    const doubted = doubts.containers.union(this.#inspections.underWay());
    await this.#listing.read(doubted, doubts.engine ? 'after a gap' : doubts.lists ? 'on a timer' : 'no');
    const { containers, unreadable: unread } = this.#listing;
    this.#late = this.#listing.asking;
    this.#inspections.keepOnly(containers);
    const list = [...containers.values()];
    const answered = await this.#inspections.refresh(list);
    const seen = list.flatMap((summary) => this.#inspections.seen(summary) ?? []);
    const { images, unreadable, late } = await this.#images.of(seen);
    if (late) setTimeout(this.#onLate, patience).unref();
    this.#networks = await this.#listedNetworks(doubts, answered); // after the containers: theirs are all there
    const build = (interfaces: Interfaces) =>
      buildWorld(
        { engine, seen, unread, images, unreadable, networks: this.#networks },
        interfaces,
        this.#kernel,
        this.#findNetns,
      );
    const bridges = this.#bridgesConcerned(doubts, seen);
    let world = build(bridges === 'any' ? this.#interfaces.read() : this.#interfaces.readPortsOf(bridges));
    if (bridges !== 'any' && lacksPort(world).length > 0) world = build(this.#interfaces.read());
    for (const { id } of lacksPort(world)) this.lookFor(id);
    return (this.#world = world);
  }

  /** Indices of the bridges whose ports may have changed: those of the networks that doubted containers are, or were, on. */
  #bridgesConcerned(doubts: Doubts, seen: readonly Seen[]): ReadonlySet<number> | 'any' {
    const { lists, networks, changed, containers, joined } = doubts;
    const isAny = lists || networks || changed.size > 0 || containers.size === 0;
    if (this.#world === undefined || isAny) return 'any';
    const index = indexNetworks(this.#networks);
    const are = seen.filter(({ details }) => containers.has(details.id));
    const were = this.#world.containers.filter(({ id }) => containers.has(id));
    const concerned = new Set([
      ...joined,
      ...are.flatMap(({ details }) => attachedNetworks(details, index).map(({ network }) => network.id)),
      ...were.flatMap(({ endpoints }) => endpoints.map(({ network }) => network)),
    ]);
    return new Set(
      this.#world.networks.flatMap((network) => (concerned.has(network.id) ? (bridgeIndexOf(network) ?? []) : [])),
    );
  }

  /** The networks, read whole or, where the list is long, those that may have changed. */
  async #listedNetworks({ networks, changed }: Doubts, answered: boolean): Promise<readonly NetworkDetails[]> {
    const isLong = this.#networkBytes > shortList && changed.size <= fewIds.ofLong;
    if (networks || (!isLong && (changed.size > 0 || !answered))) {
      const answer = await this.#api.networks();
      this.#networkBytes = answer.bytes;
      return answer.networks;
    }
    // where a container did not answer: is the engine still there?
    if (!answered) await this.#api.version();
    if (changed.size === 0) return this.#networks;
    const answer = await this.#api.networks([...changed]);
    return [...this.#networks.filter(({ id }) => !changed.has(id)), ...answer.networks];
  }
}

function noDoubts(): Doubts {
  return {
    engine: false,
    lists: false,
    networks: false,
    changed: new Set(),
    containers: new Set(),
    joined: new Set(),
  };
}

/** Whatever cannot be read, be it daemon.json while somebody edits it: what runs is not known, as with no engine at all. */
function asEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  return new EngineError('host', error instanceof Error ? error.message : String(error));
}
