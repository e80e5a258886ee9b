/** The senders of the packet benchmarks (bench/native), compiled by the lab's own gcc and kept by the hash of the source. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, locked, ownTag } from '../lab/cache.ts';
import { must } from '../lab/exec.ts';
import { ensureRoot } from '../lab/roots.ts';

const source = join(import.meta.dirname, 'native/rate.c');
const flags = ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-Werror', '-static'];

/** The path of the program `rate` on this machine. */
export async function ensureRate(say: (text: string) => void): Promise<string> {
  const root = await ensureRoot('servers', say);
  const key = createHash('sha256')
    .update(JSON.stringify(flags))
    .update(readFileSync(source))
    .digest('hex')
    .slice(0, 12);
  const rate = join(cacheDir('tools'), `rate-${key}`);
  if (existsSync(rate)) return rate;
  await locked('rate', async () => {
    if (existsSync(rate)) return;
    // the root's /tmp is never seen in a cell: each has its own
    const inside = `/tmp/${ownTag()}.rate`;
    const dir = join(root, inside);
    mkdirSync(dir, { recursive: true });
    try {
      copyFileSync(source, join(dir, 'rate.c'));
      await must(['chroot', root, 'gcc', ...flags, '-o', `${inside}/rate`, `${inside}/rate.c`]);
      copyFileSync(join(dir, 'rate'), `${rate}.new`);
      renameSync(`${rate}.new`, rate);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
  return rate;
}
