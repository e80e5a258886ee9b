/** A site: a Docker host and the world around it, opened in a few seconds and gone without a trace. */
import { ownTag } from './cache.ts';
import { Cell } from './cell.ts';
import type { EngineOptions } from './engine-host.ts';
import { run } from './exec.ts';
import { Host } from './host.ts';
import type { Observer } from './observer.ts';
import { ensureRoot } from './roots.ts';
import { removeCgroups, sweep } from './sweep.ts';
import { ensureTools } from './tools.ts';
import { buildWorld, checkClosed, type Far, type PlaceName, placeNames, populate } from './world.ts';

export interface SiteOptions extends EngineOptions {
  /** The LAN and the far hosts have routes to the container networks, for paths without NAT; false unless told. */
  routed?: boolean | undefined;
  /** Do not make `lab/app`. */
  noImage?: boolean | undefined;
  /** Progress; nothing is printed otherwise. */
  say?: ((text: string) => void) | undefined;
}

export class Site {
  readonly host: Host;
  readonly #world: Cell;
  readonly #far: Map<PlaceName, Far>;

  constructor(host: Host, world: Cell, far: Map<PlaceName, Far>) {
    this.host = host;
    this.#world = world;
    this.#far = far;
    for (const one of far.values()) {
      one.judge = async (specs, agent) => {
        for (const { id } of await host.containers()) await host.observer(id);
        await host.observer('host');
        return host.judge(specs, () => ({ key: one.name, agent }));
      };
    }
  }

  /** A far host by its name in `places`. */
  far(name: PlaceName): Far {
    const far = this.#far.get(name);
    if (far === undefined) throw new Error(`no far host ${name}`);
    return far;
  }

  get proxy(): Far {
    return this.far('proxy');
  }
  get dns(): Far {
    return this.far('dns');
  }
  get private(): Far {
    return this.far('private');
  }
  get lanClient(): Far {
    return this.far('lanClient');
  }
  get ten(): Far {
    return this.far('ten');
  }
  get metadata(): Far {
    return this.far('metadata');
  }
  get internet(): Far {
    return this.far('internet');
  }

  /** The cell of all far hosts; its own network is the router's. */
  get router(): Cell {
    return this.#world;
  }

  /** Whether any far host has seen this token. */
  async arrivedAnywhere(token: string): Promise<boolean> {
    const seen = await Promise.all([...this.#far.values()].map((far) => far.saw(token)));
    return seen.includes(true);
  }

  /** Ends the far hosts' observers: a benchmark must not pay for reading every packet. Probes fail from then on. */
  stopObservers(): void {
    for (const { observer } of this.#far.values()) observer.stop();
  }

  /** Ends everything: processes, mounts, networks, cgroups. */
  async stop(): Promise<void> {
    open.delete(this);
    await Promise.all([this.host.stop(), this.#world.stop()]);
    await removeCgroups([this.host.cell.name, this.#world.name]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

const open = new Set<Site>();
let swept = false;

/**
 * Opens a site: roots and tools are built first when the cache lacks them. Use with `await using`. Throws when the
 * engine is another than named, or when the lab is not closed to the outside.
 */
export async function openSite(options: SiteOptions): Promise<Site> {
  if (process.getuid?.() !== 0) throw new Error('the lab needs root: it makes namespaces and mounts');
  const say = options.say ?? (() => {});
  if (!swept) {
    swept = true;
    await sweep();
    // Modules that nothing loads by itself; inside a root there is no modprobe.
    const modules = ['br_netfilter', 'overlay', 'ip_tables', 'ip6_tables', 'iptable_nat', 'ip6table_nat'];
    await run(['modprobe', '-aq', ...modules]).catch(() => {}); // a machine without modprobe has them built in
  }
  const tools = await ensureTools(say);
  const root = await ensureRoot('servers', say);
  await ensureRoot(options.engine, say);
  say(`starting (owner ${ownTag()})`);
  const cells: Cell[] = [];
  try {
    const far = new Map<PlaceName, Far>();
    const observers = function* (): Iterable<Observer> {
      for (const each of far.values()) yield each.observer;
    };
    const [world, host] = await Promise.all([
      Cell.open(root, 'world', tools).then((cell) => {
        cells.push(cell);
        return cell;
      }),
      Host.open(options, tools, observers).then((opened) => {
        cells.push(opened.cell);
        return opened;
      }),
    ]);
    await world.bind(tools.labtool, '/run/labtool');
    world.write('/etc/resolv.conf', 'nameserver 192.168.100.2\n');
    await buildWorld(world, host.cell, options.routed ?? false);
    await checkClosed(world, host.cell);
    const engine = async () => {
      if (options.stopped) return;
      await host.startEngine();
      say('engine up');
      if (!options.noImage) await host.appImage();
    };
    const [populated] = await Promise.all([populate(world), engine()]);
    for (const name of placeNames) far.set(name, populated.get(name) as Far);
    const site = new Site(host, world, far);
    open.add(site);
    say('ready');
    return site;
  } catch (error) {
    await Promise.all(cells.map((cell) => cell.stop()));
    await removeCgroups(cells.map((cell) => cell.name)).catch(() => {});
    throw error;
  }
}
