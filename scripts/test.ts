/**
 * `npm test`: builds, runs every test, and ends with the line `N passed, N failed`. A test that did not run counts as
 * failed: in this project nothing may skip.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepBypasses, keepRun, readRecords } from './campaign.ts';
import { failuresOf, resultsOf, type VitestReport } from './results.ts';

const root = join(import.meta.dirname, '..');

function step(title: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): boolean {
  console.error(`\n· ${title}`);
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status === 0;
}

function readReport(file: string): VitestReport | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as VitestReport) : null;
}

const started = Date.now();
/**
 * Random choices of the campaigns in this run. A sample makes the same ones each time, so that whoever breaks a test sees it
 * break; SLUICE_SEED asks for others, of the generated policies as well.
 */
const given = Number(process.env['SLUICE_SEED'] ?? '');
const isFull = process.env['SLUICE_CAMPAIGN'] === 'full';
const seed = given || (isFull ? Math.floor(started / 1000) % 1_000_000 : 629_360);
const scratch = mkdtempSync(join(tmpdir(), 'sluice-test-'));
const reportFile = join(scratch, 'report.json');
const recordFile = join(scratch, 'records');
const built = step('build dist/sluice', 'node', ['scripts/build.ts']);
const vitest = [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${reportFile}`,
  ...process.argv.slice(2),
];
const ran = step(`tests, seed ${seed}`, join(root, 'node_modules', '.bin', 'vitest'), vitest, {
  SLUICE_CAMPAIGN_SEED: String(seed),
  SLUICE_CAMPAIGN_RECORD: recordFile,
});
const report = readReport(reportFile);
const records = readRecords(recordFile);
rmSync(scratch, { recursive: true, force: true });

const passed = report?.numPassedTests ?? 0;
// a file that could not even be loaded has no test results, and is a failure all the same
const unloaded =
  report?.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length ?? 1;
const failed = (report?.numTotalTests ?? 0) - passed + unloaded + (built ? 0 : 1);
const honest = failed > 0 || (ran && passed > 0) ? failed : 1;
const everyBypass = process.env['SLUICE_BYPASS'] === 'all';
if (isFull || (everyBypass && records.length > 0)) {
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout.trim();
  const backend = process.env['SLUICE_BACKEND'];
  const asked = backend === undefined ? [] : [`SLUICE_BACKEND=${backend}`];
  const what = [...asked, ...process.argv.slice(2)].join(' ').trim() || 'everything';
  const minutes = (Date.now() - started) / 60_000;
  const chosen = process.argv.some((one) => /^(?:-t|--testNamePattern)(?:=|$)/.test(one));
  const told = report === null ? null : { report, root, chosen };
  const failures = [
    ...(built ? [] : ['the build']),
    ...(told === null ? ['the run, which left no report'] : failuresOf(told)),
  ];
  const results = told === null ? [] : resultsOf(told);
  const docs = join(root, 'docs');
  const run = { seed, commit, what, passed, failed: failures, at: new Date().toISOString(), minutes };
  if (isFull) keepRun(docs, run, { records, results });
  else keepBypasses(docs, run, records);
}
console.log(`\n${passed} passed, ${honest} failed`);
process.exitCode = honest === 0 ? 0 : 1;
