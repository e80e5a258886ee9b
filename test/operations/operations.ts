/** What is done to a host at random: by Compose, by Docker's own commands, to the policy, and by accident. */
import { setTimeout as sleep } from 'node:timers/promises';
import { networks, type Playground, plain, projects } from './playground.ts';

export interface Operation {
  readonly name: string;
  /** How often, against the others. */
  readonly weight: number;
  /** Ends the daemon, whose memory would then not be comparable with before. */
  readonly endsDaemon?: boolean;
  /** Nobody can refuse it, as the engine may what cannot be done as things are: where it fails, the test does. */
  readonly isCertain?: boolean;
  readonly run: (ground: Playground) => Promise<unknown>;
}

const some = <T>({ random }: Playground, from: readonly T[]): T => {
  const one = random.pick(from);
  if (one === undefined) throw new Error('nothing to choose from');
  return one;
};
const docker = (ground: Playground, ...args: string[]) => ground.site.host.docker(...args);
const nft =
  (...args: string[]) =>
  ({ site }: Playground) =>
    site.host.run(['nft', ...args]);

/**
 * Services and their networks change from one `up` to the next; some of the networks have IPv6 and pinned names, and some of
 * the services an address of their own choice.
 */
function composeFile({ random }: Playground, project: (typeof projects)[number]): string {
  const number = projects.indexOf(project);
  const net = `172.${26 + number}.${random.between(0, 3)}`;
  const services = Array.from({ length: random.between(1, 3) }, (_, service) => {
    const own = random.between(0, 2) === 0 ? `ipv4_address: ${net}.${100 + service}` : '';
    const back = random.between(0, 3) === 0 ? ', back: {}' : '';
    const shared = `, networks: { default: { ${own} }${back} }`;
    const label = random.between(0, 3) === 0 ? ', labels: { sluice.allow: "internet:443" }' : '';
    return `  s${service}: { image: lab/app${shared}${label} }\n`;
  });
  const v6 = random.between(0, 1) === 1;
  const subnets = [`{ subnet: ${net}.0/24 }`];
  if (v6) subnets.push(`{ subnet: "fd00:172:${26 + number}${random.between(0, 3)}::/64" }`);
  return `version: '2.4'
services:
${services.join('')}networks:
  default:
    enable_ipv6: ${v6}
    ipam: { config: [${subnets.join(', ')}] }
  back: { driver_opts: { com.docker.network.bridge.name: br-${project} } }
`;
}

async function composeUp(ground: Playground): Promise<void> {
  const project = some(ground, projects);
  await ground.site.host.compose(project, composeFile(ground, project), 'up', '-d', '--remove-orphans', '-t', '0');
}

async function onProject(ground: Playground, ...args: string[]): Promise<void> {
  const project = some(ground, projects);
  const file = `/srv/${project}/docker-compose.yml`;
  const program = ground.site.host.engine === '20.10' ? ['docker-compose'] : ['docker', 'compose'];
  await ground.site.host.must([...program, '-p', project, '-f', file, ...args], { timeout: 60_000 });
}

async function runPlain(ground: Playground): Promise<void> {
  const options = ['--name', some(ground, plain)];
  if (ground.random.between(0, 1) === 1) options.push('--network', some(ground, networks));
  if (ground.random.between(0, 3) === 0) options.push('--label', 'sluice.allow=internet:443 dns');
  await docker(ground, 'run', '-d', ...options, 'lab/app');
}

const onPlain =
  (...command: string[]) =>
  (ground: Playground) =>
    docker(ground, ...command, some(ground, plain));
const onBoth = (verb: string) => (ground: Playground) =>
  docker(ground, 'network', verb, some(ground, networks), some(ground, plain));

/** Any container that runs, Compose's among them. */
async function onAny(ground: Playground, ...command: string[]): Promise<void> {
  const ids = (await docker(ground, 'ps', '-q')).split('\n').filter((id) => id !== '');
  await docker(ground, ...command, some(ground, ids));
}

