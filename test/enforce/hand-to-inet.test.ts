import { expect, test } from 'vitest';
import { handToInet, release } from '../../src/enforce/enforce.ts';
import type { BridgeCalls } from '../../src/netlink/link.ts';
import { bridge, rulesetOf } from '../nftables/rulesets.ts';

function bridgesOf(stand: Readonly<Record<string, BridgeCalls>>) {
  const there = new Map(Object.entries(stand));
  const set: string[] = [];
  return {
    there,
    set,
    switches: {
      load: async () => {},
      read: (name: string) => there.get(name) ?? null,
      set: (name: string, to: BridgeCalls) => {
        set.push(name);
        there.set(name, to);
      },
    },
  };
}

const ruleset = rulesetOf();
const old: BridgeCalls = { ip: false, ip6: true, learnsLinkLocal: true, forwardedGroups: 0x0008 };

test('an enrolled bridge hands over its frames, learns nothing unseen, and forwards what no hook would hear of', async () => {
  const { there, set, switches } = bridgesOf({ [bridge.name]: old, other: old });
  const switched = await handToInet(ruleset, switches);
  expect(there.get(bridge.name)).toEqual({ ip: true, ip6: true, learnsLinkLocal: false, forwardedGroups: 0x4008 });
  expect([...switched]).toEqual([[bridge.name, old]]);
  expect(there.get('other')).toEqual(old);
  // who finds it so has nothing to do, and nothing to put back
  expect(await handToInet(ruleset, switches)).toEqual(new Map());
  expect(set).toEqual([bridge.name]);
  await release(switched, { backends: [], bridges: switches });
  expect(there.get(bridge.name)).toEqual(old);
});

test('switches that the kernel does not have are left alone', async () => {
  const { there, switches } = bridgesOf({ [bridge.name]: { ip: true, ip6: false } });
  await handToInet(ruleset, switches);
  expect(there.get(bridge.name)).toEqual({ ip: true, ip6: true });
});
