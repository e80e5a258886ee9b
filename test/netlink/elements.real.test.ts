import { join } from 'node:path';
import { expect, test } from 'vitest';
import { must } from '../../lab/exec.ts';
import { checkout } from '../../lab/host.ts';
import type { Removal } from '../../src/netlink/set-elements.ts';
import { removeTables } from '../../src/nftables/backend.ts';
import type { SetElement } from '../../src/nftables/endpoint-elements.ts';
import type { NftSet, Table } from '../../src/nftables/model.ts';
import { printTable } from '../../src/nftables/print-table.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { meaning, readBack } from '../agreement/standing.ts';
import { readCase } from '../golden/cases.ts';
import { type Engine, engines, RealNft } from '../nftables/real-nft.ts';

const isPlain = ({ interval }: NftSet) => !interval;

/** The tables without what is in their sets of single elements. */
const emptied = (tables: readonly Table[]): readonly Table[] =>
  tables.map((table) => ({
    ...table,
    sets: table.sets.map((set) => (isPlain(set) ? { ...set, elements: [] } : set)),
  }));

const elementsOf = (tables: readonly Table[]): readonly SetElement[] =>
  tables.flatMap(({ family, sets }) =>
    sets
      .filter(isPlain)
      .flatMap(({ name, key, elements }) => elements.map((element) => ({ table: family, set: name, key, element }))),
  );

async function change(nft: RealNft, removal: Removal, remove: readonly SetElement[], add: readonly SetElement[]) {
  const text = (_key: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
  const program = [join(checkout, 'node_modules/.bin/node'), join(checkout, 'test/netlink/inside/elements.ts')];
  await must(['nsenter', `--net=${nft.net}`, ...program], { input: JSON.stringify({ removal, remove, add }, text) });
}

const topics = ['06-ipv6', '08-published-ports', '09-build'];
const cases = topics.map((topic) => renderRuleset(readCase(topic).ruleset));
const interfaces = new Map([['lo', 1]]);

test('the cases have every type of key that rules have', () => {
  const types = new Set(cases.flatMap((tables) => elementsOf(tables).flatMap(({ key }) => key)));
  const all = 'ether_addr iface_index ifname inet_proto inet_service ipv4_addr ipv6_addr nd_target quoted4 quoted6';
  expect([...types].toSorted().join(' ')).toBe(all);
});

const ways: readonly (readonly [Engine, Removal])[] = [
  ...engines.map((engine) => [engine, 'destroy'] as const),
  ['28.5', 'delete'], // as on kernels before 6.3, whatever the nft
];

test.each(ways)(
  'the nft beside engine %s lists what was set over netlink as its own, and nothing of it after %s',
  async (engine, removal) => {
    await using nft = await RealNft.open(engine);
    for (const tables of cases) {
      const elements = elementsOf(tables);
      expect(await nft.run(['-f', '-'], emptied(tables).map(printTable).join('\n'))).toMatchObject({ code: 0 });
      await change(nft, removal, [], elements);
      expect(meaning(await readBack(nft.run, interfaces))).toEqual(meaning(tables));
      const half = elements.filter((_, index) => index % 2 === 0);
      await change(nft, removal, half, []);
      await change(nft, removal, elements, []); // half of which is not there
      expect(meaning(await readBack(nft.run, interfaces))).toEqual(meaning(emptied(tables)));
      expect(await removeTables(nft.run)).toBe(true);
    }
  },
);
