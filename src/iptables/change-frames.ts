/** What to say to ebtables for other rules to stand. */
import type { EbChain, EbRule, EbTable } from './model.ts';
import { printEbRule } from './print-bridge.ts';

/**
 * What of ebtables' chains is to be said for others to stand in their place; nothing where they are the same.
 *
 * What is new comes first, in all tables, and what goes after that: before the kernel takes a rule with a match of xtables
 * it waits until all is gone that was deleted before (net/netfilter/nft_compat.c, nft_compat_wait_for_destructors), for as
 * long as RCU takes: measured, 25 ms for what takes 2 where nothing is deleted.
 */
export function bridgeText(from: readonly EbTable[], to: readonly EbTable[]): string {
  const changes = to.map(({ name, chains }) => {
    const old = new Map((from.find((table) => table.name === name)?.chains ?? []).map((one) => [one.name, one]));
    const there = new Set(chains.map((chain) => chain.name));
    const gone = [...old.keys()].filter((chain) => !there.has(chain));
    const made = chains.filter((chain) => !old.has(chain.name));
    const changed = chains.map((chain) => chainChange(old.get(chain.name), chain));
    return {
      name,
      coming: [...made.map((chain) => `:${chain.name} RETURN`), ...changed.flatMap(({ coming }) => coming)],
      leaving: [
        ...changed.flatMap(({ leaving }) => leaving),
        ...gone.map((chain) => `-F ${chain}`),
        ...gone.map((chain) => `-X ${chain}`),
      ],
    };
  });
  const text = (table: string, lines: readonly string[]) =>
    lines.length === 0 ? '' : [`*${table}`, ...lines, 'COMMIT'].map((line) => `${line}\n`).join('');
  return [
    ...changes.map(({ name, coming }) => text(name, coming)),
    ...changes.map(({ name, leaving }) => text(name, leaving)),
  ].join('');
}

/** What to say of one chain. Between the two all stands that is new, and what goes as well. */
interface ChainChange {
  readonly coming: readonly string[];
  readonly leaving: readonly string[];
}

function chainChange(from: EbChain | undefined, { name, rules }: EbChain): ChainChange {
  if (from?.rules === rules) return { coming: [], leaving: [] };
  const append = (some: readonly EbRule[]) => some.map((rule) => `-A ${name} ${frameText(rule)}`);
  if (from === undefined) return { coming: append(rules), leaving: [] };
  if (isSameList(from.rules, rules)) return { coming: [], leaving: [] };
  const found = difference(from.rules, rules);
  const { comes, goes, isInOrder } = found;
  const leaving = [...goes].map((rule) => `-D ${name} ${frameText(rule)}`);
  // where every rule drops, their order means nothing
  if ([...from.rules, ...rules].every(({ target }) => target.kind === 'drop'))
    return { coming: append([...comes]), leaving };
  // both of them together would let pass what one does not, unless all they do is lead to what a port has
  const isSafe = comes.size === 0 || goes.size === 0 || [...comes, ...goes].every(leadsOn);
  if (!isInOrder || !isSafe || !isClear(found, rules)) return { coming: [`-F ${name}`, ...append(rules)], leaving: [] };
  return { coming: inserted(name, from.rules, rules, found), leaving };
}

function isSameList(some: readonly EbRule[], others: readonly EbRule[]): boolean {
  if (some.length !== others.length) return false;
  return some.every((rule, at) => rule === others[at] || frameText(rule) === frameText(others[at] as EbRule));
}

/** Two lists of rules, compared. Most of them are the same objects. */
interface Difference {
  readonly comes: ReadonlySet<EbRule>;
  readonly goes: ReadonlySet<EbRule>;
  /** Whether what stays is in the order in which it was. */
  readonly isInOrder: boolean;
}

function difference(from: readonly EbRule[], to: readonly EbRule[]): Difference {
  const [had, have] = [new Set(from), new Set(to)];
  const left = Map.groupBy(
    from.filter((rule) => !have.has(rule)),
    frameText,
  );
  const comes = new Set<EbRule>();
  const stays: EbRule[] = [];
  for (const rule of to) {
    const before = had.has(rule) ? rule : left.get(frameText(rule))?.shift();
    if (before === undefined) comes.add(rule);
    else stays.push(before);
  }
  const goes = new Set([...left.values()].flat());
  const stayed = from.filter((rule) => !goes.has(rule));
  const isInOrder = stayed.length === stays.length && stayed.every((rule, at) => rule === stays[at]);
  return { comes, goes, isInOrder };
}

/** Whether it can be said which rule goes: of two that are equal the first does. */
function isClear({ goes }: Difference, rules: readonly EbRule[]): boolean {
  if (goes.size === 0) return true;
  const stays = new Set(rules.map(frameText));
  return [...goes].every((rule) => !stays.has(frameText(rule)));
}

/** Whether a rule does nothing but lead on what comes by some interface, or leaves by it. */
function leadsOn({ matches, target }: EbRule): boolean {
  return target.kind === 'jump' && matches.length > 0 && matches.every(({ kind }) => kind === 'in' || kind === 'out');
}

/**
 * Each is put before the rule of the kernel's that is to stand behind it: numbers count what was just added, too, but what
 * they point to must have a handle (iptables 1.8, nft_rule_insert).
 */
function inserted(
  chain: string,
  from: readonly EbRule[],
  to: readonly EbRule[],
  { comes, goes }: Difference,
): readonly string[] {
  const stays = from.flatMap((rule, at) => (goes.has(rule) ? [] : [at]));
  const said: string[] = [];
  let stayed = 0;
  let behind = 0;
  for (const rule of to) {
    if (comes.has(rule)) {
      const where = behind === from.length ? `-A ${chain}` : `-I ${chain} ${behind + said.length + 1}`;
      said.push(`${where} ${frameText(rule)}`);
    } else behind = (stays[stayed++] ?? 0) + 1;
  }
  return said;
}

const printed = new WeakMap<EbRule, string>();

/** A rule as it stands behind the name of its chain. */
function frameText(rule: EbRule): string {
  let text = printed.get(rule);
  if (text === undefined) {
    text = printEbRule('', rule).slice('-A  '.length);
    printed.set(rule, text);
  }
  return text;
}
