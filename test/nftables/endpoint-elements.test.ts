import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/ip/address.ts';
import { setOfAddresses } from '../../src/ip/address-set.ts';
import { canonicalTables } from '../../src/nftables/canonical.ts';
import { withElements } from '../../src/nftables/change.ts';
import { elementId, endpointElements, type SenderPlace } from '../../src/nftables/endpoint-elements.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { seatRules } from '../../src/nftables/sender-sets.ts';
import { compile } from '../../src/ruleset/compile.ts';
import { linkLocalOf } from '../../src/ruleset/mac.ts';
import type { EndpointIdentity, Ruleset, Seat } from '../../src/ruleset/ruleset.ts';
import { arbitraryCase, caseTime } from '../generate/cases.ts';
import { withStopped } from '../generate/worlds.ts';
import { bridge, endpoint, program, rulesetOf } from './rulesets.ts';

const seatOf = (ruleset: Ruleset, { container, bridge: on }: EndpointIdentity): Seat => {
  const seat = ruleset.seats.find((one) => one.container.id === container.id && one.bridge.name === on.name);
  if (seat === undefined) throw new Error(`no seat for ${container.name} on ${on.name}`);
  return seat;
};

/** The same ruleset as if an endpoint were not there yet. */
function without(ruleset: Ruleset, gone: EndpointIdentity): Ruleset {
  const isIts = ({ family, value }: { readonly family: number; readonly value: bigint }) =>
    gone.addresses.some((one) => one.family === family && one.value === value);
  return {
    ...ruleset,
    endpoints: ruleset.endpoints.filter((one) => one !== gone),
    groups: ruleset.groups.map((group) => {
      const members = group.members.filter((one) => !(one.bridge.name === gone.bridge.name && isIts(one.address)));
      return { ...group, members, addresses: setOfAddresses(members.map(({ address }) => address)) };
    }),
    published: ruleset.published.filter(({ address }) => !isIts(address)),
  };
}

describe('what makes a newcomer a proven sender', () => {
  test('is what the tables would have had with it, whoever it is', () => {
    fc.assert(
      fc.property(arbitraryCase(0), fc.nat(), ({ ruleset }, which) => {
        const newcomer = ruleset.endpoints[which % Math.max(1, ruleset.endpoints.length)];
        fc.pre(newcomer !== undefined);
        const elements = endpointElements(seatRules(ruleset, seatOf(ruleset, newcomer)), newcomer);
        const before = renderRuleset(without(ruleset, newcomer));
        expect(canonicalTables(withElements(before, { remove: [], add: elements }))).toEqual(
          canonicalTables(renderRuleset(ruleset)),
        );
      }),
      { numRuns: 150 },
    );
  });

  test('stands in the kernel before it runs: only elements are missing', () => {
    fc.assert(
      fc.property(arbitraryCase(0), fc.nat(), ({ policy, world, ruleset }, which) => {
        const newcomer = world.containers[which % world.containers.length];
        // what a service behind a published port allows waits until the port is its own
        fc.pre(newcomer !== undefined && newcomer.published.length === 0);
        // on a bridge that is not enrolled it is nobody's sender; it can be a destination, which waits for the next pass
        fc.pre(newcomer.endpoints.every(({ network }) => ruleset.seats.some((seat) => seat.network === network)));
        const before = compile(policy, withStopped(world, newcomer.id), caseTime).ruleset;
        expect(before.seats).toEqual(ruleset.seats);
        expect(before.programs).toEqual(ruleset.programs);
        const elements = ruleset.endpoints
          .filter(({ container }) => container.id === newcomer.id)
          .flatMap((one) => endpointElements(seatRules(before, seatOf(before, one)), one));
        const tables = withElements(renderRuleset(before), { remove: [], add: elements });
        expect(canonicalTables(tables)).toEqual(canonicalTables(renderRuleset(ruleset)));
      }),
      { numRuns: 150 },
    );
  });

  test('names each element once', () => {
    fc.assert(
      fc.property(arbitraryCase(0), ({ ruleset }) => {
        for (const one of ruleset.endpoints) {
          const ids = endpointElements(seatRules(ruleset, seatOf(ruleset, one)), one).map(elementId);
          expect(ids.length).toBe(new Set(ids).size);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('is in the kernel a frame from its port, judged by its program', () => {
    const place: SenderPlace = {
      port: { name: 'veth9', index: 19 },
      mac: '02:42:ac:14:00:09',
      addresses: [parseAddress('172.20.0.9') as NonNullable<ReturnType<typeof parseAddress>>],
    };
    const entry = { kind: 'goto', chain: 'forward4/app' } as const;
    const elements = endpointElements(
      {
        bridge,
        strict: true,
        entries: { forward4: entry, forward6: entry, host4: { kind: 'accept' }, host6: { kind: 'accept' } },
        groups: ['containers'],
        opens: [
          { protocol: 6, port: 80 },
          { only: 6, protocol: 17, port: 53 },
        ],
      },
      place,
    );
    const of = (table: string, set: string) =>
      elements.filter((one) => one.table === table && one.set === set).map(({ element }) => element);
    const value = (number: bigint) => ({ low: number, high: number });
    const [port, mac, ip] = [value(19n), value(0x0242ac140009n), value(0xac140009n)];
    expect(of('bridge', 'senders4')).toEqual([{ key: [port, mac, ip] }]);
    expect(of('bridge', 'strict-ports')).toEqual([{ key: [port] }]);
    expect(of('inet', 'known4')).toEqual([]);
    expect(of('inet', 'forward4')).toEqual([{ key: [value(4n), ip], verdict: entry }]);
    expect(of('inet', 'host4')).toEqual([{ key: [value(4n), ip], verdict: { kind: 'accept' } }]);
    expect(of('inet', 'group4/containers')).toEqual([{ key: [value(4n), ip] }]);
    expect(of('inet', 'published4')).toEqual([{ key: [ip, value(6n), value(80n)] }]);
  });
});

test('two senders with one address of a bridge are believed where they are judged alike, and else neither is', () => {
  const denies = program('denies');
  const refuses = program('refuses');
  const twin = (id: string) => ({ ...endpoint(2, id), port: { name: 'veth99', index: 99 } });
  const believed = (second: string) => {
    const ruleset = rulesetOf({ programs: [denies, refuses], endpoints: [endpoint(2, 'denies'), twin(second)] });
    const inet = renderRuleset(ruleset).find(({ family }) => family === 'inet');
    return inet?.sets.find(({ name }) => name === 'forward4')?.elements.length;
  };
  expect(believed('denies')).toBe(1);
  expect(believed('refuses')).toBe(0);
});

test('what is sent to the link-local address of a MAC that two have goes to neither', () => {
  const its = endpoint(2, 'denies');
  const linkLocal = linkLocalOf(its.mac);
  const twin = { ...its, container: { id: 'twin', name: 'twin' }, port: { name: 'veth99', index: 99 } };
  const receivers = (endpoints: readonly (typeof its)[]) => {
    const tables = renderRuleset(rulesetOf({ programs: [program('denies')], endpoints }));
    const bridge = tables.find(({ family }) => family === 'bridge');
    const keys = bridge?.sets.find(({ name }) => name === 'receivers6')?.elements.map(({ key }) => key[1]);
    return keys?.filter((key) => key !== undefined && 'low' in key && key.low === linkLocal?.value).length;
  };
  expect(receivers([its])).toBe(1);
  expect(receivers([its, twin])).toBe(0);
});
