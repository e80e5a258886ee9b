import type { Listing } from '../../packetpath/model.ts';
import { firstPacket } from '../../packetpath/walk/ask.ts';
import { surroundingsOfListing } from '../../packetpath/walk/derive.ts';
import { neverReached } from '../../packetpath/walk/never-reached.ts';
import { seatsOfWorld, surroundingsOfWorld } from '../../packetpath/walk/of-world.ts';
import { exactly, type Span } from '../../packetpath/walk/packet.ts';
import { addressOn, routeTo, type Surroundings } from '../../packetpath/walk/surroundings.ts';
import { walkPacket } from '../../packetpath/walk/walk.ts';
import type { World } from '../../world/world.ts';
import { protocolText } from '../boxes.ts';
import type { Context } from '../context.ts';
import { CliError } from '../error.ts';
import type { Exit } from '../exit.ts';
import { readDestination } from '../explain/question.ts';
import type { Given } from '../given.ts';
import { checkInputs } from '../input.ts';
import { readListingFile } from '../listings.ts';
import { requireRoot } from '../root.ts';
import { worldFor } from '../worlds.ts';
import { spanText } from './asked-text.ts';
import { readTo, type To } from './destination.ts';
import { pathJson } from './json.ts';
import { tracePath } from './live.ts';
import { programsOf } from './program.ts';
import { type PathAnswer, pathLines } from './screen.ts';
import { type From, readFrom } from './sender.ts';

/** What a packet is walked through. */
interface Ground {
  readonly listing: Listing;
  readonly surroundings: Surroundings;
  readonly world: World | null;
  readonly assumed: readonly string[];
}

/** `sluice explain --path FROM TO`: one packet through every table of a host, anybody's rules. */
export async function explainPath(context: Context, given: Given): Promise<Exit> {
  const destination = readDestination(given.argument(1));
  const ground = await groundOf(context, given);
  const { listing, surroundings, world } = ground;
  const to = readTo(destination, surroundings, world);
  const from = readFrom(given.argument(0), to.family, surroundings, world);
  const asked = firstPacket({ ...from, ...to, source: from.source ?? chosenSource(to, surroundings) });
  const walk = (through: Listing) => walkPacket(through, surroundings, asked);
  const walked = walk(listing);
  const answer: PathAnswer = {
    packet: packetText(given.argument(0), from, to, asked.packet.source),
    walked,
    programOf: programsOf(listing, world),
    neverReached: neverReached(listing, walked, walk),
    assumed: ground.assumed,
    traced: given.flag('live') ? await tracePath(context, from, to, walked) : null,
  };
  context.screen.show(pathJson(answer), (view) => pathLines(answer, given.flag('all'), view));
  if (answer.traced !== null && answer.traced.agreement.agrees !== true) return 'no';
  return walked.verdict === 'accepted' ? 'ok' : walked.verdict === 'depends' ? 'depends' : 'no';
}

async function groundOf(context: Context, given: Given): Promise<Ground> {
  const [file, worldFile] = [given.text('listing'), given.text('world')];
  if (given.flag('live') && (file !== undefined || worldFile !== undefined))
    throw new CliError('usage', '--live is for this host', 'leave out --listing and --world');
  if (file === undefined) return liveGround(context, worldFile);
  checkInputs(file, worldFile);
  const listing = await readListingFile(context.ports, file);
  const world = worldFile === undefined ? null : await worldFor(context, worldFile);
  const surroundings = world === null ? surroundingsOfListing(listing) : surroundingsOfWorld(world);
  return { listing, surroundings, world, assumed: assumedOf(listing, world) };
}

/** The rules that stand on this host, its interfaces and routes; the engine only names containers. */
async function liveGround(context: Context, worldFile: string | undefined): Promise<Ground> {
  const { ports, screen } = context;
  if (worldFile !== undefined)
    throw new CliError('usage', '--world is for --listing', 'the rules of this host are walked in its own world');
  requireRoot(ports.user, "read the kernel's rules");
  screen.progress('reading rules …');
  const [listing, standing] = [await ports.host.allRules(), await ports.host.surroundings()];
  const world = await worldFor(context, undefined).catch(() => null); // without an engine nobody knows containers' names
  const surroundings = world === null ? standing : { ...standing, seats: seatsOfWorld(world) };
  const unread = listing.unread.length;
  const assumed =
    unread === 0 ? [] : [`${unread} of the lines that list the rules could not be read${butRules(listing)}`];
  return { listing, surroundings, world, assumed };
}

const butRules = ({ gaps }: Listing): string =>
  `: where such a line is a rule of a chain, it is not known what it does${gaps === true ? '' : '; else it changes nothing'}`;

/** What listing and world do not say of the host, and what is taken instead. */
function assumedOf(listing: Listing, world: World | null): readonly string[] {
  const standing = new Set(listing.tables.map(({ name }) => name));
  const missing = ['raw', 'mangle', 'nat', 'filter', 'security'].filter((name) => !standing.has(name));
  const isIptables = listing.tables.some(({ name }) => name === 'filter' || name === 'nat');
  return [
    ...(world === null
      ? ["addresses that the listing does not put behind a bridge are neither the host's own nor any container's"]
      : ["what is on none of the host's networks leaves by another interface than theirs"]),
    ...(isIptables && missing.length > 0 ? [`tables that it does not show have no rules: ${missing.join(', ')}`] : []),
    ...(listing.unread.length > 0
      ? [`${listing.unread.length} of its lines could not be read${butRules(listing)}`]
      : []),
  ];
}

/** The address that the host's own packets get. */
function chosenSource({ destination, family }: To, surroundings: Surroundings): Span {
  const to = routeTo(destination, family, surroundings);
  const anywhere: Span = { low: 0n, high: family === 4 ? 0xffff_ffffn : (1n << 128n) - 1n };
  if (to.kind === 'local') return destination;
  if (to.kind !== 'out') return anywhere;
  const address = to.source ?? (to.by.kind === 'name' ? addressOn(to.by.name, family, surroundings) : null);
  return address === null ? anywhere : exactly(address.value);
}

function packetText(
  from: string,
  { from: origin }: From,
  { family, destination, toHost, protocol, port }: To,
  source: Span,
): string {
  const by =
    origin !== 'host' && origin.in.kind === 'name' && !from.includes(origin.in.name) ? ` on ${origin.in.name}` : '';
  const own = from.includes(spanText(source, family)) ? '' : ` (${spanText(source, family)})`;
  const ports = port.low === port.high ? (port.low === 0n ? '' : `:${port.low}`) : ', any port';
  const place = toHost ? 'the host itself' : spanText(destination, family);
  const host = family === 6 && ports.startsWith(':') ? `[${place}]` : place;
  return `${from}${own}${by} -> ${host}${ports}/${protocolText(protocol)}`;
}
