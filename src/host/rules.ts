import { spawn } from 'node:child_process';
import type { Listing, Rule, Step, Table } from '../packetpath/model.ts';
import { type ListingHint, readListing } from '../packetpath/read/read.ts';

/** How a program that lists rules answered; null: it is not on this host. */
export interface ListerAnswer {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program that lists rules; the real one is {@link runLister}. */
export type RunLister = (program: string, args: readonly string[]) => Promise<ListerAnswer | null>;

/** The kernel's rules could not be read: what is missing may be all that matters. */
export class HostRulesError extends Error {
  override readonly name = 'HostRulesError';
}

/**
 * Everything that stands in the kernel of this host: nf_tables as `nft` lists it, the tables of iptables of both kinds
 * with their ipsets. Tables that iptables-nft made are read by iptables-nft-save alone; the texts of nf_tables' rules are
 * nft's own. A program that is not there is passed over: who has no `iptables-legacy-save` may still have legacy rules of
 * another's making, and no way to see them.
 *
 * @throws HostRulesError when a program fails or crashes (nft does beside the tables of a newer one): that is never "no rules"
 */
export async function readHostRules(run: RunLister = runLister): Promise<Listing> {
  const list = async (program: string, ...args: readonly string[]): Promise<string> => {
    const answer = await run(program, args);
    if (answer === null) return '';
    if (answer.signal !== null)
      throw new HostRulesError(`${program} crashed (${answer.signal}); is it older than the one that wrote the rules?`);
    if (answer.code !== 0) throw new HostRulesError(`${program} failed: ${firstLine(answer.stderr)}`);
    return answer.stdout;
  };
  const tables: Table[] = [];
  const unread: Listing['unread'][number][] = [];
  const sets = await run('ipset', ['save']);
  const ipsets = sets?.code === 0 ? sets.stdout : '';
  // without its module ipset fails, and there are no sets either; rules that ask one say that they do not know it
  if (sets !== null && sets.code !== 0)
    unread.push({ line: 1, text: 'ipset save', why: firstLine(sets.stderr) || 'it crashed' });
  const add = (text: string, hint: ListingHint): void => {
    if (text.trim() === '') return;
    const listing = readListing(`${text}\n${ipsets}`, hint);
    tables.push(...listing.tables);
    unread.push(...listing.unread);
  };
  for (const [family, start] of [
    [4, 'iptables'],
    [6, 'ip6tables'],
  ] as const) {
    add(await list(`${start}-legacy-save`, '-c'), { engine: 'legacy', family });
    add(await list(`${start}-nft-save`, '-c'), { engine: 'nf_tables', family });
  }
  const ofIptables = new Set(tables.filter(({ engine }) => engine === 'nf_tables').map(keyOf));
  const json = await list('nft', '-j', 'list', 'ruleset');
  if (json.trim() !== '') {
    const nft = readListing(json);
    const texts = new Map(
      readListing(await list('nft', '-a', 'list', 'ruleset')).tables.map((table) => [keyOf(table), table]),
    );
    tables.push(
      ...nft.tables
        .filter((table) => !ofIptables.has(keyOf(table)))
        .map((table) => withTexts(table, texts.get(keyOf(table)))),
    );
    unread.push(...nft.unread);
  }
  return { tables, unread: [...new Map(unread.map((line) => [`${line.text} ${line.why}`, line])).values()] };
}

const keyOf = ({ family, name }: Table): string => `${family} ${name}`;

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

const slowest = 60_000;

/** Runs a lister of the host, from PATH, in English and in UTC. */
export const runLister: RunLister = (program, args) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: slowest,
      killSignal: 'SIGKILL',
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve(null);
      else reject(new HostRulesError(`${program} could not be run: ${error.message}`));
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    // without descriptors to spare it has no streams, and the error comes with the next tick
    if ((child.stdout as typeof child.stdout | undefined) === undefined) return;
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('close', (code, signal) => {
      if (code === null && signal === null) return;
      resolve({ code, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
  });
