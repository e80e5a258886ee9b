import { type Family, families } from '../ip/address.ts';
import type { Step } from './change.ts';
import { bridgeText } from './change-frames.ts';
import { must, type RunCommand } from './command.ts';
import type { EbTable, XState, XTable } from './model.ts';
import { chainPrefix, generationOf, nextGeneration, withGeneration } from './names.ts';
import { printRule, printSet } from './print.ts';
import { printEbRule } from './print-bridge.ts';
import { parseSave, type Saved, type SavedTable } from './save.ts';
import type { Tools } from './tools.ts';
import { demandProof, stillBarred, withheld } from './withheld.ts';

/** What Sluice does to iptables. */
export interface XtablesOptions {
  readonly run: RunCommand;
  readonly tools: Tools;
}

/**
 * In the order in which they are made: who judges before who demands a judgement. They are taken away the other way
 * round.
 */
const order = ['mangle', 'filter', 'security', 'raw'] as const;

/**
 * Makes the kernel hold exactly this state. Sets are made anew beside those that stand; then each family's rules change
 * to them, a table at a time and each table at once; then the old sets go. Other people's rules keep their order, and our
 * jumps stand before them.
 *
 * @returns the generation that all sets have
 * @throws XtablesError when a command or the kernel refuses
 */
export async function applyState(state: XState, { run, tools }: XtablesOptions): Promise<number> {
  const standing = await ownSets(run);
  const generation = nextGeneration(standing.map((set) => set.generation));
  const nameOf = (name: string) => withGeneration(name, generation);
  const [saved, bridge] = await Promise.all([
    Promise.all(families.map(async (family) => parseSave(await must(run, tools.save[family], [])))),
    saveBridge(tools, run),
  ]);
  try {
    await must(run, 'ipset', ['restore'], lines(state.sets.flatMap((set) => printSet(set, nameOf))));
    // who arrives is proven before anybody demands it; who is let through is judged before anybody demands that. Where that
    // is demanded already, who comes waits until he is judged by what is his
    const early = stillBarred(demandProof(saved) ? withheld(state.bridge, bridge) : state.bridge, bridge);
    await restoreBridge(bridgeTexts(early, bridge, 'arriving'), tools, run);
    await Promise.all(
      families.map((family, at) => {
        const text = order
          .flatMap((name) => state.tables[family].filter((table) => table.name === name))
          .map((table) => tableText(table, saved[at]?.get(table.name), family, nameOf))
          .join('');
        return must(run, tools.restore[family], restoring(tools), text);
      }),
    );
    await restoreBridge(
      `${bridgeTexts(state.bridge, bridge, 'leaving')}${bridgeText(early, state.bridge)}`,
      tools,
      run,
    );
  } catch (error) {
    // what of it rules use already stays
    await destroySets(await unusedOf(run, standing), run).catch(() => {});
    throw error;
  }
  await destroySets(standing, run);
  return generation;
}

/**
 * Runs the steps of a change, one after the other.
 *
 * @throws XtablesError at the first that is refused
 */
export async function runSteps(steps: readonly Step[], { run, tools }: XtablesOptions): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'ipset') await must(run, 'ipset', ['restore'], step.input);
    else if (step.kind === 'bridge') await restoreBridge(step.input, tools, run);
    else {
      const texts = families.flatMap((family) => {
        const text = step.input[family];
        return text === undefined ? [] : [must(run, tools.restore[family], restoring(tools), text)];
      });
      await Promise.all(texts);
    }
  }
}

/** The commands that seat somebody whose rules stand. */
export const seatingCommands = ({
  ebtables,
}: Tools): readonly (readonly [program: string, args: readonly string[]])[] => [
  ['ipset', ['restore']],
  [ebtables.restore, ['--noflush']],
];

/**
 * Takes everything of ours away. True when there was anything to take.
 *
 * @param isShared whether the other variant's rules stand: then ebtables' stay, and the sets that they use
 */
