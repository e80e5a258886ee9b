import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { codes } from '../../src/policy/codes.ts';
import { readPolicy } from '../../src/policy/read.ts';
import { policyJsonSchema, policySchema } from '../../src/policy/schema.ts';
import { now } from './fixture.ts';
import { wholeFile } from './whole-file.ts';

/** Codes for a structure that does not fit, which the schema must refuse too. Others need more than structure. */
const structural: readonly string[] = [
  codes.unknownKey,
  codes.wrongKind,
  codes.missingKey,
  codes.notAWord,
  codes.missingVersion,
  codes.unknownVersion,
  codes.badDate,
  codes.emptyList,
  codes.quoteIt,
].map(({ code }) => code);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const whole = parse(wholeFile) as Json;
const schema = policySchema();

function places(value: Json, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, inner]) =>
      places(inner, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

type Change =
  | { readonly kind: 'put'; readonly value: Json }
  | { readonly kind: 'delete' }
  | { readonly kind: 'add'; readonly key: string; readonly value: Json };

function changed(value: Json, [step, ...rest]: readonly (string | number)[], change: Change): Json {
  if (step === undefined) {
    if (change.kind === 'put') return change.value;
    if (change.kind === 'delete') return null;
    if (Array.isArray(value)) return [...value, change.value];
    return typeof value === 'object' && value !== null ? { ...value, [change.key]: change.value } : change.value;
  }
  if (rest.length === 0 && change.kind === 'delete') {
    if (Array.isArray(value)) return value.filter((_, index) => index !== step);
    return Object.fromEntries(Object.entries(value as object).filter(([key]) => key !== step));
  }
  if (Array.isArray(value)) return value.map((item, index) => (index === step ? changed(item, rest, change) : item));
  return Object.fromEntries(
    Object.entries(value as { [key: string]: Json }).map(([key, inner]) => [
      key,
      key === step ? changed(inner, rest, change) : inner,
    ]),
  );
}

const scraps: Json[] = [
  null,
  true,
  false,
  0,
  1,
  2,
  443,
  300,
  -1,
  'any',
  'none',
  'inherit',
  'off',
  'audit',
  'drop',
  'icmp',
  'host',
  'app/web',
  '2027-01-31',
  '2027-02-30',
  '',
  [],
  {},
  ['host'],
  [[]],
  [443],
  ['53/udp'],
  { to: 'host' },
  { to: [] },
  { to: ['host'], ports: [443] },
  { to: 'host', until: '2027-01-31' },
  { from: 'app/web' },
  { from: 'app/web', allow: ['host'] },
  { mode: 'off', allow: 'none' },
  { services: {} },
];

const keys = [
  'version',
  'mode',
  'allow',
  'deny',
  'services',
  'from',
  'to',
  'ports',
  'protocol',
  'until',
  'reason',
  'except',
  'x',
];

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom(...scraps).map((value): Change => ({ kind: 'put', value })),
  fc.constant<Change>({ kind: 'delete' }),
  fc
    .tuple(fc.constantFrom(...keys), fc.constantFrom(...scraps))
    .map(([key, value]): Change => ({ kind: 'add', key, value })),
);

function compare(document: Json): 'accepted' | 'refused' {
  const text = JSON.stringify(document);
  const { diagnostics } = readPolicy([{ path: 'policy.yaml', text, role: 'policy', writableByOthers: false }], { now });
  const errors = diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  const accepted = schema.safeParse(document).success;
  // the schema refuses: the reader has an error too. The reader finds the structure wrong: the schema refuses.
  if (!accepted) expect(errors, text).not.toEqual([]);
  if (accepted)
    expect(
      errors.filter((code) => structural.includes(code)),
      text,
    ).toEqual([]);
  return accepted ? 'accepted' : 'refused';
}

describe('the schema and the reader', () => {
  test('both accept the whole file', () => {
    expect(compare(whole)).toBe('accepted');
  });

  test('accept and refuse the same structures', () => {
    const all = places(whole);
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(fc.constantFrom(...all), change, (path, one) => {
        seen[compare(changed(whole, path, one))]++;
      }),
      { numRuns: 4000 },
    );
    expect(seen.accepted).toBeGreaterThan(400);
    expect(seen.refused).toBeGreaterThan(400);
  });

  test('every place of the whole file, with every scrap', () => {
    for (const path of places(whole)) for (const value of scraps) compare(changed(whole, path, { kind: 'put', value }));
  }, 60_000);
});

test('the JSON Schema is draft 2020-12 and describes every key', () => {
  const json = policyJsonSchema() as { $schema: string };
  expect(json.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  const bare: string[] = [];
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    const { properties, ...rest } = node as { properties?: Record<string, { description?: string }> };
    for (const [key, value] of Object.entries(properties ?? {})) {
      if (value.description === undefined && path !== '' && !('anyOf' in value)) bare.push(`${path}.${key}`);
      walk(value, `${path}.${key}`);
    }
    for (const [key, value] of Object.entries(rest)) walk(value, `${path}/${key}`);
  };
  walk(json, '$');
  expect(bare).toEqual([]);
});
