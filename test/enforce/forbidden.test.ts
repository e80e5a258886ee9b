import { describe, expect, test } from 'vitest';
import { cutForbidden } from '../../src/enforce/enforce.ts';
import { parseAddress } from '../../src/ip/address.ts';
import { setOfPrefixes } from '../../src/ip/address-set.ts';
import { prefixOf } from '../../src/ip/prefix.ts';
import type { Flow } from '../../src/netlink/conntrack.ts';
import { defaultMarks } from '../../src/nftables/marks.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { bridge, dockerBridge, endpoint, program, rulesetOf } from '../nftables/rulesets.ts';

const { forbidden } = defaultMarks;
const open = program('open', { mode: 'off' });
const shut = program('shut');

let ids = 0;
function flow(from: string, to: string, protocol: number, mark = 0): Flow {
  const [source, destination] = [from, to].map((text) => {
    const address = parseAddress(text);
    if (address === undefined) throw new Error(`no address: ${text}`);
    return address;
  }) as [Flow['original']['source'], Flow['original']['source']];
  const ends = (a: number, b: number) => ({ kind: 'ports', source: a, destination: b }) as const;
  return {
    id: ++ids,
    zone: 0,
    original: { source, destination, protocol, detail: ends(40_000, 443), zone: 0 },
    reply: { source: destination, destination: source, protocol, detail: ends(443, 40_000), zone: 0 },
    status: 0,
    mark,
    timeout: 60,
  };
}

/** What is done to entries, by the words that name them. */
function done(ruleset: Ruleset, flows: Readonly<Record<string, Flow>>, proven: readonly string[] = ['veth2', 'veth3']) {
  const names = new Map(Object.entries(flows).map(([name, one]) => [one, name]));
  const said: string[] = [];
  const say = (verb: string, some: readonly Flow[]) => said.push(...some.map((one) => `${verb} ${names.get(one)}`));
  cutForbidden(
    ruleset,
    {
      dumpFlows: (wanted) => Object.values(flows).filter(wanted),
      deleteFlows: (some) => {
        say('delete', some);
        return { deleted: some.length, gone: 0 };
      },
      markFlows: (some, bit, to) => {
        expect(bit).toBe(forbidden);
        say(to, some);
      },
    },
    new Set(proven),
    0,
  );
  return said.toSorted();
}

describe('entries of conversations that are forbidden by now', () => {
  const flows = {
    udp: flow('172.20.0.2', '192.0.2.1', 17),
    tcp: flow('172.20.0.2', '192.0.2.1', 6),
    'udp to the host': flow('172.20.0.2', '192.168.0.1', 17),
    'from outside': flow('192.0.2.1', '172.20.0.2', 6),
  };

  test('go, or are marked where they have to stay', () => {
    const ruleset = rulesetOf({ endpoints: [endpoint(2, 'shut')], programs: [shut] });
    expect(done(ruleset, flows)).toEqual(['delete udp', 'set tcp', 'set udp to the host']);
  });

  test('lose the mark when they are allowed again, and are not marked twice', () => {
    const marked = { kept: flow('172.20.0.2', '192.0.2.1', 6, forbidden | 1) };
    const allowed = rulesetOf({ endpoints: [endpoint(2, 'open')], programs: [open] });
    expect(done(allowed, { ...flows, ...marked })).toEqual(['clear kept']);
    expect(done(rulesetOf({ endpoints: [endpoint(2, 'shut')], programs: [shut] }), marked)).toEqual([]);
  });
});

describe('entries with an address that the LAN of the host has, too', () => {
  const onWires = setOfPrefixes([prefixOf('172.20.0.0/24')]);
  const flows = {
    'of the host to it': flow('192.168.0.1', '172.20.0.2', 6),
    'of it to a published port': flow('172.20.0.2', '192.168.0.1', 17),
  };

  test('are no container’s: they stay when one comes that has it', () => {
    const ruleset = { endpoints: [endpoint(2, 'shut')], programs: [shut] };
    expect(done(rulesetOf(ruleset), flows, [])).toEqual(['delete of the host to it', 'set of it to a published port']);
    expect(done(rulesetOf({ ...ruleset, onWires }), flows, [])).toEqual([]);
  });
});

test('of a link-local address on two bridges no entry tells whose it is', () => {
  const twin = { ...endpoint(4, 'open', dockerBridge), addresses: endpoint(2, 'shut', bridge).addresses.slice(2) };
  const ruleset = rulesetOf({ endpoints: [endpoint(2, 'shut'), twin], programs: [open, shut] });
  const flows = { said: flow('fe80::42:acff:fe20:2', 'fe80::1', 17) };
  expect(done(ruleset, flows, ['veth2', 'veth4'])).toEqual([]);
  expect(done({ ...ruleset, endpoints: [endpoint(2, 'shut')] }, flows)).toEqual(['delete said']);
});
