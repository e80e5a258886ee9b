import { makerNames } from '../../packetpath/purpose/makers.ts';
import { calledFrom, type HookGroup, hookGroups, type Standing } from '../../packetpath/purpose/order.ts';
import { outranked, type WayOut } from '../../packetpath/purpose/outranked.ts';
import type {
  Explained,
  ExplainedChain,
  ExplainedRule,
  ExplainedTable,
  Outbound,
  Purpose,
} from '../../packetpath/purpose/types.ts';
import { networkText } from '../../packetpath/purpose/whose.ts';
import { columns, counted, safe, wrap } from '../text.ts';
import type { View } from '../view.ts';
import { countsOf } from './counts.ts';
import { hookTexts, outboundWords, planeTexts } from './words.ts';

/** Hook by hook as the kernel walks them, each chain once, and at the end what nothing leads to and what was not read. */
export function chainsLines(explained: Explained, view: View): readonly string[] {
  const printed = new Set<ExplainedChain>();
  const hooks = hookGroups(explained).flatMap((group) => ['', ...groupLines(group, printed, view)]);
  return [
    ...headLines(explained, view),
    ...hooks,
    ...strayLines(explained, printed, view),
    ...unreadLines(explained, view),
    ...legendLines(explained, view),
  ];
}

function headLines(explained: Explained, view: View): readonly string[] {
  const { paint, width } = view;
  const { rules, chains, byMaker } = countsOf(explained);
  const makers = Object.entries(byMaker).map(
    ([maker, count]) => `${count} ${maker === 'unknown' ? 'unknown' : `of ${makerNames[maker as Purpose['maker']]}`}`,
  );
  const total = `${counted(rules, 'rule')} in ${counted(chains, 'chain')}${makers.length === 0 ? '' : `: ${makers.join(', ')}`}`;
  const layouts = explained.layouts.map(
    ({ family, versions, evidence }) =>
      `${family === 'ip' ? 'IPv4' : 'IPv6'}: Docker's rules are those of engine ${versions} (${evidence})`,
  );
  const twice = explained.twice.map(({ family, name }) => `${family} ${name}`).join(', ');
  const once =
    twice === '' ? [] : wrap(safe(`Shown once, since nft lists the same rules as iptables: table ${twice}`), width);
  return [...wrap(total, width).map(paint.strong), ...layouts.flatMap((text) => wrap(safe(text), width)), ...once];
}

function groupLines(group: HookGroup, printed: Set<ExplainedChain>, view: View): readonly string[] {
  const { paint, width } = view;
  const title = `${group.hook.toUpperCase()}, ${planeTexts[group.plane]}`;
  const idle = group.chains.filter(isIdle);
  const full = group.chains.filter((standing) => !isIdle(standing));
  for (const { chain } of idle) printed.add(chain);
  const names = idle.map(({ table, chain, base }) => `${nameOf(table, chain)} (${base.priority})`).join(', ');
  return [
    ...wrap(`${title}: ${hookTexts[group.hook]}`, width).map(paint.strong),
    ...(idle.length === 0 ? [] : indent(`without rules: ${safe(names)}`, 2, width).map(paint.faint)),
    ...full.flatMap((standing) => baseLines(standing, printed, view)),
  ];
}

function isIdle({ chain, base }: Standing): boolean {
  return chain.rules.length === 0 && base.policy === 'accept';
}

function baseLines({ table, chain, base }: Standing, printed: Set<ExplainedChain>, view: View): readonly string[] {
  const policy = base.policy === 'drop' ? 'what no rule takes is DROPPED' : 'what no rule takes passes';
  const device = base.device === undefined ? '' : `, on ${base.device}`;
  const head = `${nameOf(table, chain)}  priority ${base.priority}${device}; ${policy}`;
  if (printed.has(chain)) return indent(`${safe(nameOf(table, chain))}: as above`, 2, view.width);
  printed.add(chain);
  const called = calledFrom(table, chain);
  return [
    ...indent(safe(head), 2, view.width).map(view.paint.strong),
    ...chain.rules.flatMap((rule) => ruleLines(rule, chain, view)),
    ...called.flatMap((one) => calledLines(table, one, printed, view)),
  ];
}

function calledLines(
  table: ExplainedTable,
  chain: ExplainedChain,
  printed: Set<ExplainedChain>,
  view: View,
): readonly string[] {
  const name = nameOf(table, chain);
  if (printed.has(chain)) return chain.rules.length === 0 ? [] : indent(safe(`${name}: as above`), 2, view.width);
  printed.add(chain);
  return chainLines(table, chain, view);
}

function chainLines(table: ExplainedTable, chain: ExplainedChain, view: View): readonly string[] {
  const { paint, width } = view;
  const whose = chain.maker === 'kernel' ? '' : ` (${makerNames[chain.maker]})`;
  const what = chain.sentence === null ? '' : `: ${chain.sentence}`;
  const from = chain.calledBy.length === 0 ? 'called by nothing' : `called by ${chain.calledBy.join(', ')}`;
  const empty = chain.rules.length === 0 ? '; without rules' : '';
  return [
    ...indent(safe(`${nameOf(table, chain)}${whose}${what}; ${from}${empty}`), 2, width).map(paint.strong),
    ...chain.rules.flatMap((rule) => ruleLines(rule, chain, view)),
  ];
}

