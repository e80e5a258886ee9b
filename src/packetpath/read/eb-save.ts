import type { Base, Chain, Rule, RuleEngine, Table } from '../model.ts';
import { type EbRule, readEbRule } from './eb-rule.ts';
import { hiddenChains, hidesChains, type Stretch, type Unread } from './lines.ts';
import { unreadRule } from './values.ts';
import { chainNamed, countersOf } from './xt-words.ts';

/** A chain of the listing; of a user's chain the policy is what becomes of frames that come to its end. */
interface EbChain {
  readonly name: string;
  readonly base: Base | null;
  readonly policy: 'ACCEPT' | 'DROP' | 'RETURN';
  readonly line: number;
  readonly rules: Rule[];
}

interface EbTable {
  readonly name: string;
  readonly chains: Map<string, EbChain>;
}

/** Where the kernel calls ebtables' chains (uapi/linux/netfilter_bridge.h, enum nf_br_hook_priorities). */
const bases: Readonly<Record<string, Pick<Base, 'hook' | 'priority'>>> = {
  'nat PREROUTING': { hook: 'prerouting', priority: -300 },
  'nat OUTPUT': { hook: 'output', priority: 100 },
  'nat POSTROUTING': { hook: 'postrouting', priority: 300 },
  'filter INPUT': { hook: 'input', priority: -200 },
  'filter FORWARD': { hook: 'forward', priority: -200 },
  'filter OUTPUT': { hook: 'output', priority: -200 },
};

const policies = ['ACCEPT', 'DROP', 'RETURN'] as const;

/**
 * Reads what `ebtables-save` prints: its filter and nat. What it has of broute is left to nft's listing; one without a rule, as
 * firewalld leaves it behind, does nothing.
 *
 * @param before tables of ebtables that the listing has shown already
 */
export function readEbSave(
  { lines, from, to }: Stretch,
  engine: RuleEngine,
  unread: Unread,
  before: readonly Table[],
): readonly Table[] {
  const tables: EbTable[] = [];
  let table: EbTable | null = null;
  let doesNothing = false;
  for (let index = from; index < to; index++) {
    const line = (lines[index] ?? '').trim();
    let problem: string | null = null;
    if (line.startsWith('*')) {
      const name = line.slice(1);
      const isTwice = [...before, ...tables].some((one) => one.name === name);
      table = null;
      doesNothing = name === 'broute' && !isTwice && isWithoutRules({ lines, from: index + 1, to });
      if (doesNothing) continue;
      if (isTwice) problem = `the table ${name} is listed a second time`;
      else if (name !== 'filter' && name !== 'nat') problem = 'a table of ebtables that is not followed';
      else tables.push((table = { name, chains: new Map() }));
    } else if (doesNothing) continue;
    else if (line.startsWith(':')) problem = table === null ? noTable : declare(table, line, index);
    else if (line.startsWith('-') || line.startsWith('[')) problem = table === null ? noTable : add(table, line, index);
    else if (hidesChains(line)) problem = hiddenChains;
    else if (line !== '' && !line.startsWith('#')) problem = 'not a line of ebtables-save';
    if (problem !== null) unread.add(lines, index, problem);
  }
  return tables.map((one) => finish(one, engine));
}

/** Whether a table, up to the next one, has no rule, and lets the bridge have every frame as it would without it. */
function isWithoutRules({ lines, from, to }: Stretch): boolean {
  let accepts = false;
  for (let index = from; index < to; index++) {
    const line = (lines[index] ?? '').trim();
    if (line.startsWith('*')) break;
    if (line === ':BROUTING ACCEPT') accepts = true;
    else if (line !== '' && !line.startsWith('#') && !/^:(?!BROUTING)/.test(line)) return false;
  }
  return accepts;
}

const noTable = 'no table is open';

/** `:FORWARD ACCEPT` */
function declare({ name: table, chains }: EbTable, line: string, index: number): string | null {
  const [name = '', word = ''] = line.slice(1).split(/[ \t]+/);
  const policy = policies.find((one) => one === word);
  if (name === '' || chains.has(name)) return 'a chain with no name, or twice the same';
  if (policy === undefined) return `no policy: ${word}`;
  const at = bases[`${table} ${name}`];
  if (at !== undefined && policy === 'RETURN') return `no policy: ${word}`;
  const base: Base | null =
    at === undefined ? null : { ...at, type: 'filter', policy: policy === 'DROP' ? 'drop' : 'accept' };
  chains.set(name, { name, base, policy, line: index + 1, rules: [] });
  return null;
}

/** `-A FORWARD …`, with counters before it or in it. */
function add({ chains }: EbTable, line: string, index: number): string | null {
  const [, packets, bytes, written = line] = /^\[([0-9]*):([0-9]*)\] *(.*)$/s.exec(line) ?? [];
  const counted = written === line ? null : countersOf(packets, bytes);
  if (written !== line && counted === null) return 'its counters are no numbers';
  if (!written.startsWith('-A ')) return 'not a rule of a listing';
  const name = chainNamed(written);
  const chain = name === undefined ? undefined : chains.get(name);
  if (chain === undefined) return `a rule of a chain that is not listed: ${name ?? ''}`;
  const read: EbRule | string = readEbRule(written);
  const place = { number: chain.rules.length + 1, line: index + 1 };
  if (typeof read === 'string') {
    chain.rules.push(unreadRule(written, place));
    return read;
  }
  chain.rules.push({
    place,
    text: read.text,
    comment: null,
    counted: counted ?? read.counted,
    steps: read.steps,
    lost: [],
  });
  return null;
}

function finish({ name, chains }: EbTable, engine: RuleEngine): Table {
  const read = [...chains.values()].map(
    (chain): Chain => ({ name: chain.name, base: chain.base, rules: [...chain.rules, ...endOf(chain)] }),
  );
  const isShown = (chain: string): boolean => chains.has(chain);
  const partial = chains.size === 0 || !referred(read).every(isShown);
  return { engine, family: 'bridge', name, chains: read, sets: [], partial };
}

/** The policy of a user's chain as its last rule. */
function endOf({ base, policy, line, rules }: EbChain): readonly Rule[] {
  if (base !== null || policy === 'RETURN') return [];
  const kind = policy === 'DROP' ? 'drop' : 'accept';
  return [
    {
      place: { number: rules.length + 1, line },
      text: `policy ${policy}`,
      comment: null,
      counted: null,
      steps: [{ kind: 'verdict', verdict: { kind } }],
      lost: [],
    },
  ];
}

function referred(chains: readonly Chain[]): readonly string[] {
  return chains.flatMap(({ rules }) =>
    rules.flatMap(({ steps }) =>
      steps.flatMap((step) => (step.kind === 'verdict' && 'chain' in step.verdict ? [step.verdict.chain] : [])),
    ),
  );
}
