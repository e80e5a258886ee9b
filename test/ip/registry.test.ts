import { describe, expect, test } from 'vitest';
import { intersectSets, isEmptySet, setIncludes } from '../../src/ip/address-set.ts';
import {
  cloudMetadata,
  cloudMetadataSet,
  internetSet,
  multicastSet,
  privateSet,
  specialPurpose,
} from '../../src/ip/registry.ts';
import { address } from '../generate/build.ts';

describe('built-in address lists', () => {
  const sets = { cloudMetadataSet, privateSet, internetSet, multicastSet };
  const pairs = Object.keys(sets).flatMap((a, at) =>
    Object.keys(sets)
      .slice(at + 1)
      .map((b) => [a, b] as const),
  ) as [keyof typeof sets, keyof typeof sets][];

  test.each(pairs)('%s and %s have nothing in common', (a, b) => {
    expect(isEmptySet(intersectSets(sets[a], sets[b]))).toBe(true);
  });

  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '223.255.255.255',
    '168.63.129.15',
    '2606:4700:4700::1111',
    '2a00:1450::',
    '2003::1',
  ])('%s is internet', (text) => {
    expect(setIncludes(internetSet, address(text))).toBe(true);
  });

  test.each([
    ['64:ff9b::a00:1', 'NAT64'],
    ['64:ff9b:1::1', 'local NAT64'],
    ['2002:a00:1::', '6to4'],
    ['::ffff:8.8.8.8', 'IPv4-mapped'],
    ['::8.8.8.8', 'IPv4-compatible'],
    ['2001::1', 'Teredo'],
    ['2001:db8::1', 'documentation'],
    ['3fff::1', 'documentation'],
    ['5f00::1', 'SRv6'],
    ['fec0::1', 'site-local'],
    ['168.63.129.16', 'WireServer'],
    ['192.0.2.1', 'documentation'],
    ['198.18.0.1', 'benchmarking'],
    ['240.0.0.1', 'reserved'],
    ['0.0.0.0', 'this network'],
    ['127.0.0.1', 'loopback'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['10.0.0.1', 'private'],
    ['fd00::1', 'ULA'],
  ])('%s is not internet (%s)', (text) => {
    expect(setIncludes(internetSet, address(text))).toBe(false);
  });

  test.each([
    '10.0.0.0',
    '10.255.255.255',
    '172.16.0.0',
    '172.31.255.255',
    '192.168.255.255',
    '100.64.0.0',
    '100.127.255.255',
    '169.254.1.1',
    'fc00::',
    'fdff:ffff::1',
    'fe80::1',
  ])('%s is private', (text) => {
    expect(setIncludes(privateSet, address(text))).toBe(true);
  });

  test.each(cloudMetadata.map(({ prefix, name }) => [prefix, name] as const))(
    'metadata is neither private nor internet: %o',
    (prefix) => {
      expect(setIncludes(cloudMetadataSet, prefix.address)).toBe(true);
      expect(setIncludes(privateSet, prefix.address)).toBe(false);
      expect(setIncludes(internetSet, prefix.address)).toBe(false);
    },
  );

  test('every entry cites its source', () => {
    for (const { citation } of [...specialPurpose, ...cloudMetadata]) expect(citation.length).toBeGreaterThan(5);
  });
});
