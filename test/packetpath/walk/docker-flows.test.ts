import { describe, expect, test } from 'vitest';
import { addressOf, formatAddress } from '../../../src/ip/address.ts';
import { readListing } from '../../../src/packetpath/read/read.ts';
import type { Decider } from '../../../src/packetpath/walk/result.ts';
import { isSameSpan } from '../../../src/packetpath/walk/translate.ts';
import { walkPacket } from '../../../src/packetpath/walk/walk.ts';
import { flows, nameOf } from './docker-flows.ts';
import { dockerHost, type SeatingName } from './docker-host.ts';
import type { RuleSet } from './generate.ts';
import { own, type Probe } from './rig.ts';
import { askedOf, realAsk, receiverOf, surroundingsOf } from './subject.ts';

function walked({ listing, family, brNetfilter }: Pick<RuleSet, 'listing' | 'family' | 'brNetfilter'>, probe: Probe) {
  const asked = askedOf(probe, family, realAsk);
  return { asked, ...walkPacket(listing, surroundingsOf(brNetfilter), asked) };
}

/** What the walk says, in the words of the flows. */
function said(layout: string, seating: SeatingName, probe: Probe): string {
  const rules = dockerHost(layout, seating);
  const { asked, verdict, outcomes } = walked(rules, probe);
  const [first] = outcomes;
  if (first === undefined || verdict === 'depends') return 'depends';
  const { by, packet } = first;
  const chain = chainOf(by);
  if (verdict !== 'accepted') return `stopped by ${chain}`;
  const port = packet.dport === null ? '' : `:${packet.dport.low}`;
  const source = nameOf(formatAddress(addressOf(rules.family, packet.source.low)));
  const as = isSameSpan(packet.source, asked.packet.source) ? '' : ` as the ${source}`;
  return `${receiverOf(first)}${port}${as} by ${chain}`;
}

function chainOf(by: Decider): string {
  switch (by.kind) {
    case 'rule':
      return by.at.chain.name;
    case 'policy':
      return `policy of ${by.chain.name}`;
    case 'host':
      return by.why;
    case 'nothing':
      return 'no rule';
  }
}

const layouts = [...new Set(flows.map(({ layout }) => layout))];

describe.each(layouts)('by the rules of %s', (layout) => {
  test.each(flows.filter((flow) => flow.layout === layout).map(({ probe, ...flow }) => ({ ...flow, ...probe })))(
    '$seating: $from -> $to $port/$proto: $expected',
    ({ seating, expected, ...probe }) => expect(said(layout, seating, probe)).toBe(expected),
  );
});

// DNAT turns it before the host looks whether a loopback address may come in at all; 28.0 drops it in raw, before that
test.each([
  ['18.03', 'c1:81 by DOCKER'],
  ['28.0.0', 'stopped by PREROUTING'],
  ['28.0.1', 'stopped by PREROUTING'],
  ['29', 'stopped by PREROUTING'],
  ['29-nftables', 'stopped by raw-PREROUTING'],
])('a port published on 127.0.0.1 alone, asked for from the LAN, by %s: %s', (layout, expected) => {
  expect(said(layout, 'icc=false', { from: 'lan', to: '127.0.0.1', proto: 'udp', port: 8081 })).toBe(expected);
});

const conditions = (rules: Pick<RuleSet, 'listing' | 'family' | 'brNetfilter'>, probe: Probe) => {
  const { verdict, outcomes } = walked(rules, probe);
  return { verdict, on: outcomes.flatMap(({ assumptions }) => assumptions.map(({ what }) => what)).join('\n') };
};

test('by the rules of 28.0.0 without `ipset save` it depends on the set that tells which networks are open', () => {
  const rules = dockerHost('28.0.0', 'project');
  const bare = { ...rules, listing: readListing(rules.iptables?.text ?? '') };
  const found = conditions(bare, { from: 'lan', to: own.eth0.v4, proto: 'tcp', port: 8080 });
  expect(found.verdict).toBe('depends');
  expect(found.on).toContain('docker-ext-bridges-v4');
});

test('of VXLAN to a host of a swarm it depends on xt_u32, which nobody evaluates', () => {
  const found = conditions(dockerHost('swarm', 'swarm'), {
    from: 'lan',
    to: own.eth0.v4,
    proto: 'udp',
    port: 4789,
  });
  expect(found.verdict).toBe('depends');
  expect(found.on).toContain('u32');
});
