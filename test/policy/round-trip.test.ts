import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDestinationText } from '../../src/policy/destination.ts';
import { readAllow } from '../../src/policy/entries.ts';
import { formatDestination, formatSelector, formatTarget } from '../../src/policy/format.ts';
import type { Destination } from '../../src/policy/model.ts';
import { patternOf } from '../../src/policy/pattern.ts';
import { Reader } from '../../src/policy/reader.ts';
import { parseWorkloadSelector } from '../../src/policy/selector.ts';
import { readYaml } from '../../src/policy/yaml-text.ts';
import { destinationOf, l4Of, projectName, whoOf } from './arbitrary.ts';

/** Reads an entry where entries stand, in a list of a YAML file; what is checked across entries is left out. */
function readEntry(text: string) {
  const messages: string[] = [];
  const report = ({ message }: { readonly message: string }) => messages.push(message);
  const yaml = readYaml({ path: 'policy.yaml', text: `[${text}]`, role: 'policy', writableByOthers: false }, report);
  if (yaml === undefined || yaml.root === null) return messages;
  const [item] = readAllow(yaml.root, new Reader(yaml, report), {})?.items ?? [];
  return messages.length === 0 && item?.kind === 'destination' ? withoutSource(item.destination) : messages;
}

function withoutSource({ who, l4, until, reason }: Destination): Omit<Destination, 'source'> {
  return { who, l4, ...(until === undefined ? {} : { until }), ...(reason === undefined ? {} : { reason }) };
}

test('what a destination is formatted as, a policy file reads back as the same', () => {
  fc.assert(
    fc.property(destinationOf, (destination) => {
      const text = formatDestination({ ...destination, source: { file: '', line: 0, column: 0, text: '' } });
      expect(readEntry(text.startsWith('{') ? text : JSON.stringify(text))).toEqual(destination);
    }),
    { numRuns: 2000 },
  );
});

test('what has a short form is read back from a command line', () => {
  let short = 0;
  fc.assert(
    fc.property(whoOf, l4Of, (who, l4) => {
      const text = formatTarget([who], l4);
      if (text.startsWith('{')) return;
      short++;
      const result = parseDestinationText(text);
      if (!('destination' in result)) throw new Error(`${text}: ${JSON.stringify(result)}`);
      expect(withoutSource(result.destination)).toEqual({ who: [who], l4 });
    }),
    { numRuns: 2000 },
  );
  expect(short).toBeGreaterThan(500);
});

test('a workload is read back from its text', () => {
  const name = projectName.map(patternOf);
  fc.assert(
    fc.property(fc.boolean(), name, name, (composed, project, service) => {
      const selector = composed
        ? ({ kind: 'service', project, service } as const)
        : ({ kind: 'container', name: service } as const);
      if (composed && project.text === 'container') return;
      expect(parseWorkloadSelector(formatSelector(selector))).toEqual({ selector });
    }),
  );
});

test.each([
  ['192.168.5.5:22/tcp', '192.168.5.5:22'],
  ['192.168.5.5', '192.168.5.5'],
  ['10.0.0.0/8/icmp', '10.0.0.0/8/icmp'],
  ['internet:80,443,81', 'internet:80-81,443'],
  ['host:53/tcp+udp', 'host:53/tcp+udp'],
  ['[2001:DB8::1]:443', '[2001:db8::1]:443'],
  ['2001:db8::/32', '2001:db8::/32'],
  ['[fd00::1]', '[fd00::1]'],
  ['fd00::a', 'fd00::a'],
  ['API.example.com:443', 'api.example.com:443'],
  ['*.example.com:443', '*.example.com:443'],
  ['project/shop/db:5432', 'project/shop/db:5432'],
  ['project/*/exporter:9100', 'project/*/exporter:9100'],
  ['container/legacy-*', 'container/legacy-*'],
  ['network/shop_backend:6379', 'network/shop_backend:6379'],
  ['any/icmp', 'any/icmp'],
  ['http-proxy:3128', 'http-proxy:3128'],
])('%s is read, and written as %s', (text, canonical) => {
  const result = parseDestinationText(text);
  if (!('destination' in result)) throw new Error(JSON.stringify(result));
  expect(formatDestination(result.destination)).toBe(canonical);
});
