import { expect, test } from 'vitest';
import { identify } from '../../src/docker/identity.ts';

const [project, hash, deny] = ['com.docker.compose.project', 'com.docker.compose.config-hash', 'sluice.deny'];
const long = 'x'.repeat(20_000);

test.each<[string, Record<string, string>, Record<string, string>, string | null]>([
  ['its own', {}, { [project]: 'app', [hash]: '1' }, 'app'],
  ['its image’s', { [project]: 'app', [hash]: '1' }, { [project]: 'app', [hash]: '1' }, null],
  // of long values no more than the beginnings may be known, so that they may be the image's
  [
    'its image’s, by long values',
    { [project]: 'app', [hash]: `${long}1` },
    { [project]: 'app', [hash]: `${long}2` },
    null,
  ],
  ['its own, where its image is long', { [project]: 'app', [hash]: long }, { [project]: 'app', [hash]: '1' }, 'app'],
])('a claim to a project is %s', (_what, image, labels, wanted) => {
  const maps = [labels, image].map((one) => new Map(Object.entries(one))) as [Map<string, string>, Map<string, string>];
  expect(identify(...maps).project).toBe(wanted);
});

test('a long label for Sluice is the container’s own unless its image has a long one', () => {
  const own = (image: string) => identify(new Map([[deny, long]]), new Map([[deny, image]])).labels.has(deny);
  expect([own('dns'), own(long), own(`${long}more`)]).toEqual([true, false, false]);
});
