/**
 * `npm run demo`: the article's project on a real engine in namespaces of its own, before and after Sluice. Nothing of
 * this machine's network is touched; everything is gone at the end.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';
import { ended, plainEnv } from '../lab/exec.ts';
import { checkout } from '../lab/host.ts';
import { openSite, type Site } from '../lab/site.ts';
import { attempts, type Result, reached } from './attempts.ts';
import { ink } from './ink.ts';
import { table } from './table.ts';

const engine = '26.1'; // Debian 13's docker.io
const example = (name: string) => readFileSync(join(checkout, 'examples/article', name), 'utf8');

const { values } = parseArgs({
  options: { keep: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log(
    'npm run demo [-- --keep]\n\n  --keep   leave it running and give a shell on the Docker host; everything is gone when the shell ends',
  );
  process.exit(0);
}

const say = (text: string): void => console.log(text);
const title = (text: string): void => say(`\n${ink.title(text)}`);
const progress = (text: string): void => console.error(ink.faint(`  … ${text}`));

/** The article's compose file, with an image for each service: no registry is needed. */
function composeFile(): string {
  const file = parse(example('docker-compose.yml')) as { services: Record<string, Record<string, unknown>> };
  for (const service of Object.values(file.services)) service['image'] = 'lab/app';
  return stringify(file);
}

async function tryEverything(site: Site): Promise<readonly Result[]> {
  const mongo = (await site.host.container('app/mongo')).addresses[0]?.v4;
  if (mongo === undefined) throw new Error('mongo has no address');
  const list = attempts(mongo);
  const inside = list.filter(({ from }) => from === 'app/app');
  const outside = list.filter(({ from }) => from !== 'app/app');
  const probes = [
    ...(await site.host.probeMany(inside.map(({ spec, from }) => ({ ...spec, from })))),
    ...(await site.lanClient.probeMany(outside.map(({ spec }) => spec))),
  ];
  const ordered = [...inside, ...outside];
  return list.map((attempt) => ({ attempt, probe: probes[ordered.indexOf(attempt)] as Result['probe'] }));
}

async function sluice(site: Site, ...args: string[]): Promise<void> {
  say(`\n${ink.faint('#')} sluice ${args.join(' ')}`);
  const [command, ...rest] = await site.host.sluiceCommand(...args);
  const colour = process.stdout.isTTY && !process.env['NO_COLOR'] ? { FORCE_COLOR: '1' } : {};
  const done = await site.host.run([command as string, ...rest], { env: { ...plainEnv, ...colour } });
  say(`${done.stdout}${done.stderr}`.trimEnd());
  if (done.code !== 0 && args[0] !== 'explain') throw new Error(`sluice ${args[0]} ended with ${done.code}`);
}

async function build(): Promise<void> {
  progress('building dist/sluice');
  if (
    (await ended(
      spawn(process.execPath, [join(checkout, 'scripts/build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] }),
    )) !== 0
  ) {
    throw new Error('the build failed');
  }
}

async function play(site: Site): Promise<void> {
  title('It is yours: a shell on the Docker host');
  say(`The policy is /etc/sluice/policy.yaml; change it and run "sluice apply". To try something as the app:
  docker exec app-app-1 /labtool probe tcp 192.168.5.5 22
Everything is gone when you leave the shell.`);
  const [command, ...args] = site.host.cell.enter(['bash', '--norc'], { cwd: '/root' });
  const path = `/opt/sluice/dist:${plainEnv['PATH'] ?? ''}`;
  const env = { ...plainEnv, PATH: path, TERM: process.env['TERM'] ?? 'dumb', PS1: '[demo] \\w # ' };
  process.on('SIGINT', () => {}); // the shell's business
  await ended(spawn(command as string, args, { stdio: 'inherit', env }));
}

const started = Date.now();
await build();
await using site = await openSite({ engine, say: progress });
progress("starting the article's project with Compose");
await site.host.compose('app', composeFile(), 'up', '-d');

title(
  `1  The article's project on Docker ${await site.host.docker('version', '--format', '{{.Server.Version}}')}, as Docker leaves it`,
);
say('Real containers, real packets. An observer behind each destination tells what arrived.\n');
const before = await tryEverything(site);
say(table(ink, before));
say(
  `\nThe app reaches ${before.filter(reached).length} of ${before.length}. If it is broken into, so does whoever broke in.`,
);

title('2  The policy, and Sluice');
site.host.write('/etc/sluice/policy.yaml', example('policy.yaml'));
say(ink.faint(example('policy.yaml').trimEnd()));
await sluice(site, 'apply');

title('3  The same attempts again');
const after = await tryEverything(site);
say(table(ink, after, before));
say(
  `\n${after.filter((result) => !reached(result)).length} of ${after.length} no longer leave; the rest works as before.`,
);

title('4  Why');
await sluice(site, 'explain', 'app/app', '192.168.5.5:22');

say(
  `\n${ink.faint(`${((Date.now() - started) / 1000).toFixed(0)} s. Nothing of this machine's network was touched.`)}`,
);
if (values.keep) await play(site);
else {
  title('Where to go next');
  say(`  npm run demo -- --keep     the same, and a shell on that host to play with
  npm test                   every claim above as a test, on three engines
  README.md                  install it on a real host
  docs/policy.md             the whole policy language`);
}
