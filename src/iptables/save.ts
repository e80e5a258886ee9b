import { atOnce, batchesOf } from './batches.ts';

/** What iptables-save(8) and ebtables-save(8) print, by table. */
export interface SavedTable {
  readonly chains: ReadonlySet<string>;
  /** Rules of each chain in their order, without `-A CHAIN`, as they were printed. */
  readonly rules: ReadonlyMap<string, readonly string[]>;
  /** Packets that each rule has seen, in the same order; 0 where they were not printed. */
  readonly packets: ReadonlyMap<string, readonly number[]>;
}

export type Saved = ReadonlyMap<string, SavedTable>;

/**
 * Reads what iptables-save(8) and ebtables-save(8) print, with `-c` or without, by the tables' names. Total: a line that is not
 * a table, a chain or a rule of a declared chain is passed over. For our own rules; anybody's are read by `readListing`.
 */
export const parseSave = (text: string): Saved => atOnce(readingSave(text));

/** The same with pauses. */
export function* readingSave(text: string): Generator<void, Saved> {
  const tables = new Map<string, SavedTable>();
  let chains = new Set<string>();
  let rules = new Map<string, string[]>();
  let packets = new Map<string, number[]>();
  for (const lines of batchesOf(text)) {
    for (const line of lines) {
      if (line.startsWith('*')) {
        [chains, rules, packets] = [new Set(), new Map(), new Map()];
        tables.set(line.slice(1).trim(), { chains, rules, packets });
      } else if (line.startsWith(':')) {
        const name = line.slice(1).split(' ', 1)[0] as string;
        chains.add(name);
        rules.set(name, []);
        packets.set(name, []);
      } else {
        const found = /^(?:\[(\d+):\d+\] )?-A (\S+) ?(.*)$/s.exec(line);
        if (found === null) continue;
        const [, seen = '0', chain = '', rule = ''] = found;
        rules.get(chain)?.push(rule.trim());
        packets.get(chain)?.push(Number(seen));
      }
    }
    yield;
  }
  return tables;
}
