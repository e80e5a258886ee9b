import { expect, test } from 'vitest';
import type { Address } from '../../src/ip/address.ts';
import { parseAddress } from '../../src/ip/address.ts';
import { withoutCrowds } from '../../src/iptables/crowded.ts';
import { renderXtables } from '../../src/iptables/render.ts';
import type { EndpointIdentity, Ruleset } from '../../src/ruleset/ruleset.ts';
import { readCase } from '../golden/cases.ts';
import { facts } from './facts.ts';

/** One link-local address on many bridges, as containers with one MAC have it. */

const shared = parseAddress('fe80::42:acff:fe14:7777') as Address;
const { ruleset } = readCase('01-modes');

function crowd(count: number): Ruleset {
  const [first] = ruleset.endpoints as readonly [EndpointIdentity];
  const endpoints = Array.from(
    { length: count },
    (_, n): EndpointIdentity => ({
      ...first,
      bridge: { index: 1_000 + n, name: `br-${n}` },
      port: { index: 2_000 + n, name: `veth${n}` },
      addresses: [parseAddress(`10.200.0.${n + 1}`) as Address, shared],
    }),
  );
  return { ...ruleset, endpoints };
}

const elementsOf = (of: Ruleset): readonly string[] =>
  renderXtables(of, facts).sets.flatMap(({ elements }) => elements.map(({ key }) => key));

test('a set takes as many as it can', () => {
  const many = crowd(60);
  expect(withoutCrowds(many)).toBe(many);
  expect(elementsOf(many).some((key) => key.startsWith('fe80::42:acff:fe14:7777,'))).toBe(true);
});

test('more than that have the address no more, and keep what is theirs alone', () => {
  const keys = elementsOf(crowd(61));
  expect(keys.some((key) => key.startsWith('fe80::42:acff:fe14:7777,'))).toBe(false);
  expect(keys).toContain('10.200.0.61,br-60');
  expect(
    renderXtables(crowd(61), facts)
      .bridge.map((table) => JSON.stringify(table, replaced))
      .join(),
  ).not.toContain(String(shared.value));
});

const replaced = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
