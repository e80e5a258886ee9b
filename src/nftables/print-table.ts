import type { Chain, NftSet, Table } from './model.ts';
import { printElement, printName, printRule, printSetType } from './print.ts';

/** A table as nft text that `nft -f` takes; loading it twice adds its rules twice, see transaction.ts. */
export function printTable(table: Table): string {
  return [...tableParts(table)].join('\n');
}

/** The same in parts, to be joined by line ends: a text of megabytes need not be made without a pause. */
export function* tableParts(table: Table): Generator<string> {
  yield `table ${table.family} ${printName(table.name)} {`;
  for (const counter of table.counters) yield printCounter(counter);
  for (const set of table.sets) yield printSet(set);
  for (const chain of table.chains) yield printChain(chain);
  yield '}\n';
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
