import { prefixInterval } from '../ip/prefix.ts';
import type { Chain, Rule, Table } from '../packetpath/model.ts';
import type { WayOut } from '../packetpath/purpose/outranked.ts';
import { shapeOf, type Term } from '../packetpath/purpose/terms.ts';
import type { Explained, ExplainedChain, ExplainedRule, ExplainedTable } from '../packetpath/purpose/types.ts';
import type { World } from '../world/world.ts';

/** A rule, and where it stands. */
export interface Placed {
  readonly table: Table;
  readonly chain: Chain;
  readonly rule: Rule;
}

/** `filter FORWARD 5: -i br0 ! -o br0 -j ACCEPT`; what is not IPv4's says so. */
export function placedText({ table, chain, rule }: Placed): string {
  return `${tableText(table)} ${chain.name} ${rule.place.number}: ${ruleText(chain, rule)}`;
}

/** A table for people: by its name where it is IPv4's, else with its family before it. */
export function tableText({ family, name }: Table): string {
  return family === 'ip' ? name : `${family} ${name}`;
}

/** A rule without its chain; rows of `iptables -L` without the spaces of their columns. */
export function ruleText({ name }: Chain, { text }: Rule): string {
  const bare = text.startsWith(`-A ${name} `) ? text.slice(`-A ${name} `.length) : text;
  return bare.replaceAll(/\s+/g, ' ').trim();
}

/** Whether all a rule does is to go back, or to let pass. */
export function isEmpty(rule: Rule): boolean {
  const last = rule.steps.at(-1);
  return (
    endsEverything(rule) &&
    last?.kind === 'verdict' &&
    (last.verdict.kind === 'return' || last.verdict.kind === 'accept')
  );
}

/** The program that changes a table of iptables. */
export function programFor({ family, engine }: Table): string {
  const program = family === 'ip6' ? 'ip6tables' : 'iptables';
  return engine === 'unknown' ? program : `${program}-${engine === 'legacy' ? 'legacy' : 'nft'}`;
}

/** Tables of iptables, both families and both of the kernel's engines. */
export function xtables(rules: Explained, name: string): readonly ExplainedTable[] {
  return rules.tables.filter(({ table }) => table.name === name && (table.family === 'ip' || table.family === 'ip6'));
}

/** A table's chain of that name; undefined where it has none. */
export function chainNamed({ chains }: ExplainedTable, name: string): ExplainedChain | undefined {
  return chains.find(({ chain }) => chain.name === name);
}

/** Whether a rule ends the walk of what it matches by stopping it. */
export function stops({ steps }: Rule): boolean {
  const last = steps.at(-1);
  return last?.kind === 'verdict' && (last.verdict.kind === 'drop' || last.verdict.kind === 'reject');
}

/** Where a rule sends everything it matches: the chain of a jump or goto at its end. */
export function calledChain({ steps }: Rule): string | null {
  const last = steps.at(-1);
  return last?.kind === 'verdict' && (last.verdict.kind === 'jump' || last.verdict.kind === 'goto')
    ? last.verdict.chain
    : null;
}

/** Whether a rule has no condition and nothing comes past it. */
export function endsEverything({ steps, lost }: Rule): boolean {
  if (lost.length > 0 || steps.some(({ kind }) => kind === 'condition' || kind === 'vmap')) return false;
  const last = steps.at(-1);
  return last?.kind === 'verdict' && ['accept', 'drop', 'return', 'reject', 'goto'].includes(last.verdict.kind);
}

/**
 * The first rule that stops something of what a bridge sends, from a chain on; null where there is none for certain: a
 * rule of another interface, or of sources that are none of the bridge's, is not.
 */
export function firstStop(
  table: ExplainedTable,
  name: string,
  bridge: string,
  world: World | null,
  seen: readonly string[] = [],
): Placed | null {
  const found = chainNamed(table, name);
  if (found === undefined || seen.includes(name)) return null;
  for (const { rule } of found.rules) {
    if (!mayConcern(rule, table.table, bridge, world)) continue;
    if (stops(rule)) return { table: table.table, chain: found.chain, rule };
    const next = calledChain(rule);
    const inner = next === null ? null : firstStop(table, next, bridge, world, [...seen, name]);
    if (inner !== null) return inner;
  }
  return null;
}

