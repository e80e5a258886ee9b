import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isMap, isSeq, parseDocument, visit } from 'yaml';
import type { Policy } from '../../src/policy/model.ts';
import { readPolicy } from '../../src/policy/read.ts';
import { now } from './fixture.ts';
import { wholeFile } from './whole-file.ts';

const compose = `name: shop2
x-sluice: { mode: audit, allow: [same-project, network/front, "internet:443", dns] }
services:
  web:
    x-sluice: { allow: [inherit, service/db, network/front], deny: [host, cloud-metadata] }
  db:
    x-sluice: { allow: none }
networks:
  front: { x-sluice: { allow: [internet, dns] } }
`;

function read(policy: string, composeText: string): Policy | null {
  return readPolicy(
    [
      { path: 'policy.yaml', text: policy, role: 'policy', writableByOthers: false },
      { path: 'shop2/compose.yaml', text: composeText, role: 'compose', writableByOthers: false },
    ],
    { now },
  ).policy;
}

/** The meaning alone: without places, and lists, which are sets, in an order of their own. */
function meaning(value: unknown, key = ''): unknown {
  if (key === 'source' || key === 'modeSource') return undefined;
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Map) return meaning([...value], key);
  if (Array.isArray(value)) {
    const items = value.map((item) => meaning(item));
    return key === '' ? items : items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((name) => [name, meaning((value as Record<string, unknown>)[name], name)]),
  );
}

/** Another order of every map and list. */
function shuffled(text: string, random: () => number): string {
  const document = parseDocument(text);
  visit(document, {
    Collection(_, node) {
      if (isMap(node) || isSeq(node)) {
        for (let index = node.items.length - 1; index > 0; index--) {
          const other = Math.floor(random() * (index + 1));
          [node.items[index], node.items[other]] = [node.items[other] as never, node.items[index] as never];
        }
      }
    },
  });
  return document.toString();
}

test('the order of keys and entries changes nothing but places', () => {
  const expected = meaning(read(wholeFile, compose));
  expect(expected).not.toBeNull();
  let changed = 0;
  fc.assert(
    fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), (stream) => {
      const random = () => stream.next().value as number;
      const [policy, other] = [shuffled(wholeFile, random), shuffled(compose, random)];
      if (policy !== wholeFile) changed++;
      expect(meaning(read(policy, other))).toEqual(expected);
    }),
    { numRuns: 200 },
  );
  expect(changed).toBeGreaterThan(100);
});

test('what is split over policy.d means the same as in one file', () => {
  const split = wholeFile.split(/\n(?=groups:|guardrails:|projects:|containers:|tests:)/);
  expect(split.length).toBe(6);
  const texts = split.map((part, index) => ({
    path: index === 0 ? 'policy.yaml' : `policy.d/${index}.yaml`,
    text: index === 0 ? part : `version: 1\n${part}`,
    role: 'policy' as const,
    writableByOthers: false,
  }));
  const whole = { path: 'policy.yaml', text: wholeFile, role: 'policy' as const, writableByOthers: false };
  const one = readPolicy([whole], { now });
  const parts = readPolicy(texts, { now });
  expect(one.policy).not.toBeNull();
  expect(meaning(parts.policy)).toEqual(meaning(one.policy));
  expect(meaning(readPolicy([...texts.slice(0, 1), ...texts.slice(1).reverse()], { now }).policy)).toEqual(
    meaning(one.policy),
  );
});
