import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { must } from '../../lab/exec.ts';
import { checkout } from '../../lab/host.ts';

const [usual, deep] = ['a'.repeat(64), 'b'.repeat(64)];

test.each([
  ['any folder', 'max_inotify_instances', 0],
  ['more than two folders', 'max_inotify_watches', 2],
] as const)(
  'where the kernel may not watch %s that is said once, and who is there is found',
  async (_what, limit, most) => {
    const root = mkdtempSync(join(tmpdir(), 'sluice-groups-'));
    try {
      for (const folder of [`docker/${usual}`, 'system.slice', `theirs/own/${deep}`])
        mkdirSync(join(root, folder), { recursive: true });
      const program = ['node_modules/.bin/node', 'test/host/inside/groups.ts'].map((path) => join(checkout, path));
      // limits of a user namespace of its own (user_namespaces(7), /proc/sys/user)
      const limited = `echo ${most} > /proc/sys/user/${limit}; exec "$@"`;
      const said = await must(['unshare', '-Ur', 'sh', '-ec', limited, 'sh', ...program, root]);
      expect(JSON.parse(said)).toEqual({ listed: [usual, deep], told: [usual, deep], overflows: 1 });
    } finally {
      rmSync(root, { recursive: true });
    }
  },
);