/** Whether packets that a bridge's containers send elsewhere may match a rule, by its interfaces and its source. */
export function mayConcern(rule: Rule, table: Table, bridge: string, world: World | null): boolean {
  return shapeOf(rule, table.family).terms.every((term) => {
    if (term.key === 'in') return interfaceHolds(term, bridge);
    if (term.key === 'out') return isElsewhere(term, bridge);
    return term.key !== 'src' || sourceHolds(term, table, bridge, world);
  });
}

function interfaceHolds({ operand, not }: Term, name: string): boolean {
  return operand.kind !== 'words' || operand.words.includes(name) !== not;
}

/** What leaves a bridge does not go out by it. */
function isElsewhere({ operand, not }: Term, bridge: string): boolean {
  return operand.kind !== 'words' || not || operand.words.some((word) => word !== bridge);
}

function sourceHolds({ operand, not }: Term, { family }: Table, bridge: string, world: World | null): boolean {
  const network = world?.networks.find((one) => one.bridge?.name === bridge);
  if (operand.kind !== 'ranges' || operand.mask !== null || not || network === undefined) return true;
  const own = network.subnets
    .filter(({ address }) => address.family === (family === 'ip6' ? 6 : 4))
    .map(prefixInterval);
  return operand.ranges.some((range) => own.some(({ low, high }) => range.low <= high && low <= range.high));
}

/** Whom a rule has let out before another, for people. */
export function wayOutText({ network, by }: WayOut, { table, chain, rules }: WithTable): string {
  const accept = rules.find(({ rule }) => rule.place.number === by);
  const text = accept === undefined ? `rule ${by}` : placedText({ table, chain, rule: accept.rule });
  const name = network === null || network.name === null ? '' : ` (${network.name})`;
  return `${text} lets out all that ${network === null ? 'any network' : network.bridge}${name} sends`;
}

interface WithTable extends ExplainedChain {
  readonly table: Table;
}

/** Docker's bridges, by the engine and by what rules of a table say. */
export function bridgesOf({ chains }: ExplainedTable, world: World | null): ReadonlySet<string> {
  const networks = chains.flatMap(({ rules }) => rules.flatMap(({ purpose }) => purpose.networks));
  return new Set([
    ...networks.map(({ bridge }) => bridge),
    ...(world?.networks ?? []).flatMap(({ bridge }) => (bridge === null ? [] : [bridge.name])),
  ]);
}

/** Rules of chains that packets on their way through the host can come to, and that are not the engine's. */
export function strangersOnTheWay(rules: Explained): readonly (Placed & ExplainedRule)[] {
  return rules.tables
    .filter(({ maker }) => maker !== 'sluice')
    .flatMap(({ table, chains }) =>
      chains
        .filter(({ hooks }) => hooks.includes('forward') || hooks.includes('prerouting'))
        .flatMap(({ chain, rules: of }) =>
          of.filter(({ purpose }) => !isEngines(purpose)).map((one) => ({ table, chain, ...one })),
        ),
    );
}

function isEngines({ maker, sureness }: ExplainedRule['purpose']): boolean {
  return (maker === 'docker' || maker === 'swarm') && sureness === 'exact';
}

/** Text of a rule that a shell takes as it is: without quotes, `$` and the like. */
export function isPlain(text: string): boolean {
  return /^[A-Za-z0-9_.,:/ +!=-]+$/.test(text);
}

/** Whether the engine has tables of its own in nf_tables, as it makes them with its nftables backend. */
export function hasDockerBridges(rules: Explained, family: 'ip' | 'ip6'): boolean {
  return rules.tables.some(({ table }) => table.name === 'docker-bridges' && table.family === family);
}

/** Whether rules of others than Sluice are there that were not read. */
export function hasUnreadTables(rules: Explained): boolean {
  return rules.unread.length > 0 || rules.tables.some(({ table, maker }) => table.partial && maker !== 'sluice');
}
