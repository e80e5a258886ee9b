import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { walkPacket } from '../../../src/packetpath/walk/walk.ts';
import { flows } from './docker-flows.ts';
import { dockerHost } from './docker-host.ts';
import { judge } from './judge.ts';
import { load, readBack } from './load.ts';
import { Rig, type Seen } from './rig.ts';

/**
 * Engines that cannot be had here and the article's host, by their rules: real programs load them, and packets are sent. What arrives is what is known of
 * the engine, and the walk says the same of the rules as they were loaded and as they are listed.
 */
let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open('26.1');
});
afterAll(() => rig?.[Symbol.asyncDispose]());

const hosts = [...new Set(flows.map(({ layout, seating }) => `${layout}/${seating}`))].flatMap((name) => {
  const [layout, seating] = name.split('/') as [string, (typeof flows)[number]['seating']];
  const variants = layout.endsWith('nftables') ? (['nft'] as const) : (['nft', 'legacy'] as const);
  return variants.map((variant) => ({ layout, seating, variant }));
});

/** Where a packet arrived, as the flows say it; who answers on a port has it open. */
function arrivalOf({ arrived }: Seen): string {
  if (arrived === null) return 'stopped';
  const { dport } = arrived.packet;
  return dport === undefined || dport === null ? arrived.at : `${arrived.at}:${dport}`;
}

describe.each(hosts)(
  'the rules of $layout by $variant, $seating',
  { timeout: 60_000 },
  ({ layout, seating, variant }) => {
    test('do with packets what is known of the engine, and what the walk says', async () => {
      const rules = dockerHost(layout, seating, variant);
      await load(rig, rules);
      const listed = { ...rules, listing: await readBack(rig, rules) };
      const asked = flows.filter((flow) => flow.layout === layout && flow.seating === seating);
      const seen = await rig.send(asked.map(({ probe }) => probe));
      const named = (answer: string, index: number) => {
        const { from, to, proto, port } = asked[index]?.probe ?? {};
        return `${from} -> ${to} ${port}/${proto}: ${answer}`;
      };
      expect(seen.map(arrivalOf).map(named)).toEqual(
        asked.map(({ expected }) => expected.split(' ')[0] ?? '').map(named),
      );
      for (const each of [rules, listed]) {
        const judged = asked.map(({ probe }, index) =>
          judge({ rules: each, probe, seen: seen[index] as Seen }, walkPacket),
        );
        expect(judged.map(({ walk }) => walk).map(named)).toEqual(judged.map(({ kernel }) => kernel).map(named));
        expect(judged.filter(({ sort }) => sort === 'left-out' || sort === 'depends')).toEqual([]);
      }
    });
  },
);
