import { canonicalTables } from '../../src/nftables/canonical.ts';
import type { Table } from '../../src/nftables/model.ts';
import { mustNft, type RunNft } from '../../src/nftables/nft.ts';
import { listTable, readTables } from '../../src/nftables/read-json.ts';
import type { InterfaceIndices } from '../../src/nftables/read-value.ts';

/** What stands in the kernel under our tables, read back; the chain that names their layout is not part of it. */
export async function readBack(run: RunNft, interfaces: InterfaceIndices): Promise<readonly Table[]> {
  const tables: Table[] = [];
  for (const family of ['bridge', 'inet'] as const) {
    const listing: unknown = JSON.parse(await mustNft(run, listTable(family, 'sluice')));
    tables.push(...readTables(listing, interfaces));
  }
  return tables.map((table) => ({
    ...table,
    chains: table.chains.filter(({ name, rules }) => !(name.startsWith('layout-') && rules.length === 0)),
  }));
}

export const meaning = canonicalTables;
