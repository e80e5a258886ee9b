import { expect, test } from 'vitest';
import { type PolicyText, readPolicy } from '../../src/policy/read.ts';
import { weightOfL4 } from '../../src/policy/weight.ts';
import { full } from '../campaign/campaign.ts';
import { now } from './fixture.ts';

const read = (text: string) => {
  const source: PolicyText = {
    path: 'policy.yaml',
    text: `version: 1\n${text}`,
    role: 'policy',
    writableByOthers: false,
  };
  const begun = process.threadCpuUsage(); // of the work alone, however busy the machine is
  const { policy, diagnostics } = readPolicy([source], { now });
  const { user, system } = process.threadCpuUsage(begun);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  return { policy, errors, took: (user + system) / 1000 };
};
const project = (allow: string) => `projects: { app: { allow: [${allow}, dns] } }\n`;

/** Each group is ten times the one before. */
const tenfold = (depth: number): string =>
  `groups:\n  g0: ["10.0.0.1"]\n${Array.from({ length: depth }, (_, at) => `  g${at + 1}: [${Array(10).fill(`g${at}`).join(', ')}]\n`).join('')}`;

test.each([5, 6])('groups that come to no more than is held are a policy (depth %i)', (depth) => {
  const { policy, errors } = read(`${tenfold(depth)}${project('g0')}`);
  expect(errors).toEqual([]);
  expect(policy).not.toBeNull();
});

test.each([7, 12, 90])(
  'groups of groups that come to more are refused without being written out (depth %i)',
  (depth) => {
    const { policy, errors, took } = read(`${tenfold(depth)}${project(`g${depth}`)}`);
    expect(policy).toBeNull();
    expect(errors.map(({ code }) => code)).toEqual(['SL1008']);
    expect(errors[0]?.message).toMatch(/1000000 are held/);
    expect(errors[0]?.source.text).toBe(`g${depth}`);
    expect(took).toBeLessThan(5_000);
  },
);

test('ports count, each of a short range and a long one once', () => {
  const ports = (...ranges: readonly [number, number][]) =>
    ranges.map(([low, high]) => ({ protocol: 6, ports: { low, high } }));
  expect([weightOfL4('any'), weightOfL4(ports([80, 80])), weightOfL4(ports([80, 95], [1, 65535]))]).toEqual([1, 1, 17]);
  const many = Array.from({ length: 2_000 }, (_, at) => 2 * at + 1).join(',');
  const addresses = Array.from({ length: 600 }, (_, at) => `"10.0.${at >> 8}.${at & 255}"`).join(', ');
  const { errors } = read(`groups: { many: [${addresses}] }\n${project(`{ to: many, ports: ["${many}"] }`)}`);
  expect(errors.map(({ code }) => code)).toEqual(['SL1008']);
});

test.each([full ? 20_000 : 2_000, 101])('a chain of %i groups is too deep for anybody, and said to be', (length) => {
  const groups = Array.from({ length }, (_, at) => `  g${at}: [g${at + 1}]\n`).join('');
  const { errors, took } = read(`groups:\n${groups}  g${length}: ["10.0.0.1"]\n${project('g0')}`);
  expect(errors.map(({ code, message }) => `${code} ${message}`)).toEqual([
    expect.stringMatching(/^SL1008 groups inside of groups, more than 100/),
  ]);
  expect(took).toBeLessThan(30_000);
});

test('of groups that all use each other some circles are told, and not all', () => {
  const names = Array.from({ length: 60 }, (_, at) => `g${at}`);
  const { errors } = read(
    `groups:\n${names.map((name) => `  ${name}: [${names.join(', ')}]\n`).join('')}${project('g0')}`,
  );
  const circles = errors.filter(({ code }) => code === 'SL1213');
  expect(circles.length).toBeGreaterThan(0);
  expect(circles.length).toBeLessThanOrEqual(20);
});

test('of a compose file, whom it names by who they are: five hundred, and no more', () => {
  const file = (count: number): PolicyText => ({
    path: '/srv/shop/compose.yml',
    text: `services: { web: { x-sluice: { allow: [${Array.from({ length: count }, (_, at) => `service/s${at % count}`).join(', ')}] } } }\n`,
    role: 'compose',
    writableByOthers: false,
  });
  const main: PolicyText = {
    path: '/etc/sluice/policy.yaml',
    text: 'version: 1\ncompose: [/srv/shop/compose.yml]\nprojects: { shop: { allow: [same-project] } }\n',
    role: 'policy',
    writableByOthers: false,
  };
  const errorsOf = (count: number) =>
    readPolicy([main, file(count)], { now }).diagnostics.filter(({ code }) => code === 'SL1008');
  expect(errorsOf(500)).toEqual([]);
  expect(errorsOf(501)).toMatchObject([{ source: { file: '/srv/shop/compose.yml', text: 'service/s500' } }]);
});