const numberWidth = 5;
const wordWidth = 11;

function ruleLines(
  explained: ExplainedRule,
  { chain, waysOut }: ExplainedChain,
  { paint, width }: View,
): readonly string[] {
  const { rule, purpose } = explained;
  const { word, style } = outboundWords[purpose.outbound];
  const number = String(rule.place.number).padStart(numberWidth);
  const margin = number.length + 2 + wordWidth + 1;
  const own = `-A ${chain.name} `; // said above already
  const text = wrap(safe(rule.text.startsWith(own) ? rule.text.slice(own.length) : rule.text), width - margin);
  const said = wrap(safe(purposeText(purpose)), width - margin);
  const head = `${number}  ${paint[style](word)}${' '.repeat(wordWidth - columns(word) + 1)}`;
  const before = outranked(explained, waysOut);
  const look = purpose.sureness === 'unknown' ? paint.doubtful : paint.faint;
  return [
    ...text.map((line, index) => `${index === 0 ? head : ' '.repeat(margin)}${line}`),
    ...said.map((line) => `${' '.repeat(margin)}${look(line)}`),
    ...(before.length === 0 ? [] : wrap(safe(outrankedText(before)), width - margin)).map(
      (line) => `${' '.repeat(margin)}${paint.bad(line)}`,
    ),
  ];
}

/** Who, what for, and whose where a project is known. */
function purposeText({ maker, sentence, networks, containers }: Purpose): string {
  const projects = [...new Set([...networks, ...containers].flatMap(({ project }) => project ?? []))];
  const whose =
    projects.length === 0 ? '' : ` [${projects.length === 1 ? 'project' : 'projects'} ${projects.join(', ')}]`;
  return `${makerNames[maker]}: ${sentence}${whose}`;
}

const mostNamed = 4;

/** Which networks a rule does not see, by the rules that have let them out. */
function outrankedText(ways: readonly WayOut[]): string {
  const names = ways
    .slice(0, mostNamed)
    .map(({ network, by }) => `${network === null ? 'any network' : networkText(network)} (rule ${by})`);
  const more = ways.length > mostNamed ? ` and ${counted(ways.length - mostNamed, 'more network')}` : '';
  return `OUTRANKED: never sees what is sent elsewhere by ${names.join(', ')}${more}: let out before`;
}

/** What is in no hook: chains asked for alone, and those that no packet comes to. */
function strayLines({ tables }: Explained, printed: Set<ExplainedChain>, view: View): readonly string[] {
  const left = tables.flatMap((table) =>
    table.chains.filter((chain) => !printed.has(chain)).map((chain) => ({ table, chain })),
  );
  const groups = Map.groupBy(left, ({ chain: { hooks } }) => hooks.map((hook) => hook.toUpperCase()).join(', '));
  const partial = tables.some(({ table }) => table.partial);
  const nowhere = partial
    ? 'From no hook of this listing, which does not show every chain'
    : 'From no hook: no packet comes here';
  return [...groups].flatMap(([hooks, list]) => [
    '',
    ...wrap(hooks === '' ? nowhere : `From ${hooks}`, view.width).map(view.paint.strong),
    ...list.flatMap(({ table, chain }) => chainLines(table, chain, view)),
  ]);
}

function unreadLines({ unread }: Explained, { paint, width }: View): readonly string[] {
  if (unread.length === 0) return [];
  return [
    '',
    ...wrap(`Not read: ${counted(unread.length, 'line')}, so what is above may not be all`, width).map(paint.bad),
    ...unread.flatMap(({ line, text, why }) => indent(safe(`line ${line}: ${why}: ${text}`), 2, width)),
  ];
}

function legendLines({ tables }: Explained, { paint, width }: View): readonly string[] {
  const used = new Set<Outbound>(
    tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => rules.map(({ purpose }) => purpose.outbound))),
  );
  const all = (Object.keys(outboundWords) as Outbound[]).filter((one) => used.has(one));
  if (all.length === 0) return [];
  return [
    '',
    ...wrap('What a rule means for packets that containers send:', width).map(paint.faint),
    ...all.flatMap((one) => {
      const { word, legend } = outboundWords[one];
      return wrap(legend, width - wordWidth - 3).map((line, index) =>
        paint.faint(`  ${(index === 0 ? word : '').padEnd(wordWidth)} ${line}`),
      );
    }),
  ];
}

/** `filter FORWARD`, with its family where that is not in the title, and its engine where two may stand. */
function nameOf({ table }: ExplainedTable, { chain }: ExplainedChain): string {
  const family = table.family === 'ip' || table.family === 'ip6' ? '' : `${table.family} `;
  const engine = table.engine === 'legacy' ? 'legacy ' : '';
  return `${engine}${family}${table.name} ${chain.name}`;
}

function indent(text: string, by: number, width: number): readonly string[] {
  return wrap(text, width - by - 2).map((line, index) => `${' '.repeat(index === 0 ? by : by + 2)}${line}`);
}
