/**
 * `npm run bypass -- --row N`: one known way out of a container, tried on a real engine in namespaces of its own, first
 * without Sluice and then with it. Nothing of this machine's network is touched; everything is gone at the end.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ink } from '../demo/ink.ts';
import { engines } from '../lab/roots.ts';
import { openGround } from '../test/bypass/ground.ts';
import { type Narrator, type Played, play } from '../test/bypass/play.ts';
import { type BypassWay, backends, caseOf, type Row, type Sighting } from '../test/bypass/row.ts';
import { rows } from '../test/bypass/rows.ts';

const usage = `npm run bypass -- --row N [--engine ${engines.join('|')}] [--backend ${backends.join('|')}]
npm run bypass -- --list

Tries a known way out of a container, without Sluice and with it, and shows who received what.

  --row N        the row of the catalogue; may be given more than once
  --engine E     the Docker engine: 28.5 unless told
  --backend B    what holds the rules: nftables unless told
  --list         every row, with what is expected of it

Ends with 0 when every row is as expected, with 1 when one is not.`;

const say = (text: string): void => console.log(text);
const progress = (text: string): void => console.error(ink.faint(`  … ${text}`));
const indented = (text: string, by: string): string => text.trimEnd().replaceAll(/^/gm, by);

interface Asked {
  readonly rows: readonly Row[];
  readonly way: BypassWay;
}

function given(): Asked | 'help' | 'list' | { readonly wrong: string } {
  const { values } = parseArgs({
    options: {
      row: { type: 'string', multiple: true, default: [] },
      engine: { type: 'string', default: '28.5' },
      backend: { type: 'string', default: 'nftables' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.list) return 'list';
  const engine = engines.find((one) => one === values.engine);
  const backend = backends.find((one) => one === values.backend);
  if (engine === undefined) return { wrong: `there is no engine ${values.engine}: ${engines.join(', ')}` };
  if (backend === undefined) return { wrong: `there is no backend ${values.backend}: ${backends.join(', ')}` };
  if (values.row.length === 0) return { wrong: 'which row? --row N, or --list' };
  const unknown = values.row.find((text) => !rows.some(({ number }) => String(number) === text));
  if (unknown !== undefined) return { wrong: `there is no row ${unknown}: --list names them all` };
  return { rows: rows.filter(({ number }) => values.row.includes(String(number))), way: { engine, backend } };
}

/** Every row, one a line; expectations of the engine that `--engine` has unless told. */
function list(): void {
  for (const row of rows) {
    const states = new Set(backends.map((backend) => caseOf(row, { engine: '28.5', backend }).state));
    say(`${String(row.number).padStart(3)}  ${[...states].join(' / ').padEnd(8)} ${row.title}`);
  }
}

const narrator: Narrator = {
  step: (title) => say(`\n${ink.title(title)}`),
  policy: (text) => say(ink.faint(indented(text, '    '))),
  command: (text) => say(`  ${ink.faint('#')} ${text}`),
  said: (text) => say(indented(text, '    ')),
  seen: (sightings) => {
    const width = Math.min(90, Math.max(...sightings.map(({ what }) => what.length)));
    for (const sighting of sightings) say(`  ${sighting.what.padEnd(width)}  ${seenBy(sighting)}`);
  },
};

function seenBy({ at, learnt }: Sighting): string {
  const sender = learnt === undefined ? '' : ink.faint(` (its sender: ${learnt})`);
  return at.length > 0
    ? `${ink.strong(`arrived: ${at.join(', ')}`)}${sender}`
    : `${ink.good('nobody saw it')}${sender}`;
}

function judged({ state, tried, why }: Played): string {
  switch (state) {
    case 'closed':
      return ink.good(`closed: ${tried} of ${tried} arrived without Sluice, none with it`);
    case 'refused':
      return ink.good('refused: it got out without Sluice, and no policy can say that it is enforced');
    case 'told':
      return ink.strong('told: it gets out on such a host, and doctor names it and its mend');
    case 'outside':
      return ink.strong('outside: nothing to try');
    default:
      return ink.bad(`${state.toUpperCase()}: ${why}`);
  }
}

async function show({ rows: asked, way }: Asked): Promise<boolean> {
  if (spawnSync(process.execPath, ['scripts/build.ts'], { cwd: join(import.meta.dirname, '..') }).status !== 0)
    throw new Error('the build failed: node scripts/build.ts');
  await using site = await openGround(way, progress);
  const engine = await site.host.docker('version', '--format', '{{.Server.Version}}');
  let asExpected = true;
  for (const row of asked) {
    say(`\n${ink.strong(`Row ${row.number}: ${row.title}`)}  ${ink.faint(`Docker ${engine}, ${way.backend}`)}`);
    say(`  ${row.tries}`);
    const played = await play(row, site, way, narrator);
    say(`\n${judged(played)}`);
    if (row.outside !== undefined) say(`What of it is outside: docs/threat-model.md#${row.outside}`);
    asExpected &&= played.state === caseOf(row, way).state;
  }
  return asExpected;
}

function withoutTrying({ rows: asked, way }: Asked): boolean {
  return asked.every((row) => caseOf(row, way).state === 'outside');
}

const asked = given();
if (asked === 'help') say(usage);
else if (asked === 'list') list();
else if ('wrong' in asked) {
  console.error(`${asked.wrong}\n\n${usage}`);
  process.exitCode = 2;
} else if (withoutTrying(asked)) {
  for (const row of asked.rows)
    say(`Row ${row.number}: ${row.title}\n  ${row.tries}\n\noutside: docs/threat-model.md#${row.outside} says why.`);
} else process.exitCode = (await show(asked)) ? 0 : 1;
