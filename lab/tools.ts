/** The static program `labtool` (lab/native), compiled by the servers root's gcc and kept by the hash of its sources. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, locked, ownTag } from './cache.ts';
import { must } from './exec.ts';
import { ensureRoot } from './roots.ts';

const sources = join(import.meta.dirname, 'native');
const flags = ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-Wno-format-truncation', '-Werror', '-static', '-pthread'];

/** Where the lab's static programs are on this machine. */
export interface Tools {
  /** lab/native, one program with many commands. */
  labtool: string;
  /** busybox-static of the servers root. */
  busybox: string;
}

/** The tools, compiled first when the sources changed. */
export async function ensureTools(say: (text: string) => void = () => {}): Promise<Tools> {
  const root = await ensureRoot('servers', say);
  const names = readdirSync(sources).filter((name) => /\.[ch]$/.test(name));
  const hash = createHash('sha256').update(JSON.stringify(flags));
  for (const name of names.sort()) hash.update(name).update(readFileSync(join(sources, name)));
  const key = hash.digest('hex').slice(0, 12);
  const labtool = join(cacheDir('tools'), `labtool-${key}`);
  if (!existsSync(labtool)) {
    await locked('tools', async () => {
      if (existsSync(labtool)) return;
      // The root's /tmp is never seen in a cell: each has its own.
      const inside = `/tmp/${ownTag()}`;
      const dir = join(root, inside);
      mkdirSync(dir, { recursive: true });
      try {
        for (const name of names) copyFileSync(join(sources, name), join(dir, name));
        const files = names.filter((name) => name.endsWith('.c')).map((name) => `${inside}/${name}`);
        await must(['chroot', root, 'gcc', ...flags, '-o', `${inside}/labtool`, ...files]);
        copyFileSync(join(dir, 'labtool'), `${labtool}.new`);
        renameSync(`${labtool}.new`, labtool);
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    });
  }
  return { labtool, busybox: join(root, 'usr/bin/busybox') };
}
