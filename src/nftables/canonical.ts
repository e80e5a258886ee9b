import type { Chain, Element, KeyPart, NftSet, Rule, Statement, Table } from './model.ts';

/**
 * Tables in a form that two tables of the same meaning share, whether they were rendered or read back: nft keeps neither
 * the order of elements, nor where in a rule a port's protocol was asked for, nor the order of a value's alternatives.
 */
export function canonicalTables(tables: readonly Table[]): readonly Table[] {
  const byName = (a: { readonly name: string }, b: { readonly name: string }) => compare(a.name, b.name);
  return tables
    .map((table) => ({
      ...table,
      counters: table.counters.toSorted(compare),
      sets: table.sets.map(canonicalSet).toSorted(byName),
      chains: table.chains.map(canonicalChain).toSorted(byName),
    }))
    .toSorted((a, b) => compare(`${a.family} ${a.name}`, `${b.family} ${b.name}`));
}

function canonicalSet(set: NftSet): NftSet {
  const order = (element: Element) => element.key.map(partOrder).join(' ');
  return { ...set, elements: set.elements.toSorted((a, b) => compare(order(a), order(b))) };
}

function canonicalChain(chain: Chain): Chain {
  return { ...chain, rules: chain.rules.map(canonicalRule) };
}

/** One protocol that is asked for before a port stands right before the port. */
function canonicalRule(rule: Rule): Rule {
  const sorted = rule.map(canonicalStatement);
  const protocol = sorted.findIndex(isOneProtocol);
  const port = sorted.findIndex((statement) => statement.kind === 'match' && statement.fields.includes('th dport'));
  if (protocol < 0 || port < protocol) return sorted;
  const [moved] = sorted.slice(protocol, protocol + 1);
  const between = sorted.slice(protocol + 1, port);
  return [...sorted.slice(0, protocol), ...between, moved as Statement, ...sorted.slice(port)];
}

type Match = Extract<Statement, { kind: 'match' }>;

const isField = (match: Match, field: string) => match.fields.length === 1 && match.fields[0] === field;

function isOneProtocol(statement: Statement): boolean {
  if (statement.kind !== 'match' || !isField(statement, 'meta l4proto') || statement.op !== '==') return false;
  return statement.value.kind === 'values' && statement.value.values.length === 1;
}

function canonicalStatement(statement: Statement): Statement {
  if (statement.kind !== 'match' || statement.value.kind !== 'values') return statement;
  const values = statement.value.values.toSorted((a, b) => compare(partOrder(a), partOrder(b)));
  return { ...statement, value: { kind: 'values', values } };
}

/** Texts that sort as the values do: all numbers at the width of an IPv6 address. */
function partOrder(part: KeyPart): string {
  if ('name' in part) return part.name;
  return `${part.low.toString(16).padStart(32, '0')}-${part.high.toString(16).padStart(32, '0')}`;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
