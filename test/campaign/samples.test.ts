import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { engines } from '../../lab/roots.ts';

const tests = join(import.meta.dirname, '..');

test('over the samples of all files each variant of iptables occurs beside each engine', () => {
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts'));
  const asked = files.flatMap((file) =>
    [...readFileSync(join(tests, file), 'utf8').matchAll(/(?:waysOf|oneWayEach)\(\{(.*?)\}\)/g)].flatMap(([, sample]) =>
      [...(sample ?? '').matchAll(/'([\d.]+)': '(iptables-\w+)'/g)].map(
        ([, engine, variant]) => `${engine} ${variant}`,
      ),
    ),
  );
  const wanted = engines.flatMap((engine) => ['iptables-nft', 'iptables-legacy'].map((one) => `${engine} ${one}`));
  expect(wanted.filter((way) => !asked.includes(way))).toEqual([]);
});
