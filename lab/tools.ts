/** The static programs of lab/native, compiled by the servers root's gcc and kept by the hash of their sources. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, locked, ownTag } from './cache.ts';
import { must } from './exec.ts';
import { ensureRoot } from './roots.ts';

const sources = join(import.meta.dirname, 'native');
const flags = ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-Wno-format-truncation', '-Werror', '-static'];
/** Each program with its folder below lab/native. `first` has no C library: its first instruction is its own. */
const programs = {
  labtool: { folder: '.', flags: [...flags, '-pthread'] },
  first: { folder: 'bare', flags: [...flags, '-ffreestanding', '-nostdlib', '-fno-stack-protector'] },
} as const;
type Program = keyof typeof programs;

/** Where the lab's static programs are on this machine. */
export interface Tools {
  /** lab/native, one program with many commands. */
  labtool: string;
  /** lab/native/bare: a container's whole program, whose first system calls send packets. */
  first: string;
  /** busybox-static of the servers root. */
  busybox: string;
}

/** The tools, compiled first when the sources changed. */
export async function ensureTools(say: (text: string) => void = () => {}): Promise<Tools> {
  const root = await ensureRoot('servers', say);
  return {
    labtool: await compiled(root, 'labtool'),
    first: await compiled(root, 'first'),
    busybox: join(root, 'usr/bin/busybox'),
  };
}

async function compiled(root: string, program: Program): Promise<string> {
  const { flags, folder } = programs[program];
  const from = join(sources, folder);
  const names = readdirSync(from)
    .filter((name) => /\.[ch]$/.test(name))
    .sort();
  const hash = createHash('sha256').update(JSON.stringify(flags));
  for (const name of names) hash.update(name).update(readFileSync(join(from, name)));
  const path = join(cacheDir('tools'), `${program}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(path)) return path;
  return await locked('tools', async () => {
    if (existsSync(path)) return path;
    // The root's /tmp is never seen in a cell: each has its own.
    const inside = `/tmp/${ownTag()}`;
    const dir = join(root, inside);
    mkdirSync(dir, { recursive: true });
    try {
      for (const name of names) copyFileSync(join(from, name), join(dir, name));
      const files = names.filter((name) => name.endsWith('.c')).map((name) => `${inside}/${name}`);
      await must(['chroot', root, 'gcc', ...flags, '-o', `${inside}/program`, ...files]);
      copyFileSync(join(dir, 'program'), `${path}.new`);
      renameSync(`${path}.new`, path);
      return path;
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
}
