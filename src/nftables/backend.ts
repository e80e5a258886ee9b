import type { Ruleset } from '../ruleset/ruleset.ts';
import { type Change, elementChangeText } from './change.ts';
import { defaultMarks, type Marks } from './marks.ts';
import type { Table } from './model.ts';
import { mustNft, nftCommand, type RunNft } from './nft.ts';
import { printTable } from './print-table.ts';
import { renderRuleset } from './render.ts';
import { readStanding } from './standing.ts';
import { traceTable } from './trace.ts';
import { prepare, transactionText } from './transaction.ts';

/** What Sluice does to nf_tables. */
export interface NftablesOptions {
  readonly run: RunNft;
  readonly marks: Marks;
}

export const nftablesDefaults: NftablesOptions = { run: nftCommand, marks: defaultMarks };

const ownTables = [
  { family: 'bridge', name: 'sluice' },
  { family: 'inet', name: 'sluice' },
] as const;

/** The rules that hold a ruleset, as nft text for people. */
export function renderText(ruleset: Ruleset, options: NftablesOptions = nftablesDefaults): string {
  return renderRuleset(ruleset, options.marks).map(printTable).join('\n');
}

/**
 * Makes the kernel hold exactly this ruleset, in one transaction over both tables: either all of it stands, or nothing
 * that rules refer to has changed.
 *
 * @throws NftError when nft or the kernel refuses
 */
export async function applyRuleset(ruleset: Ruleset, options: NftablesOptions = nftablesDefaults): Promise<void> {
  await applyTables(renderRuleset(ruleset, options.marks), options.run);
}

/** The same for tables that were rendered before. */
export async function applyTables(tables: readonly Table[], run: RunNft): Promise<void> {
  const texts: string[] = [];
  const before: string[] = [];
  for (const table of tables) {
    const { text, standing } = prepare(table, await readStanding(run, table.family, table.name));
    before.push(text);
    texts.push(transactionText(table, standing));
  }
  const preparation = before.join('');
  if (preparation !== '') await mustNft(run, ['-f', '-'], preparation);
  await mustNft(run, ['-f', '-'], texts.join('\n'));
}

/**
 * Makes a change of {@link changeTables} to tables that stand.
 *
 * @throws NftError when nft or the kernel refuses: then nothing that rules refer to has changed
 */
export async function applyChange(change: Change, run: RunNft): Promise<void> {
  if (change.kind === 'elements') {
    await mustNft(run, ['-f', '-'], elementChangeText(change));
    return;
  }
  if (change.before !== '') await mustNft(run, ['-f', '-'], change.before);
  await mustNft(run, ['-f', '-'], change.text);
}

/**
 * Takes both tables away, in one transaction: each demands what the other does, and alone would drop what is allowed.
 * True when there was anything to take.
 */
export async function removeTables(run: RunNft = nftCommand): Promise<boolean> {
  await run(['delete', 'table', 'inet', traceTable]); // of a live test that was killed; hardly ever there
  // what is declared is there, and can be deleted
  const text = ownTables.map(({ family, name }) => `table ${family} ${name} { }\ndelete table ${family} ${name}\n`);
  const standing = await Promise.all(ownTables.map(({ family, name }) => readStanding(run, family, name)));
  if (standing.every((table) => table === null)) return false;
  await mustNft(run, ['-f', '-'], text.join(''));
  return true;
}
