import { families } from '../ip/address.ts';
import type { XState } from './model.ts';
import { type NameOfSet, printSet, printTable } from './print.ts';
import { printEbTable } from './print-bridge.ts';

/** What stands, as the text of the commands that would load it, one part after the other. */
export function stateText(state: XState, nameOf: NameOfSet): string {
  return [
    '# ipset restore',
    ...state.sets.flatMap((set) => printSet(set, nameOf)),
    ...families.flatMap((family) => [
      '',
      `# ${family === 4 ? 'iptables' : 'ip6tables'}-restore --noflush`,
      ...state.tables[family].map((table) => printTable(table, family, nameOf).trimEnd()),
    ]),
    '',
    '# ebtables-restore --noflush',
    ...state.bridge.map(printEbTable),
  ].join('\n');
}
