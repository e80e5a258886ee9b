import { expect, test } from 'vitest';
import { defaultsBetween } from '../../src/cli/default-changes.ts';
import { judge } from '../ruleset/support.ts';

/** `portainer` is on docker0. */
const rules = (defaults: string) =>
  judge(`defaults: { ${defaults} }\ncontainers: { portainer: { allow: none } }\n`).ruleset;
const usual = 'denied: reject, unknown-bridge: allow, build: allow';

test.each([
  [usual, []],
  ['denied: drop, unknown-bridge: allow, build: allow', ['denied reject drop']],
  ['denied: reject, unknown-bridge: deny, build: allow', ['unknown-bridge allow deny']],
  ['denied: reject, unknown-bridge: allow, build: deny', ['build allow deny']],
])('from the usual words to %s', (defaults, changes) => {
  const told = defaultsBetween(rules(usual), rules(defaults));
  expect(told.map(({ word, from, to }) => `${word} ${from} ${to}`)).toEqual(changes);
});

test('where nothing was applied before there is nothing to compare with', () => {
  expect(defaultsBetween(null, rules(usual))).toEqual([]);
});
