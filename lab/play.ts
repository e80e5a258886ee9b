/** A site to play with by hand: opens it, starts the article's project, gives a shell on the Docker host. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { article } from './article.ts';
import { ended, plainEnv } from './exec.ts';
import { checkout } from './host.ts';
import { type Engine, engines } from './roots.ts';
import { openSite } from './site.ts';
import { places } from './world.ts';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: '28.5' },
    'no-br-netfilter': { type: 'boolean', default: false },
    'no-userland-proxy': { type: 'boolean', default: false },
    routed: { type: 'boolean', default: false },
    empty: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || !(engines as readonly string[]).includes(values.engine)) {
  console.error(`node lab/play.ts [--engine ${engines.join('|')}] [--no-br-netfilter] [--no-userland-proxy] [--routed] [--empty]

A shell on a Docker host in namespaces, with the article's project running (not with --empty).
Everything is gone when the shell ends.`);
  process.exit(values.help ? 0 : 2);
}

const site = await openSite({
  engine: values.engine as Engine,
  brNetfilter: !values['no-br-netfilter'],
  userlandProxy: !values['no-userland-proxy'],
  routed: values.routed,
  say: (text) => console.error(`lab: ${text}`),
});
if (!values.empty) await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
console.error(`\nThe Docker host is ${site.host.v4} and ${site.host.v6}. Around it:`);
for (const [name, place] of Object.entries(places))
  console.error(`  ${name.padEnd(10)} ${place.v4.padEnd(16)} ${place.v6}`);
console.error(`Try: docker ps
     docker exec app${values.engine === '20.10' ? '_app_' : '-app-'}1 /labtool probe tcp 192.168.5.5 22`);
const [command, ...args] = site.host.cell.enter(['bash', '--norc'], { cwd: '/root' });
const built = existsSync(join(checkout, 'dist/sluice'));
const [sluice = ''] = built ? await site.host.sluiceCommand() : [];
if (built) {
  const policy = join(checkout, 'examples/article/policy.yaml');
  if (!values.empty) site.host.write('/etc/sluice/policy.yaml', readFileSync(policy, 'utf8'));
  console.error(
    `     sluice ps${values.empty ? '' : ', and "sluice apply": the article\'s policy is /etc/sluice/policy.yaml'}\n`,
  );
} else console.error('     npm run build leaves dist/sluice; then "sluice" is here as well\n');
const path = [plainEnv.PATH, ...(built ? [dirname(sluice)] : [])].join(':');
const env = { ...plainEnv, PATH: path, TERM: process.env['TERM'] ?? 'dumb', PS1: `[engine ${values.engine}] \\w # ` };
const shell = spawn(command as string, args, { stdio: 'inherit', env });
process.on('SIGINT', () => {}); // the shell's business
const code = await ended(shell);
await site.stop();
process.exitCode = code ?? 1;
