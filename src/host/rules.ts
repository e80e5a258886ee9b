import type { Chain, Listing, Rule, Step, Table } from '../packetpath/model.ts';
import { hidesChains } from '../packetpath/read/lines.ts';
import { type ListingHint, readListing } from '../packetpath/read/read.ts';
import { type Answer, runCommand } from './command.ts';

/** Runs a program that lists rules; null when it is not on this host. The real one is {@link runLister}. */
export type RunLister = (program: string, args: readonly string[]) => Promise<Answer | null>;

/** The kernel's rules could not be read: what is missing may be all that matters. */
export class HostRulesError extends Error {
  override readonly name = 'HostRulesError';
}

/**
 * Everything that stands in the kernel of this host: nf_tables as `nft` lists it, the tables of iptables of both kinds
 * with their ipsets. Tables that iptables-nft and ebtables-nft made are read by their own save commands alone, since nft
 * does not show all of their rules; the texts of other rules of nf_tables are nft's own. Commands under their plain names
 * are asked where neither variant's are there, as before iptables 1.8. A program that is not there is passed over: who has no
 * `iptables-legacy-save` may still have legacy rules of another's making, and no way to see them.
 *
 * @throws HostRulesError when a program fails or crashes (nft does beside the tables of a newer one), or there is none at
 *   all: that is never "no rules"
 */
export async function readHostRules(run: RunLister = runLister): Promise<Listing> {
  const listIfThere = async (program: string, ...args: readonly string[]): Promise<string | null> => {
    const answer = await run(program, args);
    if (answer === null) return null;
    if (answer.signal !== null)
      throw new HostRulesError(`${program} crashed (${answer.signal}); is it older than the one that wrote the rules?`);
    if (answer.code !== 0) throw new HostRulesError(`${program} failed: ${firstLine(answer.stderr)}`);
    return answer.stdout;
  };
  const list = async (program: string, ...args: readonly string[]): Promise<string> =>
    (await listIfThere(program, ...args)) ?? '';
  const tables: Table[] = [];
  const unread: Listing['unread'][number][] = [];
  let gaps = false;
  const sets = await run('ipset', ['save']);
  const ipsets = sets?.code === 0 ? sets.stdout : '';
  // without its module ipset fails, and there are no sets either; rules that ask one say that they do not know it
  if (sets !== null && sets.code !== 0)
    unread.push({ line: 1, text: 'ipset save', why: firstLine(sets.stderr) || 'it crashed' });
  let isAnyThere = false;
  const add = (text: string | null, hint: ListingHint): void => {
    if (text !== null) isAnyThere = true;
    if (text === null || text.trim() === '') return;
    const listing = readListing(`${text}\n${ipsets}`, hint);
    tables.push(...listing.tables);
    gaps ||= listing.gaps === true;
    // nft shows what the save commands do not
    unread.push(...listing.unread.filter((line) => !hidesChains(line.text)));
  };
  for (const [family, start] of [
    [4, 'iptables'],
    [6, 'ip6tables'],
  ] as const) {
    const legacy = await listIfThere(`${start}-legacy-save`, '-c');
    const nft = await listIfThere(`${start}-nft-save`, '-c');
    add(legacy, { engine: 'legacy', family });
    add(nft, { engine: 'nf_tables', family });
    if (legacy === null && nft === null) add(await listIfThere(`${start}-save`, '-c'), { family });
  }
  // where it fails, nft's listing has its tables, too, though not all that they say
  const ebtables = (await run('ebtables-nft-save', ['-c'])) ?? (await run('ebtables-save', ['-c']));
  if (ebtables?.code === 0) add(ebtables.stdout, {});
  const json = await listIfThere('nft', '-j', 'list', 'ruleset');
  if (json === null && !isAnyThere)
    throw new HostRulesError(
      "nothing on this host lists the kernel's rules, neither nft nor iptables-save: install nftables or iptables",
    );
  if (json !== null && json.trim() !== '') {
    const nft = readListing(json);
    const texts = new Map(
      readListing(await list('nft', '-a', 'list', 'ruleset')).tables.map((table) => [keyOf(table), table]),
    );
    const saved = new Map(
      tables.filter(({ engine }) => engine === 'nf_tables').map((table) => [keyOf(table), table] as const),
    );
    const listed = nft.tables.map((table) => {
      const shown = withTexts(table, texts.get(keyOf(table)));
      const own = saved.get(keyOf(table));
      return own === undefined ? shown : together(own, shown);
    });
    const keys = new Set(listed.map(keyOf));
    // in nft's order, which is the one in which they were made
    tables.splice(
      0,
      Infinity,
      ...tables.filter((table) => table.engine === 'legacy' || !keys.has(keyOf(table))),
      ...listed,
    );
    unread.push(...nft.unread);
    gaps ||= nft.gaps === true;
  }
  const once = [...new Map(unread.map((line) => [`${line.text} ${line.why}`, line])).values()];
  return { tables, unread: once, ...(gaps ? { gaps: true } : {}) };
}

const keyOf = ({ family, name }: Table): string => `${family} ${name}`;

/**
 * A table as its save command has it, with the chains of which that one says nothing or not all: others may put chains
 * of their own into it ("contains incompatible base-chains, use 'nft' tool to list them").
 */
function together(saved: Table, listed: Table): Table {
  const byName = new Map(saved.chains.map((chain) => [chain.name, chain]));
  const isWhole = (chain: Chain): boolean => byName.get(chain.name)?.rules.length === chain.rules.length;
  const others = listed.chains.filter(
    (chain) => !isWhole(chain) && (chain.rules.length > 0 || !byName.has(chain.name)),
  );
  const named = new Set(others.map(({ name }) => name));
  return {
    ...saved,
    chains: [...saved.chains.filter(({ name }) => !named.has(name)), ...others],
    sets: [...saved.sets, ...listed.sets],
  };
}

/** The rules of JSON with the text that nft has for them, by their handles. */
function withTexts(table: Table, texts: Table | undefined): Table {
  const byHandle = new Map(texts?.chains.flatMap(({ rules }) => rules).map((rule) => [rule.place.handle, rule]));
  const named = ({ place: { number, handle }, ...rule }: Rule): Rule => {
    const text = byHandle.get(handle);
    return {
      ...rule,
      place: handle === undefined ? { number } : { number, handle },
      text: text?.text ?? rule.text,
      steps: text !== undefined && table.family === 'bridge' && rule.steps.some(isMarkTarget) ? text.steps : rule.steps,
    };
  };
  return { ...table, chains: table.chains.map((chain) => ({ ...chain, rules: chain.rules.map(named) })) };
}

/**
 * ebtables' target of that name, of which JSON tells nothing more; nft's text has all of it, the verdict too
 * (iptables, extensions/libebt_mark.c, brmark_xlate).
 */
const isMarkTarget = (step: Step): boolean =>
  step.kind === 'verdict' && step.verdict.kind === 'unknown' && step.verdict.text === 'xt target "mark"';

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

/** Milliseconds. */
const slowest = 60_000;

/**
 * The listers of the host.
 *
 * @throws HostRulesError when one is there and could not be run
 */
export const runLister: RunLister = (program, args) => runCommand(program, args, { slowest, failure: HostRulesError });
