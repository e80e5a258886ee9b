import { type Force, notInForce } from '../force.ts';
import { modeLooks } from '../mode.ts';
import { type Cell, cell, table } from '../table.ts';
import { columns, counted, safe, wrap } from '../text.ts';
import type { View } from '../view.ts';
import { driverMeaning, driverName } from './drivers.ts';
import type { Holding, NetworkFacts } from './facts.ts';
import { settingWords } from './options.ts';

/** Every network in a line, then what their drivers mean and what cannot be held. */
export function networksLines(
  all: readonly NetworkFacts[],
  why: string | null,
  force: Force | null,
  view: View,
): readonly string[] {
  const { width, paint } = view;
  return [
    ...wrap(totalText(all), width),
    ...forceLines(why, force, view),
    ...(all.length === 0 ? [] : listLines(all, view)),
    ...(all.length === 0 ? [] : driverLines(all, view)),
    ...cannotLines(all, view),
    ...wrap('More of one: sluice networks NAME', width).map(paint.faint),
  ];
}

function totalText(all: readonly NetworkFacts[]): string {
  const words = [
    ['held', 'held'],
    ['free', 'that no policy concerns'],
    ['cannot', 'that cannot be held'],
  ] as const;
  const parts = words
    .map(([kind, word]) => [all.filter(({ holding }) => holding.kind === kind).length, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`);
  return `${counted(all.length, 'network')}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`;
}

/** Whether what is called held is held now. */
function forceLines(why: string | null, force: Force | null, view: View): readonly string[] {
  if (why !== null) return wrap(safe(why), view.width).map(view.paint.doubtful);
  return force === null ? [] : (notInForce(force, view) ?? []);
}

const holdingLooks = { held: 'good', free: 'faint', cannot: 'bad', nothing: 'faint', unknown: 'doubtful' } as const;
const holdingWords = { held: 'yes', free: 'no', cannot: 'cannot be', nothing: '-', unknown: '?' } as const;

function holdingCell({ kind }: Holding): Cell {
  return cell(holdingWords[kind], holdingLooks[kind]);
}

function listLines(all: readonly NetworkFacts[], view: View): readonly string[] {
  const head = [
    { title: 'NETWORK', least: 11 },
    { title: 'DRIVER', least: 7 },
    { title: 'SUBNETS', least: 13 },
    { title: 'BRIDGE', least: 11 },
    { title: 'CONTAINERS', least: 10 },
    { title: 'HELD', least: 9 },
  ];
  const rows = all.map(({ network, driver, subnets, members, holding }): readonly Cell[] => [
    cell(safe(network.name)),
    cell(safe(driver)),
    cell(subnets.length === 0 ? ['-'] : subnets),
    cell(network.bridge?.name ?? '-'),
    cell(members.length === 0 ? '-' : modesText(members)),
    holdingCell(holding),
  ]);
  return table(head, rows, view);
}

/** `3 enforce, 1 audit`; where no mode is theirs, how many there are. */
function modesText(members: NetworkFacts['members']): string {
  const modes = Map.groupBy(members, ({ mode }) => mode);
  if (modes.size === 1 && (modes.has('-') || modes.has('?'))) return String(members.length);
  return [...modes].map(([mode, of]) => `${of.length} ${mode === '-' ? 'unnamed' : mode}`).join(', ');
}

function driverLines(all: readonly NetworkFacts[], { paint, width }: View): readonly string[] {
  const drivers = [...Map.groupBy(all, ({ network }) => network.driver)].map(([, [first]]) => first as NetworkFacts);
  const margin = 11;
  return [
    paint.strong('What containers send there leaves'),
    ...drivers.flatMap(({ driver, meaning }) => hanging(`  ${safe(driver)}`, meaning, margin, width)),
  ];
}

/** Who is on networks that nothing here could hold. */
function cannotLines(all: readonly NetworkFacts[], { paint, width }: View): readonly string[] {
  const concerned = all.filter(({ holding, members }) => holding.kind === 'cannot' && members.length > 0);
  if (concerned.length === 0) return [];
  return [
    paint.strong('Cannot be held:'),
    ...concerned.flatMap(({ network, driver, members, holding }) => {
      const names = members.map(({ container }) => safe(container.name)).join(', ');
      const reason = safe(holding.reason ?? (driver === network.name ? '' : `driver ${driver}`));
      return hanging(`  ${safe(network.name)}`, `${names}${reason === '' ? '' : ` (${reason})`}`, 11, width, paint.bad);
    }),
  ];
}

/** One network, line by line, and who is on it. */
export function networkLines(
  one: NetworkFacts,
  why: string | null,
  force: Force | null,
  view: View,
): readonly string[] {
  const { network, gateways, subnets, holding, members } = one;
  const { paint, width } = view;
  const settings = settingWords(network).map(safe);
  const facts: readonly (readonly [string, readonly string[]])[] = [
    ['driver', [`${safe(driverName(network))}: what containers send leaves ${driverMeaning(network)}`]],
    ['project', network.project === null ? [] : [safe(`${network.project}, as ${network.composeKey ?? '?'}`)]],
    ['subnets', [subnets.join(', ')]],
    ['gateway', [gateways.join(', ')]],
    ['bridge', [network.bridge?.name ?? '']],
    ['IPv6', network.ipv6 === undefined || network.driver !== 'bridge' ? [] : [network.ipv6 ? 'yes' : 'no']],
    ['settings', settings],
    ['held', [`${holdingWords[holding.kind]}${holding.reason === null ? '' : `: ${safe(holding.reason)}`}`]],
    ['id', [safe(network.id.slice(0, 12))]],
  ];
  return [
    ...wrap(safe(network.name), width).map(paint.strong),
    ...facts.flatMap(([title, lines]) =>
      lines.filter((text) => text !== '').flatMap((text, at) => hanging(at === 0 ? `  ${title}` : '', text, 12, width)),
    ),
    ...forceLines(why, force, view),
    ...(members.length === 0 ? ['No container is on it.'] : memberLines(one, view)),
  ];
}

function memberLines({ members }: NetworkFacts, view: View): readonly string[] {
  const head = [
    { title: 'CONTAINER', least: 14 },
    { title: 'SERVICE', least: 9 },
    { title: 'ADDRESSES', least: 11 },
    { title: 'PUBLISHED', least: 16 },
    { title: 'MODE', least: 8 },
  ];
  const rows = members.map(({ container, workload, shares, addresses, published, mode }): readonly Cell[] => [
    cell(safe(container.name)),
    workload.startsWith('container/') ? cell('-', 'faint') : cell(safe(workload)),
    cell(shares !== null ? `those of ${safe(shares)}` : addresses.length === 0 ? ['-'] : addresses),
    cell(published.length === 0 ? ['-'] : published),
    cell(mode, mode === '?' ? 'doubtful' : modeLooks[mode]),
  ]);
  const reasons = members.flatMap(({ container, reason }) =>
    reason === null ? [] : wrap(`${safe(container.name)}: ${safe(reason)}`, view.width - 2).map((line) => `  ${line}`),
  );
  return [...table(head, rows, view), ...(reasons.length === 0 ? [] : [view.paint.strong('Not held:'), ...reasons])];
}

/** Text with a title before its first line, or above it where it is long, and as far from the edge in the others. */
function hanging(
  title: string,
  text: string,
  margin: number,
  width: number,
  style = (line: string) => line,
): readonly string[] {
  const lines = wrap(text, Math.max(width - margin, 10));
  const long = columns(title) + 2 > margin;
  const pad = ' '.repeat(margin);
  if (long) return [...wrap(title, width).map(style), ...lines.map((line) => `${pad}${line}`)];
  return lines.map((line, at) => `${at === 0 ? `${style(title)}${' '.repeat(margin - columns(title))}` : pad}${line}`);
}
