import { attribute, nest, text, u32, u32be } from './attribute.ts';
import { type BatchMessage, create, exclusive } from './batch.ts';

/** Tables, chains and rules of family inet as nf_tables wants them (linux/netfilter.h, linux/netfilter/nf_tables.h). */

const inet = 1;
const messages = { newTable: 0, newChain: 3, newRule: 6 } as const;
const tableAttribute = { name: 1, flags: 2 } as const;
const chain = { table: 1, name: 3, hook: 4, type: 7 } as const;
const hook = { number: 1, priority: 2 } as const;
const prerouting = 0;
const rule = { table: 1, chain: 2, expressions: 4 } as const;
const listElement = 1;
const expression = { name: 1, data: 2 } as const;
const dataAttribute = { value: 1, verdict: 2 } as const;
const verdictCode = 1;
const dropCode = 0;
const registers = { verdict: 0, first: 1 } as const;
const meta = { destination: 1, key: 2, source: 3 } as const;
const metaKeys = { mark: 3, inInterfaceName: 6 } as const;
const compare = { source: 1, operation: 2, data: 3, equal: 0, differs: 1 } as const;
const bitwise = { source: 1, destination: 2, length: 3, mask: 4, xor: 5 } as const;
const lookup = { set: 1, source: 2 } as const;
const immediate = { destination: 1, data: 2 } as const;
const nameSize = 16; // IFNAMSIZ

/** Where a rule stands. */
export interface ChainAt {
  /** Table of family inet, and its chain. */
  readonly table: string;
  readonly chain: string;
}

/** A change of something of family inet. NLM_F_CREATE without NLM_F_EXCL: what is there already is no error. */
export function change(type: number, flags: number, ...attributes: readonly Buffer[]): BatchMessage {
  return { type, flags, payload: Buffer.concat([Buffer.from([inet, 0, 0, 0]), ...attributes]) };
}

/** A table, whatever it has where it stands already. */
export function newTable(name: string): BatchMessage {
  return change(messages.newTable, create, attribute(tableAttribute.name, text(name)));
}

/**
 * A table that must not stand already: EEXIST, or EPERM where a process owns it.
 *
 * @param flags NFT_TABLE_F_*
 */
export function ownTable(name: string, flags: number): BatchMessage {
  return change(
    messages.newTable,
    create | exclusive,
    attribute(tableAttribute.name, text(name)),
    attribute(tableAttribute.flags, u32be(flags)),
  );
}

/** A base chain of hook prerouting; what no rule of it takes is accepted. */
export function newPrerouting({ table, chain: name }: ChainAt, priority: number): BatchMessage {
  return change(
    messages.newChain,
    create,
    attribute(chain.table, text(table)),
    attribute(chain.name, text(name)),
    nest(chain.hook, attribute(hook.number, u32be(prerouting)), attribute(hook.priority, u32be(priority))),
    attribute(chain.type, text('filter')),
  );
}

/** A rule before all others of its chain (net/netfilter/nf_tables_api.c, nf_tables_newrule: no NLM_F_APPEND). */
export function newRule(at: ChainAt, ...expressions: readonly Buffer[]): BatchMessage {
  return change(
    messages.newRule,
    create,
    attribute(rule.table, text(at.table)),
    attribute(rule.chain, text(at.chain)),
    nest(rule.expressions, ...expressions),
  );
}

const loaded = (key: number): Buffer =>
  expressed('meta', attribute(meta.destination, u32be(registers.first)), attribute(meta.key, u32be(key)));

const compared = (operation: number, value: Buffer): Buffer =>
  expressed(
    'cmp',
    attribute(compare.source, u32be(registers.first)),
    attribute(compare.operation, u32be(operation)),
    nest(compare.data, attribute(dataAttribute.value, value)),
  );

/** An interface's name as its set elements and comparisons have it. */
export function nameBytes(name: string): Buffer {
  const bytes = Buffer.alloc(nameSize);
  bytes.write(name, 0, nameSize - 1);
  return bytes;
}

/** Whether a packet came in by an interface. */
export const cameBy = (name: string): readonly Buffer[] => [
  loaded(metaKeys.inInterfaceName),
  compared(compare.equal, nameBytes(name)),
];

/** Whether it came in by one of a set's. */
export const cameByOneOf = (set: string): readonly Buffer[] => [
  loaded(metaKeys.inInterfaceName),
  expressed('lookup', attribute(lookup.set, text(set)), attribute(lookup.source, u32be(registers.first))),
];

/** Whether any of these bits of the packet's mark is set, or none is. Marks are in the host's byte order. */
export const hasMark = (bits: number, any: boolean): readonly Buffer[] => [
  loaded(metaKeys.mark),
  masked(bits, 0),
  compared(any ? compare.differs : compare.equal, u32(0)),
];

/** Sets a bit of the packet's mark, and leaves the others. */
export const setMark = (bit: number): readonly Buffer[] => [
  loaded(metaKeys.mark),
  masked(~bit, bit),
  expressed('meta', attribute(meta.key, u32be(metaKeys.mark)), attribute(meta.source, u32be(registers.first))),
];

/** `register = (register & mask) ^ xor` */
const masked = (mask: number, xor: number): Buffer =>
  expressed(
    'bitwise',
    attribute(bitwise.source, u32be(registers.first)),
    attribute(bitwise.destination, u32be(registers.first)),
    attribute(bitwise.length, u32be(4)),
    nest(bitwise.mask, attribute(dataAttribute.value, u32(mask))),
    nest(bitwise.xor, attribute(dataAttribute.value, u32(xor))),
  );

export const counted: Buffer = expressed('counter');

export const dropped: Buffer = expressed(
  'immediate',
  attribute(immediate.destination, u32be(registers.verdict)),
  nest(immediate.data, nest(dataAttribute.verdict, attribute(verdictCode, u32be(dropCode)))),
);

function expressed(name: string, ...its: readonly Buffer[]): Buffer {
  return nest(listElement, attribute(expression.name, text(name)), nest(expression.data, ...its));
}
