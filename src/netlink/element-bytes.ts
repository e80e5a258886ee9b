import type { SetElement } from '../nftables/endpoint-elements.ts';
import type { KeyPart, KeyType, TableFamily, Verdict } from '../nftables/model.ts';
import { aligned, attribute, text } from './attribute.ts';

/** Elements of one set that go into one message. */
export interface ElementList {
  readonly table: TableFamily;
  readonly set: string;
  readonly elements: readonly SetElement[];
}

/** Our tables' name in every family. */
const tableName = 'sluice';
/** linux/netfilter.h, NFPROTO_*. */
const families: Readonly<Record<TableFamily, number>> = { inet: 1, bridge: 7 };

/** linux/netfilter/nf_tables.h: NFTA_SET_ELEM_LIST_*, NFTA_LIST_ELEM, NFTA_SET_ELEM_*, NFTA_DATA_*, NFTA_VERDICT_*. */
const types = {
  table: 1,
  set: 2,
  elements: 3,
  listElement: 1,
  key: 1,
  data: 2,
  value: 1,
  verdict: 2,
  code: 1,
  chain: 2,
} as const;
/** NF_DROP, NF_ACCEPT, NFT_JUMP, NFT_GOTO, NFT_RETURN. */
const verdictCodes: Readonly<Record<Verdict['kind'], number>> = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 };

const head = 4; // struct nlattr
const nested = 0x8000; // NLA_F_NESTED
/** A list counts its bytes in 16 bits, its own head among them. */
const longestList = 0xffff - head;

/** Bytes of a field in a set's key. */
const sizes: Readonly<Record<KeyType, number>> = {
  iface_index: 4,
  ifname: 16,
  ether_addr: 6,
  ipv4_addr: 4,
  ipv6_addr: 16,
  inet_proto: 1,
  inet_service: 2,
  nd_target: 16,
  quoted4: 4,
  quoted6: 16,
};

/** Elements by set, in lists that fit into a message each; the order within a set stays. */
export function listElements(elements: readonly SetElement[]): readonly ElementList[] {
  const bySet = Map.groupBy(elements, ({ table, set }) => `${table} ${set}`);
  return [...bySet.values()].flatMap(splitLists);
}

/** Cuts a set's elements where a list would become too long. */
function splitLists(elements: readonly SetElement[]): readonly ElementList[] {
  const lists: ElementList[] = [];
  let start = 0;
  let length = 0;
  const cut = (end: number) => {
    const [first] = elements.slice(start, start + 1);
    if (first !== undefined) lists.push({ table: first.table, set: first.set, elements: elements.slice(start, end) });
    start = end;
    length = 0;
  };
  elements.forEach((element, index) => {
    const size = elementSize(element, true);
    if (length + size > longestList) cut(index);
    length += size;
  });
  cut(elements.length);
  return lists;
}

function elementSize({ key, element: { verdict } }: SetElement, withData: boolean): number {
  return 3 * head + aligned(keySize(key)) + (withData && verdict !== undefined ? verdictSize(verdict) : 0);
}

function verdictSize(verdict: Verdict): number {
  const chain = 'chain' in verdict ? head + aligned(verdict.chain.length + 1) : 0;
  return 2 * head + head + 4 + chain;
}

/**
 * The payload of NFT_MSG_NEWSETELEM and its opposites: struct nfgenmsg, then attributes. Written in place: a reload of a
 * large policy has a hundred thousand elements.
 *
 * @param withData whether verdicts are told: to add an element, not to remove one
 * @throws RangeError
 */
export function encodeElements({ table, set, elements }: ElementList, withData: boolean): Buffer {
  const before = [
    Buffer.from([families[table], 0, 0, 0]),
    attribute(types.table, text(tableName)),
    attribute(types.set, text(set)),
  ];
  const length = elements.reduce((sum, element) => sum + elementSize(element, withData), 0);
  const list = Buffer.alloc(head + length);
  writeHead(list, 0, head + length, types.elements | nested);
  let at = head;
  for (const element of elements) at = writeElement(list, at, element, withData);
  return Buffer.concat([...before, list]);
}

