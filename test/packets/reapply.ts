/**
 * Runs on the lab's host: applies the policies named on its command line in turn, TIMES times in all, as `sluice apply`
 * does but in one process. Prints one JSON line: `{"applied", "cut", "slowest"}`, the last in milliseconds.
 *
 *     node reapply.ts TIMES BACKEND POLICY…
 */
import { readFileSync } from 'node:fs';
import { openEngine } from '../../src/cli/system/engine.ts';
import { backendNames } from '../../src/enforce/backend.ts';
import { chooseBackend } from '../../src/enforce/choose-backend.ts';
import { enforce } from '../../src/enforce/enforce.ts';
import { hostKernel } from '../../src/enforce/host-kernel.ts';
import { readPolicy } from '../../src/policy/read.ts';
import { compile } from '../../src/ruleset/compile.ts';

const [times = '1', asked, ...paths] = process.argv.slice(2);
const policies = paths.map((path) => {
  const text = { path, text: readFileSync(path, 'utf8'), role: 'policy', writableByOthers: false } as const;
  const { policy, diagnostics } = readPolicy([text], { now: Date.now() });
  if (policy === null) throw new Error(`${path}: ${diagnostics.map(({ message }) => message).join('; ')}`);
  return policy;
});
const world = await (await openEngine(undefined, process.env)).readWorld();

const backend = backendNames.find((name) => name === asked);
if (backend === undefined) throw new Error(`no backend ${asked}`);
const kernel = { ...hostKernel, ...(await chooseBackend(backend)) };

let cut = 0;
let slowest = 0;
for (let round = 0; round < Number(times); round++) {
  const policy = policies[round % policies.length];
  if (policy === undefined) throw new Error('no policy is named');
  const start = performance.now();
  const now = Date.now();
  cut += (await enforce(compile(policy, world, now).ruleset, kernel, now)).cut.length;
  slowest = Math.max(slowest, performance.now() - start);
}
process.stdout.write(`${JSON.stringify({ applied: Number(times), cut, slowest: Math.round(slowest) })}\n`);
