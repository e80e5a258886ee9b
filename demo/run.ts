/**
 * `npm run demo`: the article's project on a real engine in namespaces of its own, before and after Sluice. Nothing of
 * this machine's network is touched; everything is gone at the end.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ended, plainEnv } from '../lab/exec.ts';
import { checkout } from '../lab/machine.ts';
import { openSite, type Site } from '../lab/site.ts';
import { type Result, reached } from './attempts.ts';
import { ink } from './ink.ts';
import type { Loot } from './intruder.ts';
import { example, Project } from './project.ts';
import { brief, table } from './table.ts';
import { trials } from './trials.ts';

const engine = '26.1'; // Debian 13's docker.io

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

async function sluice(site: Site, ...args: string[]): Promise<void> {
  say(`\n${ink.faint('#')} sluice ${args.join(' ')}`);
  const [command, ...rest] = await site.host.sluiceCommand(...args);
  const colour = process.stdout.isTTY && !process.env['NO_COLOR'] ? { FORCE_COLOR: '1' } : {};
  const done = await site.host.run([command as string, ...rest], { env: { ...plainEnv, ...colour } });
  say(`${done.stdout}${done.stderr}`.trimEnd());
  if (done.code !== 0 && args[0] !== 'explain' && args[0] !== 'status')
    throw new Error(`sluice ${args[0]} ended with ${done.code}`);
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

/** What defeats the article's set-up, one after the other; after each the same attempts, and what the intruder got. */
async function standTrials(site: Site, project: Project, expected: readonly Result[]): Promise<void> {
  const daemon = await site.host.daemon();
  say(`\n${ink.faint('#')} sluice run &`);
  await project.intruder.loot();
  for (const [index, trial] of trials(site, project, daemon).entries()) {
    say(`\n${ink.title(`5.${index + 1}`)}  ${trial.title}`);
    for (const command of trial.commands) say(`${ink.faint('#')} ${command}`);
    await trial.run();
    await sleep(700);
    const results = await project.tryEverything();
    say(`\n${brief(ink, results, expected)}`);
    say(`\n  ${await gotNothing(project)}`);
    const changed = results.filter((result, at) => reached(result) !== reached(expected[at] as Result));
    if (changed.length > 0) throw new Error(`not as before: ${changed.map(({ attempt }) => attempt.what).join(', ')}`);
  }
  say(`\n${ink.title('5.5')}  Containers are restarted while it is dead, and then it comes back`);
  say(`${ink.faint('#')} docker compose restart`);
  await project.compose('restart', '-t', '0');
  say(`\n  ${await gotNothing(project)}: a newcomer that nobody has proven is denied everything`);
  say(`\n${ink.faint('#')} sluice run &`);
  await site.host.daemon();
  await sluice(site, 'status');
}

/** Where it may not reach anything. @throws where it did */
async function gotNothing(project: Project): Promise<string> {
  const loot = await project.intruder.loot();
  if (loot.arrived > 0) throw new Error(looted(loot));
  return ink.good(looted(loot));
}

const looted = ({ sent, arrived }: Loot): string =>
  `the intruder sent ${sent.toLocaleString('en')} packets meanwhile, ${arrived.toLocaleString('en')} got out`;

const started = Date.now();
await build();
await using site = await openSite({ engine, say: progress });
progress("starting the article's project with Compose");
const project = new Project(site);
await project.start();

title(
  `1  The article's project on Docker ${await site.host.docker('version', '--format', '{{.Server.Version}}')}, as Docker leaves it`,
);
say('Real containers, real packets. An observer behind each destination tells what arrived.\n');
const before = await project.tryEverything();
say(table(ink, before));
say(
  `\nThe app reaches ${before.filter(reached).length} of ${before.length}. If it is broken into, so does whoever broke in.
One of its services has been: ${ink.strong(looted(await project.intruder.loot()))}.`,
);

title('2  The policy, and Sluice');
site.host.write('/etc/sluice/policy.yaml', example('policy.yaml'));
say(ink.faint(example('policy.yaml').trimEnd()));
await sluice(site, 'apply');

title('3  The same attempts again');
const after = await project.tryEverything();
say(table(ink, after, before));
say(
  `\n${after.filter((result) => !reached(result)).length} of ${after.length} no longer leave; the rest works as before.`,
);

title('4  Why');
await sluice(site, 'explain', 'app/app', '192.168.5.5:22');

title("5  What undoes rules in Docker's own chains");
await standTrials(site, project, after);

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