export async function removeState({ run, tools }: XtablesOptions, isShared = false): Promise<boolean> {
  let removed = false;
  const bridge: Saved = isShared ? new Map() : await saveBridge(tools, run);
  const leaving = removalText(bridge, ['filter']);
  if (leaving !== '') await restoreBridge(leaving, tools, run);
  for (const family of families) {
    const saved = parseSave(await must(run, tools.save[family], []));
    const text = removalText(saved, order.toReversed());
    if (text === '') continue;
    removed = true;
    await must(run, tools.restore[family], restoring(tools), text);
  }
  const arriving = removalText(bridge, ['nat']);
  if (arriving !== '') await restoreBridge(arriving, tools, run);
  const sets = await ownSets(run);
  await destroySets(sets, run);
  return removed || leaving !== '' || arriving !== '' || (!isShared && sets.length > 0);
}

const lines = (list: readonly string[]): string => list.map((line) => `${line}\n`).join('');

/** Both families at once: legacy has a lock for it (xtables.lock). */
const restoring = ({ variant }: Tools): readonly string[] =>
  variant === 'legacy' ? ['--noflush', '-w', '10'] : ['--noflush'];

/** One table's part of a restore: our chains are emptied and filled, and those of ours that are gone go. */
function tableText(
  table: XTable,
  saved: SavedTable | undefined,
  family: Family,
  nameOf: (name: string) => string,
): string {
  const wanted = new Set(table.chains.map(({ name }) => name));
  const gone = ownChains(saved).filter((name) => !wanted.has(name));
  return lines([
    `*${table.name}`,
    ...table.chains.map(({ name }) => `:${name} - [0:0]`),
    ...gone.map((name) => `-F ${name}`),
    ...table.chains.flatMap(({ name, rules }) => rules.map((rule) => printRule(name, rule, family, nameOf))),
    ...table.jumps.flatMap(({ hook, chain }) => jumpText(hook, chain, saved)),
    ...straysOf(table.jumps, saved),
    ...gone.map((name) => `-X ${name}`),
    'COMMIT',
  ]);
}

/** Nothing when our jump is there, once and first; else it is put there. */
function jumpText(hook: string, chain: string, saved: SavedTable | undefined): readonly string[] {
  const there = (saved?.rules.get(hook) ?? []).flatMap((rule, index) => (rule === `-j ${chain}` ? [index] : []));
  if (there.length === 1 && there[0] === 0) return [];
  return [...there.map(() => `-D ${hook} -j ${chain}`), `-I ${hook} 1 -j ${chain}`];
}

/** Jumps from hooks to chains of ours that are not to be there. */
function straysOf(jumps: XTable['jumps'], saved: SavedTable | undefined): readonly string[] {
  const wanted = new Set<string>(jumps.map(({ hook, chain }) => `${hook} ${chain}`));
  return ownJumps(saved)
    .filter(({ hook, chain }) => !wanted.has(`${hook} ${chain}`))
    .map(({ hook, chain }) => `-D ${hook} -j ${chain}`);
}

function ownChains(saved: SavedTable | undefined): readonly string[] {
  return [...(saved?.chains ?? [])].filter((name) => name.startsWith(chainPrefix));
}

function ownJumps(saved: SavedTable | undefined): readonly { readonly hook: string; readonly chain: string }[] {
  return [...(saved?.rules ?? [])].flatMap(([hook, rules]) =>
    hook.startsWith(chainPrefix)
      ? []
      : rules.flatMap((rule) => {
          const chain = /^-[jg] (\S+)$/.exec(rule)?.[1];
          return chain?.startsWith(chainPrefix) === true ? [{ hook, chain }] : [];
        }),
  );
}

function removalText(saved: Saved, tables: readonly string[]): string {
  return tables
    .map((name) => {
      const table = saved.get(name);
      const own = ownChains(table);
      if (own.length === 0) return '';
      return lines([
        `*${name}`,
        ...ownJumps(table).map(({ hook, chain }) => `-D ${hook} -j ${chain}`),
        ...own.map((chain) => `-F ${chain}`),
        ...own.map((chain) => `-X ${chain}`),
        'COMMIT',
      ]);
    })
    .join('');
}

async function saveBridge(tools: Tools, run: RunCommand): Promise<Saved> {
  return parseSave(await must(run, tools.ebtables.save, []));
}

async function restoreBridge(text: string, tools: Tools, run: RunCommand): Promise<void> {
  await must(run, tools.ebtables.restore, ['--noflush'], text);
}

