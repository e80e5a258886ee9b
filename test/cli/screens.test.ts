import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectScreen } from './golden.ts';
import { articleHost } from './hosts.ts';
import { chains } from './scenes/chains.ts';
import { daemon } from './scenes/daemon.ts';
import { doctor } from './scenes/doctor.ts';
import { explain } from './scenes/explain.ts';
import { inForce } from './scenes/in-force.ts';
import { itself } from './scenes/itself.ts';
import { policy } from './scenes/policy.ts';
import type { Scenes } from './scenes/scene.ts';
import { world } from './scenes/world.ts';

process.env['TZ'] = 'UTC'; // clock times are the host's

const scenes: Scenes = { ...policy, ...inForce, ...daemon, ...world, ...explain, ...chains, ...doctor, ...itself };

test.each(Object.entries(scenes))('screen %s', async (name, { args, host, columns }) => {
  const here = await (host ?? articleHost)();
  expectScreen(name, args, await here.sluice(args, columns));
});

test('every screen on disk is one of these', () => {
  const names = readdirSync(join(import.meta.dirname, 'screens')).map((file) => file.replace(/\.txt$/, ''));
  expect(names.toSorted()).toEqual(Object.keys(scenes).toSorted());
});

test('nothing but the head of a diagnostic is wider than the terminal', () => {
  const folder = join(import.meta.dirname, 'screens');
  const wide = readdirSync(folder)
    // a rendering is a file, whatever the terminal
    .filter((file) => !/-1[02]0-columns|-in-a-pipe|^render-(nft|reverse)\./.test(file))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('--- standard error')[0]?.split('\n') ?? [])
    .filter((line) => line.length > 80 && !/ {2}(error|warning) {2}SL\d{4} {2}/.test(line));
  expect(wide).toEqual([]);
});
