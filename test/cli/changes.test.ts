import { expect, test } from 'vitest';
import { type Change, changesBetween } from '../../src/cli/changes.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { decodeRuleset, encodeRuleset } from '../../src/state/ruleset-text.ts';
import { buildWorld, type WorldSketch } from '../generate/build.ts';
import { judge, now, town } from '../ruleset/support.ts';

const rulesetOf = (policy: string, world: WorldSketch = town): Ruleset => judge(policy, world).ruleset;
const app = (allow: string, more = '') => `projects:\n  app: { allow: [${allow}]${more} }\n`;

function changeOf(before: string | null, after: string, world: WorldSketch = town): Change {
  const changes = changesBetween(
    before === null ? null : rulesetOf(before),
    rulesetOf(after, world),
    now,
    buildWorld(world),
  );
  const found = changes.find(({ containers }) => containers.includes('app-web-1'));
  if (found === undefined) throw new Error('app-web-1 is not in the plan');
  return found;
}

test.each([
  ['an entry taken away', app('internet, 10.0.0.5'), app('internet'), ['10.0.0.5'], []],
  ['an entry added', app('internet'), app('internet, "10.0.0.5:22"'), [], ['10.0.0.5:22']],
  ['an entry that another covers', app('10.0.0.0/8, 10.0.0.5'), app('10.0.0.0/8'), [], []],
  ['a name for what was an address', app('10.0.0.5'), `groups: { proxy: [10.0.0.5] }\n${app('proxy')}`, [], []],
  [
    'a group that means something else',
    `groups: { proxy: [10.0.0.5] }\n${app('proxy')}`,
    `groups: { proxy: [10.0.0.6] }\n${app('proxy')}`,
    ['proxy'],
    ['proxy'],
  ],
  ['a part of an entry', app('10.0.0.0/8'), app('10.0.0.0/9'), ['part of 10.0.0.0/8'], []],
  ['fewer ports', app('10.0.0.5'), app('"10.0.0.5:443"'), ['part of 10.0.0.5'], []],
  ['a new denial inside what is allowed', app('internet'), app('internet', ', deny: [8.8.8.8]'), ['8.8.8.8'], []],
  ['a denial of what was not allowed', app('internet'), app('internet', ', deny: [10.0.0.5]'), [], []],
  ['a guardrail', app('any'), `guardrails: { deny: [cloud-metadata] }\n${app('any')}`, ['cloud-metadata'], []],
  ['a denial taken back', app('internet', ', deny: [8.8.8.8]'), app('internet'), [], ['8.8.8.8']],
  ['the order of entries', app('internet, 10.0.0.5'), app('10.0.0.5, internet'), [], []],
])('%s', (_, before, after, loses, gains) => {
  const change = changeOf(before, after);
  expect({ loses: change.loses, gains: change.gains }).toEqual({ loses, gains });
  expect(change.kind).toBe(loses.length + gains.length > 0 ? 'changed' : 'unchanged');
});

test('a container is held when it was not before, let go when it is not any more, and gone when it does not run', () => {
  expect(changeOf(null, app('internet')).kind).toBe('held');
  expect(changeOf(app('internet'), 'containers: { nobody: { allow: none } }\n').kind).toBe('released');
  const gone = { ...town, containers: town.containers.filter(({ name }) => name !== 'app-web-1') };
  expect(changeOf(app('internet'), app('internet'), gone).kind).toBe('gone');
});

test('a container that took its own interface away is cut off, and not let go', () => {
  const without = {
    ...town,
    containers: town.containers.map((one) => (one.name === 'app-web-1' ? { ...one, lacks: 'port' as const } : one)),
  };
  expect(changeOf(app('internet'), app('internet'), without).kind).toBe('cut-off');
});

test('a change of mode alone is a change', () => {
  const change = changeOf(app('internet'), app('internet', ', mode: audit'));
  expect(change).toMatchObject({ kind: 'changed', mode: { from: 'enforce', to: 'audit' }, loses: [], gains: [] });
});

test('that somebody else got another address is no change', () => {
  const moved: WorldSketch = {
    ...town,
    containers: [{ name: 'app-new-1', workload: 'app/new', on: ['app_back'] }, ...town.containers],
  };
  expect(changeOf(app('same-project'), app('same-project'), moved).kind).toBe('unchanged');
});

test('replicas that fare alike are one change', () => {
  const two: WorldSketch = {
    ...town,
    containers: [...town.containers, { name: 'shop-web-2', workload: 'shop/web', on: ['shop_default'] }],
  };
  const policy = 'projects:\n  shop: { allow: [internet] }\n';
  const changes = changesBetween(null, rulesetOf(policy, two), now, buildWorld(two));
  expect(changes.find(({ workload }) => workload === 'shop/web')?.containers).toEqual(['shop-web-1', 'shop-web-2']);
});

test('a ruleset is the same after it was written and read', () => {
  const policy = `guardrails: { deny: [cloud-metadata], except: [{ from: app/web, to: 169.254.169.254, until: 2027-01-01 }] }\n${app('internet, same-project, dns, "host:22"')}`;
  const ruleset = rulesetOf(policy);
  const text = encodeRuleset(ruleset);
  expect(decodeRuleset(text)).toEqual(ruleset);
  expect(encodeRuleset(decodeRuleset(text))).toBe(text);
});
