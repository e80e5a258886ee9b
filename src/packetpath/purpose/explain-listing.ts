import type { World } from '../../world/world.ts';
import type { Chain, HookName, Listing, Rule, Table } from '../model.ts';
import { type Ground, groundOf } from './bridges.ts';
import { dockerIptables } from './docker-iptables.ts';
import { dockerNftables } from './docker-nftables.ts';
import type { Entry } from './entry.ts';
import { iptablesLayouts, layoutsOf } from './layout.ts';
import { type Owner, ownerOf, tableMaker } from './makers.ts';
import { type Judged, waysOutIn } from './outranked.ts';
import { type Captures, match } from './pattern.ts';
import { linksOf } from './reach.ts';
import { purposeOf } from './sentence.ts';
import { strangersPurpose } from './stranger.ts';
import { swarm } from './swarm.ts';
import { shapeOf } from './terms.ts';
import type { Explained, ExplainedChain, ExplainedTable, FoundLayout, Layout, Purpose } from './types.ts';
import { Whose } from './whose.ts';

const all: readonly Entry[] = [...swarm, ...dockerIptables, ...dockerNftables];
const byPlace = Map.groupBy(all, ({ pattern: { table, chain } }) => placeOf(table, chain));

/** Where an entry is looked for: chains named after bridges are found by what stands before the name. */
function placeOf(table: string, chain: string): string {
  const at = chain.indexOf('__');
  return `${table} ${at < 0 ? chain : chain.slice(0, at)}`;
}

/**
 * What every chain and rule of a listing is for. Pure, and total: every rule comes out once, and what is not recognised
 * says so.
 *
 * @param world who is behind bridges and addresses; null where no engine was asked
 */
export function explainListing(listing: Listing, world: World | null): Explained {
  const context: Ctx = {
    layouts: layoutsOf(listing),
    ground: groundOf(listing, world),
    whose: new Whose(world),
  };
  return {
    tables: listing.tables.map((table) => explainTable(table, context)),
    layouts: context.layouts,
    unread: listing.unread,
    twice: listing.twice ?? [],
  };
}

interface Ctx {
  readonly layouts: readonly FoundLayout[];
  readonly ground: Ground;
  readonly whose: Whose;
}

function explainTable(table: Table, context: Ctx): ExplainedTable {
  const links = linksOf(table);
  const judged = new Map(
    table.chains.map((chain): [Chain, readonly Judged[]] => {
      const owner = ownerOf(table, chain, context.whose);
      const hooks = links.hooksOf(chain);
      return [
        chain,
        chain.rules.map((rule) => ({ rule, purpose: explainRule(rule, table, chain, owner, hooks, context) })),
      ];
    }),
  );
  const byName = new Map([...judged].map(([chain, rules]) => [chain.name, rules]));
  const waysOut = waysOutIn(table.family, (name) => byName.get(name));
  return {
    table,
    maker: tableMaker(table) ?? 'unknown',
    chains: [...judged].map(([chain, rules]): ExplainedChain => {
      const { maker, sentence } = ownerOf(table, chain, context.whose);
      return {
        chain,
        maker,
        sentence,
        calledBy: links.callersOf(chain),
        hooks: [...links.hooksOf(chain)],
        waysOut: isOnTheWay(table, links.hooksOf(chain)) ? waysOut(rules) : [],
        rules,
      };
    }),
  };
}

/** Whether packets that containers send elsewhere come to a chain to be filtered, or nobody knows. */
function isOnTheWay({ family }: Table, hooks: ReadonlySet<HookName>): boolean {
  return family !== 'bridge' && (hooks.size === 0 || hooks.has('forward'));
}

function explainRule(
  rule: Rule,
  table: Table,
  chain: Chain,
  owner: Owner,
  hooks: ReadonlySet<HookName>,
  context: Ctx,
): Purpose {
  return (
    recognised(rule, table, chain, context) ??
    call(rule, table, owner, context.whose) ??
    strangersPurpose(rule, owner, table.family, hooks, context)
  );
}

/** A rule that Docker makes in the layout that stands, to the last condition. */
function recognised(rule: Rule, table: Table, chain: Chain, { layouts, ground, whose }: Ctx): Purpose | null {
  if (table.family !== 'ip' && table.family !== 'ip6') return null;
  const entries = byPlace.get(placeOf(table.name, chain.name));
  if (entries === undefined) return null;
  const family = table.family === 'ip' ? 4 : 6;
  const shape = shapeOf(rule, table.family);
  const standing = layoutsFor(table, layouts);
  for (const entry of entries) {
    if (!entry.layouts.some((layout) => standing.includes(layout))) continue;
    const captures = match(entry.pattern, { table: table.name, chain: chain.name }, shape, (name) =>
      ground.isBridge(name),
    );
    if (captures !== null && holds(entry, captures, table, layouts, ground))
      return purposeOf(entry, captures, family, whose);
  }
  return null;
}

/** Which generations may have made a table: those of its family and engine, else those of any, else all. */
function layoutsFor(table: Table, layouts: readonly FoundLayout[]): readonly Layout[] {
  if (table.name === 'docker-bridges' || table.name === 'docker-dns') return ['nftables'];
  const iptables = layouts.filter((found) => !found.layouts.includes('nftables'));
  const own = iptables.filter(({ family, engine }) => family === table.family && engine === table.engine);
  const some = own.length > 0 ? own : iptables.filter(({ family }) => family === table.family);
  const found = (some.length > 0 ? some : iptables).flatMap((one) => one.layouts);
  return found.length > 0 ? found : iptablesLayouts;
}

function holds(
  entry: Entry,
  captures: Captures,
  table: Table,
  layouts: readonly FoundLayout[],
  ground: Ground,
): boolean {
  const bridge = captures.bridges.get('b');
  const address = captures.addresses.get('a');
  switch (entry.only) {
    case 'known':
      return address === undefined ? layouts.length > 0 : ground.isKnown(table.family, address);
    case 'internal':
      return bridge !== undefined && ground.isInternal(bridge);
    case 'mesh':
      return ground.isMesh;
    case 'open':
      return bridge !== undefined && !ground.isInternal(bridge);
    default:
      return true;
  }
}

/** An unconditional way into somebody's chain is somebody's. */
function call(rule: Rule, table: Table, owner: Owner, whose: Whose): Purpose | null {
  const { terms, effect } = shapeOf(rule, table.family);
  if (owner.maker !== 'kernel' || terms.length > 0 || effect?.kind !== 'jump') return null;
  const chain = table.chains.find(({ name }) => name === effect.chain) ?? { name: effect.chain, base: null, rules: [] };
  const { maker, sentence } = ownerOf(table, chain, whose);
  if (maker === 'unknown' || maker === 'docker' || maker === 'swarm') return null;
  const what = sentence === null ? '' : `: ${sentence}`;
  return {
    maker,
    sureness: 'by-chain',
    sentence: `sends everything through ${chain.name}${what}`,
    outbound: 'calls',
    networks: [],
    containers: [],
  };
}
