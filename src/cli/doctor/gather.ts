import { dirname } from 'node:path';
import type { Daemon } from '../../control/client.ts';
import type { Status } from '../../control/protocol.ts';
import type { Facts, OurFacts, OwnPaths, Unseen, WritableFile } from '../../doctor/facts.ts';
import { sharedPaths } from '../../doctor/mounts.ts';
import type { Listing } from '../../packetpath/model.ts';
import { explainListing } from '../../packetpath/purpose/explain-listing.ts';
import { enforcedSenders } from '../../ruleset/enforced.ts';
import type { World } from '../../world/world.ts';
import { readApplied } from '../applied.ts';
import type { Context } from '../context.ts';
import { asCliError, CliError } from '../error.ts';
import { openReader, readConfigured } from '../loaded-policy.ts';
import { othersMayWrite } from '../policy-files.ts';
import type { Ports } from '../ports.ts';
import { compileFor, policyIfAny } from '../situation.ts';
import { liveWorld } from '../worlds.ts';

/**
 * Looks at everything that the checks judge. What cannot be looked at is told in `unseen`, and the rest goes on.
 *
 * @throws what is a bug
 */
export async function gather(context: Context): Promise<Facts> {
  const { ports, settings } = context;
  const unseen: Unseen[] = [];
  const look = async <T>(what: string, read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read();
    } catch (error) {
      const told = asCliError(error);
      if (told.exit === 'bug') throw error;
      unseen.push({ what, why: told.message, fix: told.next ?? null });
      return null;
    }
  };
  const world = await look('the engine, its networks and containers', () => liveWorld(ports, settings.host));
  const engine =
    world === null
      ? null
      : await look("the engine's own settings", async () => (await ports.engine(settings.host)).info());
  const volumes =
    world === null ? null : await look('volumes', async () => (await ports.engine(settings.host)).volumes());
  const byName = volumes === null ? null : new Map(volumes.map((volume) => [volume.name, volume]));
  const loaded = await look('the policy', () => policyIfAny(context));
  if (loaded?.kind === 'bad')
    unseen.push({ what: 'who is to be held', why: 'the policy has errors', fix: 'sluice check' });
  const ruleset =
    world === null || loaded?.kind !== 'good'
      ? null
      : (await compileFor(context, loaded.loaded, loaded.policy, world, false)).ruleset;
  const rules = await look("everybody's rules", async () => explainListing(await ports.host.allRules(), world));
  if (rules !== null) unseen.push(...unreadLines(rules));
  return {
    world,
    engine,
    unheld: ruleset?.unheld ?? null,
    enforced: world === null || ruleset === null ? null : enforcedSenders(ruleset, world),
    rules,
    bridgeCalls: await look('the switches of bridges', () => ports.host.bridgeCalls()),
    ours: await look("Sluice's own rules and daemon", () => readOurs(context)),
    writable: loaded?.kind === 'none' ? [] : await look("the policy's files", () => writableFiles(context)),
    nameservers: await look("the host's resolvers", () => ports.host.nameservers()),
    conntrack: await look("the kernel's table of conversations", () => ports.host.conntrack()),
    proxies: await look('docker-proxy', () => ports.host.proxies()),
    volumes: byName,
    api: await look("the engine's listeners", () => ports.host.apiListeners()),
    routesLoopback: world === null ? null : await look('switches of interfaces', () => routing(world, ports)),
    sockets: world === null ? null : await look('what is mounted', () => mountedSockets(world, byName, ports)),
    sizes: await look('interfaces and routes', () => ports.host.sizes()),
    own: ownPaths(context),
    flushers: await look('services that load rules', () => ports.host.flushers()),
    unseen,
  };
}

function routing(world: World, { host }: Ports): Promise<readonly string[]> {
  return host.routesLoopback(world.networks.flatMap(({ bridge }) => bridge?.name ?? []));
}

function mountedSockets(world: World, volumes: Facts['volumes'], { host }: Ports): Promise<readonly string[]> {
  const running = world.containers.filter((container) => container.running);
  const paths = running.flatMap((container) => sharedPaths(container, { volumes }).map(({ path }) => path));
  return host.sockets([...new Set(paths)]);
}

function ownPaths({ settings }: Context): OwnPaths {
  return { folders: [dirname(settings.config), settings.state], socket: settings.socket };
}

async function readOurs(context: Context): Promise<OurFacts> {
  const { ports, settings } = context;
  const daemon = await ports.daemon(settings.socket);
  const standing = await ports.kernel.standing();
  if (standing === null)
    throw new CliError(
      'unable',
      'the kernel does not tell whether rules of ours stand',
      'nft list tables and ipset list -n say why',
    );
  return {
    standing,
    altered: standing && daemon === null ? await isAltered(context) : null,
    daemon: daemon === null ? null : await said(daemon),
  };
}

async function said(daemon: Daemon): Promise<OurFacts['daemon']> {
  const { troubles, policy, ...status } = await daemon.status();
  return {
    // that nothing passes weakens nothing; `status` tells of it
    troubles: troubles.filter(({ code }) => code !== 'denying-all').map(({ message, fix }) => ({ message, fix })),
    // before anything is in force there is nothing for it to stand behind, and a daemon of an older release says nothing
    lastLine: policy === null ? null : ((status as Partial<Status>).lastLine ?? null),
  };
}

/** Whether what stands is not what was applied last; null where nobody remembers that. */
async function isAltered({ ports, settings }: Context): Promise<boolean | null> {
  const memory = await readApplied(settings.state, ports.files);
  return memory.kind === 'applied' ? !(await ports.kernel.holds(memory.applied.ruleset)) : null;
}

async function writableFiles({ ports, settings }: Context): Promise<readonly WritableFile[]> {
  const { files, user } = ports;
  const texts = await readConfigured(await openReader(), settings.config, ports);
  const paths = texts.filter(({ writableByOthers }) => writableByOthers).map(({ path }) => path);
  const found: WritableFile[] = [];
  for (const path of paths) {
    const { owner } = await files.read(path, 64 * 1024 * 1024);
    if (othersMayWrite(owner, user)) found.push({ path, kind: 'file', ...owner });
    const folder = dirname(path);
    if (found.some((one) => one.path === folder)) continue;
    const owned = await files.directory(folder);
    if (othersMayWrite(owned, user)) found.push({ path: folder, kind: 'folder', ...owned });
  }
  return found;
}

/** What a listing tells by itself: nothing is said of a host. */
export function factsOfListing(listing: Listing): Facts {
  return {
    world: null,
    engine: null,
    ours: null,
    rules: explainListing(listing, null),
    bridgeCalls: null,
    unheld: null,
    nameservers: null,
    conntrack: null,
    proxies: null,
    writable: null,
    volumes: null,
    api: null,
    routesLoopback: null,
    sockets: null,
    sizes: null,
    enforced: null,
    own: { folders: [], socket: '' },
    flushers: null,
    unseen: unreadLines(listing),
  };
}

/** Each line of a listing that was not understood: what it does is not known. */
function unreadLines({ unread }: Pick<Listing, 'unread'>): readonly Unseen[] {
  return unread.map(({ line, text, why }) => ({ what: `line ${line}, ${JSON.stringify(text)}`, why, fix: null }));
}
