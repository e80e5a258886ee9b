import type { Listing } from '../../packetpath/model.ts';
import { explainListing } from '../../packetpath/purpose/explain-listing.ts';
import type { Explained } from '../../packetpath/purpose/types.ts';
import type { World } from '../../world/world.ts';
import { chainsJson } from '../chains/json.ts';
import { chainsLines } from '../chains/screen.ts';
import type { Context } from '../context.ts';
import { asCliError, CliError } from '../error.ts';
import type { Exit } from '../exit.ts';
import type { Given } from '../given.ts';
import { checkInputs } from '../input.ts';
import { readListingFile } from '../listings.ts';
import { requireRoot } from '../root.ts';
import { worldFor } from '../worlds.ts';

/** `sluice chains`: what every rule on the host, or in a listing, is for. */
export async function chains(context: Context, given: Given): Promise<Exit> {
  const { screen, ports } = context;
  const file = given.text('listing');
  const worldFile = given.text('world');
  checkInputs(file, worldFile);
  if (file === undefined) {
    requireRoot(ports.user, "read the host's rules");
    screen.progress('reading the rules …');
  }
  const listing = file === undefined ? await ports.host.allRules() : await readListingFile(ports, file);
  const world = await worldOf(context, file, worldFile);
  const explained = narrowed(explainListing(listing, world), given.text('table'), given.text('chain'), listing);
  const source = file === undefined ? 'the host' : file === '-' ? 'standard input' : file;
  screen.show(chainsJson(explained, source, world !== null), (view) => chainsLines(explained, view));
  return 'ok';
}

/** A listing may be any host's: this one's engine says nothing about it. Without an engine bridges keep their names. */
async function worldOf(context: Context, listing: string | undefined, file: string | undefined): Promise<World | null> {
  if (file !== undefined) return worldFor(context, file);
  if (listing !== undefined) return null;
  try {
    return await worldFor(context, undefined);
  } catch (error) {
    const { exit, message } = asCliError(error);
    if (exit !== 'unable') throw error;
    context.screen.warn(`${message}: networks are shown by their bridges`);
    return null;
  }
}

/** Only a table, only a chain, by name; what was not read stays, since it may belong there. */
function narrowed(
  explained: Explained,
  table: string | undefined,
  chain: string | undefined,
  listing: Listing,
): Explained {
  if (table === undefined && chain === undefined) return explained;
  const tables = explained.tables
    .filter((one) => table === undefined || one.table.name === table)
    .map((one) => ({ ...one, chains: one.chains.filter((of) => chain === undefined || of.chain.name === chain) }))
    .filter(({ chains: found }) => found.length > 0 || chain === undefined);
  if (tables.length > 0) return { ...explained, tables };
  const known = listing.tables.flatMap((one) => (table === undefined || one.name === table ? one.chains : []));
  const names = [...new Set(known.length > 0 ? known.map(({ name }) => name) : listing.tables.map(({ name }) => name))];
  const what =
    chain === undefined ? `table ${table}` : `chain ${chain}${table === undefined ? '' : ` in table ${table}`}`;
  throw new CliError(
    'no',
    `there is no ${what}`,
    names.length === 0 ? 'there is none at all' : `there are: ${names.join(', ')}`,
  );
}