/** By the classic builder, whose steps are containers on docker0 that nobody names. */
async function build({ site: { host } }: Playground): Promise<void> {
  host.write('/srv/build/Dockerfile', 'FROM lab/app\nRUN id\nRUN ls\n');
  await host.must(['docker', 'build', '-q', '--no-cache', '/srv/build'], { env: { DOCKER_BUILDKIT: '0' } });
  await host.must(['docker', 'image', 'prune', '-f']);
}

export const operations: readonly Operation[] = [
  { name: 'compose up', weight: 6, run: composeUp },
  { name: 'compose down', weight: 3, run: (ground) => onProject(ground, 'down', '-t', '0') },
  { name: 'compose restart', weight: 2, run: (ground) => onProject(ground, 'restart', '-t', '0') },
  {
    name: 'compose scale',
    weight: 3,
    run: (ground) => onProject(ground, 'up', '-d', '--no-recreate', '--scale', `s0=${ground.random.between(1, 4)}`),
  },
  { name: 'compose run', weight: 2, run: (ground) => onProject(ground, 'run', '-d', '--rm', 's0') },
  { name: 'run', weight: 14, run: runPlain },
  { name: 'create', weight: 4, run: (ground) => docker(ground, 'create', '--name', some(ground, plain), 'lab/app') },
  { name: 'start', weight: 6, run: onPlain('start') },
  { name: 'rm', weight: 10, run: onPlain('rm', '-f') },
  { name: 'stop', weight: 4, run: onPlain('stop', '-t', '0') },
  { name: 'restart', weight: 4, run: (ground) => onAny(ground, 'restart', '-t', '0') },
  { name: 'kill', weight: 4, run: (ground) => onAny(ground, 'kill') },
  { name: 'rename', weight: 2, run: (ground) => docker(ground, 'rename', some(ground, plain), some(ground, plain)) },
  { name: 'network create', weight: 6, run: (ground) => docker(ground, 'network', 'create', some(ground, networks)) },
  { name: 'network rm', weight: 3, run: (ground) => docker(ground, 'network', 'rm', some(ground, networks)) },
  { name: 'connect', weight: 10, run: onBoth('connect') },
  { name: 'disconnect', weight: 6, run: onBoth('disconnect') },
  { name: 'build', weight: 1, run: build },
  { name: 'policy', weight: 5, isCertain: true, run: async (ground) => ground.changePolicy() },
  { name: 'broken policy', weight: 1, isCertain: true, run: async (ground) => ground.breakPolicy() },
  { name: 'inet table flushed', weight: 1, run: nft('flush', 'table', 'inet', 'sluice') },
  { name: 'bridge table removed', weight: 1, run: nft('delete', 'table', 'bridge', 'sluice') },
  { name: 'all rules flushed', weight: 0.3, run: nft('flush', 'ruleset') },
  { name: 'iptables flushed', weight: 0.5, run: ({ site }) => site.host.run(['iptables', '-F']) },
  { name: 'event stream cut', weight: 2, isCertain: true, run: ({ relay }) => relay.cut() },
  {
    name: 'engine’s socket gone',
    weight: 0.5,
    isCertain: true,
    run: async ({ relay }) => {
      await relay.hide();
      await sleep(1500);
      await relay.show();
    },
  },
  { name: 'engine restarted', weight: 0.3, run: ({ site }) => site.host.restartEngine() },
  {
    name: 'engine killed',
    weight: 0.3,
    run: async ({ site }) => {
      await site.host.killEngine();
      await site.host.startEngine();
    },
  },
  {
    name: 'daemon killed',
    weight: 1,
    endsDaemon: true,
    isCertain: true,
    run: async (ground) => {
      await ground.daemon.kill();
      await ground.startDaemon();
    },
  },
  {
    name: 'daemon stopped',
    weight: 0.5,
    endsDaemon: true,
    isCertain: true,
    run: async (ground) => {
      await ground.daemon.stop();
      await ground.startDaemon();
    },
  },
];