/** Writes one element. @returns where the next one begins */
function writeElement(bytes: Buffer, start: number, one: SetElement, withData: boolean): number {
  const { key, element } = one;
  const size = elementSize(one, withData);
  const value = keySize(key);
  let at = writeHead(bytes, start, size, types.listElement | nested);
  at = writeHead(bytes, at, head + head + aligned(value), types.key | nested);
  at = writeHead(bytes, at, head + value, types.value);
  writeKey(bytes, at, key, element.key);
  at += aligned(value);
  if (withData && element.verdict !== undefined) writeVerdict(bytes, at, element.verdict);
  return start + size;
}

function writeVerdict(bytes: Buffer, start: number, verdict: Verdict): void {
  const size = verdictSize(verdict);
  let at = writeHead(bytes, start, size, types.data | nested);
  at = writeHead(bytes, at, size - head, types.verdict | nested);
  at = writeHead(bytes, at, head + 4, types.code);
  at = bytes.writeInt32BE(verdictCodes[verdict.kind], at);
  if (!('chain' in verdict)) return;
  at = writeHead(bytes, at, head + verdict.chain.length + 1, types.chain);
  bytes.write(verdict.chain, at, 'latin1'); // the zero that ends it is there; names of chains are ASCII
}

/** struct nlattr. @returns where its payload begins */
function writeHead(bytes: Buffer, at: number, length: number, type: number): number {
  bytes.writeUInt16LE(length, at);
  return bytes.writeUInt16LE(type, at + 2);
}

function keySize(key: readonly KeyType[]): number {
  const [only, ...more] = key;
  if (only !== undefined && more.length === 0) return sizes[only];
  return key.reduce((sum, type) => sum + aligned(sizes[type]), 0);
}

/**
 * A key as the kernel compares it: one field bare, the fields of a concatenation padded with zeros to 4 bytes each.
 *
 * @throws RangeError for ranges, which sets with intervals have and ours of single elements do not
 */
function writeKey(bytes: Buffer, start: number, key: readonly KeyType[], parts: readonly KeyPart[]): void {
  if (key.length !== parts.length) throw new RangeError(`${parts.length} parts for a key of ${key.length} fields`);
  let at = start;
  for (const [index, type] of key.entries()) {
    writePart(bytes, at, type, parts[index] as KeyPart);
    at += aligned(sizes[type]);
  }
}

function writePart(bytes: Buffer, at: number, type: KeyType, part: KeyPart): void {
  if ('name' in part) {
    const name = Buffer.from(part.name);
    if (type !== 'ifname' || name.length >= sizes.ifname)
      throw new RangeError(`not an interface name: ${JSON.stringify(part.name)}`);
    bytes.set(name, at);
    return;
  }
  if (type === 'ifname' || part.low !== part.high) throw new RangeError(`not one value of ${type}`);
  writeValue(bytes, at, type, part.low);
}

function writeValue(bytes: Buffer, at: number, type: Exclude<KeyType, 'ifname'>, value: bigint): void {
  switch (type) {
    case 'iface_index': // host byte order, as the kernel has it in a register
      bytes.writeUInt32LE(Number(value), at);
      return;
    case 'inet_proto':
      bytes.writeUInt8(Number(value), at);
      return;
    case 'inet_service':
      bytes.writeUInt16BE(Number(value), at);
      return;
    case 'ipv4_addr':
    case 'quoted4':
      bytes.writeUInt32BE(Number(value), at);
      return;
    case 'ether_addr':
      bytes.writeUIntBE(Number(value), at, sizes.ether_addr);
      return;
    case 'ipv6_addr':
    case 'nd_target':
    case 'quoted6':
      bytes.writeBigUInt64BE(value >> 64n, at);
      bytes.writeBigUInt64BE(value & 0xffff_ffff_ffff_ffffn, at + 8);
  }
}
