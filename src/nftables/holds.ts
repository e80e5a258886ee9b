import { listLinks } from '../netlink/route.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import { canonicalTables } from './canonical.ts';
import { defaultMarks } from './marks.ts';
import type { Table } from './model.ts';
import { isAbsent, mustNft, nftCommand } from './nft.ts';
import { listTable, readTables } from './read-json.ts';
import { renderRuleset } from './render.ts';
import { readStanding } from './standing.ts';

/**
 * Whether what stands is what a ruleset says: every rule of every chain, and every element of every set that it has. An
 * element more is a container that came since.
 */
export async function holdsRuleset(ruleset: Ruleset): Promise<boolean> {
  const standing = await readBack();
  if (standing === null) return false;
  const there = new Map(canonicalTables(standing).map((table) => [`${table.family} ${table.name}`, table]));
  return canonicalTables(renderRuleset(ruleset, defaultMarks)).every((table) => {
    const other = there.get(`${table.family} ${table.name}`);
    return other !== undefined && includes(other, table);
  });
}

function includes(standing: Table, wanted: Table): boolean {
  const chains = new Map(standing.chains.map((chain) => [chain.name, textOf(chain)]));
  const sets = new Map(standing.sets.map(({ name, elements }) => [name, new Set(elements.map(textOf))]));
  return (
    wanted.chains.every((chain) => chains.get(chain.name) === textOf(chain)) &&
    wanted.sets.every(({ name, elements }) =>
      elements.every((element) => sets.get(name)?.has(textOf(element)) === true),
    )
  );
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item));
}

/** Our tables; null when one of them is not there. */
async function readBack(): Promise<readonly Table[] | null> {
  using netlink = NetlinkSocket.open('route');
  const interfaces = new Map(listLinks(netlink).map(({ name, index }) => [name, index]));
  const tables: Table[] = [];
  for (const family of ['bridge', 'inet'] as const) {
    const answer = await nftCommand(listTable(family, 'sluice'));
    if (isAbsent(answer)) return null;
    const text = answer.code === 0 ? answer.stdout : await mustNft(nftCommand, listTable(family, 'sluice'));
    tables.push(...readTables(JSON.parse(text), interfaces));
  }
  return tables;
}

/** Whether both tables stand with the chains and sets that a text of `nft -f` makes. */
export async function standsAs(text: string): Promise<boolean> {
  for (const family of ['bridge', 'inet'] as const) {
    const standing = await readStanding(nftCommand, family, 'sluice');
    if (standing === null) return false;
    const names = [...standing.chains, ...standing.sets, ...standing.maps];
    if (!names.every((name) => text.includes(name))) return false;
  }
  return true;
}