/** The hooks where frames are proven come before inet's rules, those where their judgement is demanded after them. */
function bridgeTexts(tables: readonly EbTable[], saved: Saved, part: 'arriving' | 'leaving'): string {
  return tables
    .map((table) => {
      const there = saved.get(table.name);
      const jumps = table.jumps.filter(({ hook }) => (hook === 'PREROUTING') === (part === 'arriving'));
      const now = table.jumps.flatMap(({ hook, chain }) =>
        jumps.some((one) => one.hook === hook) ? jumpText(hook, chain, there) : [],
      );
      if (jumps.length === 0) return '';
      if (part === 'leaving' && table.name === 'nat')
        return now.length === 0 ? '' : lines([`*${table.name}`, ...now, 'COMMIT']);
      const wanted = new Set(table.chains.map(({ name }) => name));
      const gone = ownChains(there).filter((name) => !wanted.has(name));
      return lines([
        `*${table.name}`,
        ...table.chains.map(({ name }) => `:${name} RETURN`),
        ...[...table.chains.map(({ name }) => name), ...gone].map((name) => `-F ${name}`),
        ...table.chains.flatMap(({ name, rules }) => rules.map((rule) => printEbRule(name, rule))),
        ...now,
        ...gone.map((name) => `-X ${name}`),
        'COMMIT',
      ]);
    })
    .join('');
}

interface OwnSet {
  readonly name: string;
  readonly generation: number;
}

async function ownSets(run: RunCommand): Promise<readonly OwnSet[]> {
  const names = (await must(run, 'ipset', ['list', '-n'])).split('\n');
  return names.flatMap((name) => {
    const of = generationOf(name);
    return of === null ? [] : [{ name, generation: of.generation }];
  });
}

/** What a change that failed has left beside the sets that stood. */
async function unusedOf(run: RunCommand, stood: readonly OwnSet[]): Promise<readonly OwnSet[]> {
  const names = new Set(stood.map(({ name }) => name));
  return (await ownSets(run)).filter(({ name }) => !names.has(name));
}

/** Milliseconds: how long a set is waited for that its rules have not let go of, and how often it is looked at. */
const patience = 2_000;
const rest = 50;

/**
 * Destroys those sets that nothing refers to. nf_tables lets go of a set some time after its rules are gone, and a list of
 * sets of its members when it is gone. What is still in use then is another variant's, or goes with the next change.
 */
async function destroySets(sets: readonly OwnSet[], run: RunCommand): Promise<void> {
  let left = new Set(sets.map(({ name }) => name));
  for (let waited = 0; left.size > 0 && waited <= patience; waited += rest) {
    const free = (await referencesOf(run)).filter(({ name, references }) => references === 0 && left.has(name));
    if (free.length > 0) await run('ipset', ['restore'], lines(free.map(({ name }) => `destroy ${name}`)));
    const there = await referencesOf(run);
    left = new Set(there.flatMap(({ name }) => (left.has(name) ? [name] : [])));
    // nothing but rules that stand refers to them
    if (free.length === 0 && waited > patience / 4) return;
    if (left.size > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  }
}

/**
 * Destroys those sets that nothing refers to any more.
 *
 * @returns those that are still in use
 */
export async function destroyUnused(names: ReadonlySet<string>, run: RunCommand): Promise<ReadonlySet<string>> {
  const there = await referencesOf(run);
  const free = there.filter(({ name, references }) => references === 0 && names.has(name));
  if (free.length > 0) await run('ipset', ['restore'], lines(free.map(({ name }) => `destroy ${name}`)));
  return new Set(there.flatMap(({ name, references }) => (references > 0 && names.has(name) ? [name] : [])));
}

/** Reads `ipset list -terse`. */
async function referencesOf(
  run: RunCommand,
): Promise<readonly { readonly name: string; readonly references: number }[]> {
  const blocks = (await must(run, 'ipset', ['list', '-t'])).split('\n\n');
  return blocks.flatMap((block) => {
    const name = /^Name: (\S+)$/m.exec(block)?.[1];
    const references = /^References: (\d+)$/m.exec(block)?.[1];
    return name === undefined || references === undefined ? [] : [{ name, references: Number(references) }];
  });
}
