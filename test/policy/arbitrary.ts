import fc from 'fast-check';
import { addressOf, bits, type Family, maxValue } from '../../src/ip/address.ts';
import type { Prefix } from '../../src/ip/prefix.ts';
import { everyPort, type L4, type L4Match, protocolNumbers } from '../../src/ip/protocol.ts';
import { builtinGroups, type Destination, type Who } from '../../src/policy/model.ts';
import { patternOf } from '../../src/policy/pattern.ts';
import { normaliseL4 } from '../../src/policy/ports.ts';

/** Destinations as the language can say them: every kind of WHO, with and without ports. */

const lower = 'abcdefghijklmnopqrstuvwxyz'.split('');
const word = fc.string({ unit: fc.constantFrom(...lower, '0', '7', '-', '_'), minLength: 0, maxLength: 8 });
export const projectName = fc.tuple(fc.constantFrom(...lower), word).map(([first, rest]) => first + rest);
const pattern = fc.oneof(
  projectName,
  projectName.map((name) => `${name}*`),
  fc.constant('*'),
);

const prefix: fc.Arbitrary<Prefix> = fc.constantFrom<Family>(4, 6).chain((family) =>
  fc
    .tuple(fc.bigInt({ min: 0n, max: maxValue(family) }), fc.integer({ min: 0, max: bits(family) }), fc.boolean())
    .map(([value, length, whole]) => {
      const host = BigInt(bits(family) - (whole ? bits(family) : length));
      return { address: addressOf(family, (value >> host) << host), length: whole ? bits(family) : length };
    })
    // IPv4 in IPv6 clothes is refused: it has one way of being written
    .filter(({ address }) => family === 4 || address.value >> 32n !== 0xffffn),
);

const dnsName = fc
  .array(
    projectName.map((name) => name.replace(/[-_]+$/, '')),
    { minLength: 1, maxLength: 3 },
  )
  .map((labels) => `${labels.join('.')}.example.com`);

export const whoOf: fc.Arbitrary<Who> = fc.oneof(
  prefix.map((one): Who => ({ kind: 'prefix', prefix: one })),
  fc.tuple(dnsName, fc.boolean()).map(([name, wildcard]): Who => ({ kind: 'name', name, wildcard })),
  projectName.map((service): Who => ({ kind: 'service', service })),
  fc.tuple(pattern, fc.option(pattern)).map(
    ([project, service]): Who => ({
      kind: 'workload',
      project: patternOf(project),
      service: service === null ? null : patternOf(service),
    }),
  ),
  pattern.map((name): Who => ({ kind: 'container', name: patternOf(name) })),
  projectName.map((name): Who => ({ kind: 'network', name, composeKey: false })),
  fc.constantFrom(...builtinGroups).map((group): Who => ({ kind: 'builtin', group })),
  fc.constant<Who>({ kind: 'any' }),
);

const range = fc
  .tuple(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 0, max: 200 }))
  .map(([low, more]) => ({ low, high: Math.min(low + more, 65535) }));

/** With ports, several protocols can stand together; without, one word or one number. */
export const l4Of: fc.Arbitrary<L4Match> = fc.oneof(
  fc.constant<L4Match>('any'),
  fc
    .array(
      fc
        .tuple(fc.constantFrom(protocolNumbers.tcp, protocolNumbers.udp, protocolNumbers.sctp), range)
        .map(([protocol, ports]): L4 => ({ protocol, ports })),
      { minLength: 1, maxLength: 4 },
    )
    .map(normaliseL4),
  fc
    .constantFrom<L4['protocol'][]>(['icmp'], [6], [17], [6, 17], [132], [47], [89], [1], [58], [0], [255])
    .map((protocols) => protocols.map((protocol) => ({ protocol, ports: everyPort }))),
);

const noon = Date.UTC(2027, 0, 31) + 24 * 60 * 60 * 1000 - 1;

/** A destination without its place. */
export const destinationOf: fc.Arbitrary<Omit<Destination, 'source'>> = fc
  .record({
    who: fc.array(whoOf, { minLength: 1, maxLength: 3 }),
    l4: l4Of,
    until: fc.constantFrom(undefined, noon),
    reason: fc.option(fc.string(), { nil: undefined }),
  })
  .map(({ who, l4, until, reason }) => ({
    who,
    l4,
    ...(until === undefined ? {} : { until }),
    ...(reason === undefined ? {} : { reason }),
  }));
