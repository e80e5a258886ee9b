import { describe, expect, test } from 'vitest';
import { formatDestination } from '../../src/policy/format.ts';
import { readLabels } from '../../src/policy/labels.ts';
import type { Group } from '../../src/policy/model.ts';

const labels = (entries: Record<string, string>) => readLabels(new Map(Object.entries(entries)), 'web');

describe('labels', () => {
  test('of others say nothing', () => {
    expect(labels({ 'com.docker.compose.project': 'app', sluice: 'x', 'sluicex.allow': 'y' })).toEqual({
      block: null,
      diagnostics: [],
    });
  });

  test('that are longer than we read allow nothing, and are told once', () => {
    const { block, diagnostics } = labels({ 'sluice.allow': 'internet:443 '.repeat(2_000), 'sluice.deny': 'host' });
    expect(block?.allow?.items).toEqual([]);
    expect(diagnostics.map(({ code }) => code)).toEqual(['SL1008']);
  });

  test('hold entries in short form, separated by spaces', () => {
    const { block, diagnostics } = labels({
      'sluice.mode': 'audit',
      'sluice.allow': ' internet:80,443  inherit\tnetwork/shop_backend [2001:db8::1]:443 ',
      'sluice.deny': 'host:22',
    });
    expect(diagnostics).toEqual([]);
    expect(block?.mode).toBe('audit');
    expect(
      block?.allow?.items.map((item) => (item.kind === 'inherit' ? 'inherit' : formatDestination(item.destination))),
    ).toEqual(['internet:80,443', 'inherit', 'network/shop_backend', '[2001:db8::1]:443']);
    expect(block?.allow?.items[0]).toMatchObject({
      destination: { source: { file: 'labels of container web', line: 0, text: 'internet:80,443' } },
    });
    expect(block?.deny?.map(formatDestination)).toEqual(['host:22']);
  });

  test.each([
    ['none', []],
    ['any', ['any']],
  ])('sluice.allow=%s', (text, expected) => {
    const { block } = labels({ 'sluice.allow': text });
    expect(
      block?.allow?.items.map((item) => item.kind === 'destination' && formatDestination(item.destination)),
    ).toEqual(expected);
  });

  test.each([
    [{ 'sluice.allow': 'any', 'sluice.alow': 'x' }],
    [{ 'sluice.allow': 'any {to:internet}' }],
    [{ 'sluice.allow': 'any', 'sluice.mode': 'of' }],
    [{ 'sluice.allow': 'any', 'sluice.deny': '' }],
    [{ 'sluice.allow': 'any', 'sluice.deny': 'none' }],
    [{ 'sluice.allow': 'any none' }],
    [{ 'sluice.mode': 'off', 'sluice.allow': '' }],
  ])('in error allow nothing and set no mode: %j', (entries) => {
    const { block, diagnostics } = labels(entries as Record<string, string>);
    expect(diagnostics.map(({ severity }) => severity)).toContain('error');
    expect(block?.allow?.items).toEqual([]);
    expect(block?.mode).toBeUndefined();
  });

  test('are checked against the groups of the policy when they are given', () => {
    const at = { file: 'policy.yaml', line: 1, column: 1, text: '' };
    const member = { who: [{ kind: 'any' }], l4: [{ protocol: 6, ports: { low: 80, high: 80 } }], source: at } as const;
    const groups = new Map<string, Group>([['proxy', { name: 'proxy', members: [member], source: at }]]);
    const codesOf = (allow: string) =>
      readLabels(new Map([['sluice.allow', allow]]), 'web', groups).diagnostics.map(({ code }) => code);
    expect(codesOf('proxy')).toEqual([]);
    expect(codesOf('proxi')).toEqual(['SL1204']);
    expect(codesOf('proxy:80')).toEqual(['SL1209']);
  });
});

describe('labels without bounds close their container and cost nobody else anything', () => {
  const errors = (entries: Record<string, string>) => {
    const { block, diagnostics } = labels(entries);
    const codes = diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => code);
    return { codes, items: block?.allow?.items.length, said: block?.source.text.length ?? 0 };
  };

  test('a label of a megabyte', () => {
    const { codes, items, said } = errors({ 'sluice.allow': '10.0.0.1 '.repeat(120_000) });
    expect([codes, items]).toEqual([['SL1008'], 0]);
    expect(said).toBeLessThan(100_000);
  });

  test('more entries than are held, or as many ports', () => {
    const entries = Array.from({ length: 1_001 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
    expect(errors({ 'sluice.allow': entries.join(' ') })).toMatchObject({ codes: ['SL1008'], items: 0 });
    expect(errors({ 'sluice.allow': entries.slice(1).join(' ') })).toMatchObject({ codes: [], items: 1_000 });
    const ports = Array.from({ length: 100 }, (_, at) => 2 * at + 1).join(',');
    const each = (count: number) => entries.slice(0, count).map((entry) => `${entry}:${ports}`);
    expect(errors({ 'sluice.deny': each(11).join(' ') })).toMatchObject({ codes: ['SL1008'] });
    expect(errors({ 'sluice.deny': each(10).join(' ') })).toMatchObject({ codes: [] });
  });

  test('ten thousand labels that nobody knows', () => {
    const unknown = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`sluice.x${at}`, 'any'.repeat(100)]));
    const { codes, items, said } = errors({ ...unknown, 'sluice.allow': 'any' });
    expect([codes, items]).toEqual([Array(10).fill('SL1501'), 0]);
    expect(said).toBeLessThan(10_000);
  });
});
