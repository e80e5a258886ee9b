import type { Chain, NftSet, Table } from './model.ts';
import { printElement, printName, printRule, printSetType } from './print.ts';

/** A table as nft text that `nft -f` takes; loading it twice adds its rules twice, see transaction.ts. */
export function printTable(table: Table): string {
  const body = [...table.counters.map(printCounter), ...table.sets.map(printSet), ...table.chains.map(printChain)];
  return `table ${table.family} ${printName(table.name)} {\n${body.join('\n')}\n}\n`;
}

function printCounter(name: string): string {
  return `\tcounter ${printName(name)} { }`;
}

function printSet(set: NftSet): string {
  const word = set.data === 'verdict' ? 'map' : 'set';
  const elements =
    set.elements.length === 0
      ? ''
      : `\n\t\telements = { ${set.elements.map((element) => printElement(set, element)).join(',\n\t\t\t')} }`;
  return `\t${word} ${printName(set.name)} {\n\t\t${printSetType(set)}${elements}\n\t}`;
}

function printChain(chain: Chain): string {
  const hook =
    chain.hook === undefined
      ? []
      : [`type filter hook ${chain.hook.hook} priority ${chain.hook.priority}; policy accept;`];
  const lines = [...hook, ...chain.rules.map(printRule)].map((line) => `\n\t\t${line}`);
  return `\tchain ${printName(chain.name)} {${lines.join('')}\n\t}`;
}
