/** `npm run bench`: what Sluice costs. Prints ratios and times; nothing here passes or fails. docs/benchmarks.md explains. */
import { parseArgs } from 'node:util';
import { type Engine, engines } from '../lab/roots.ts';
import { apply } from './apply.ts';
import { backends } from './backends.ts';
import { cli } from './cli.ts';
import { daemon } from './daemon.ts';
import { lastLine } from './last-line.ts';
import { neighbours } from './neighbours.ts';
import { newcomers } from './newcomers.ts';
import { packetpath } from './packetpath.ts';
import { packets } from './packets.ts';

const benches = {
  packets,
  neighbours,
  backends,
  'last-line': lastLine,
  apply,
  cli,
  newcomers,
  daemon,
  packetpath,
} as const;
type Bench = keyof typeof benches;
const usage = `npm run bench -- [${Object.keys(benches).join('|')}]… [--quick] [--workloads N]… [--engine ${engines.join('|')}]`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    engine: { type: 'string', default: '28.5' },
    workloads: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(benches);
const isBench = (name: string): name is Bench => Object.hasOwn(benches, name);
const isEngine = (name: string): name is Engine => (engines as readonly string[]).includes(name);
const { engine } = values;
const workloads = values.workloads.map(Number);
if (values.help || !names.every(isBench) || !isEngine(engine) || !workloads.every(Number.isInteger)) {
  console.error(usage);
  process.exit(values.help ? 0 : 2);
}
for (const name of names) {
  const say = (text: string): void => console.error(`  … ${text}`);
  console.log(`\n## ${name}\n\n${await benches[name]({ engine, quick: values.quick, workloads, say })}`);
}
