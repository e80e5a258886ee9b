import type { Field, FieldRef, TableFamily } from '../model.ts';
import { asList, asText, isObject, type JsonObject, onlyEntry } from './nft-item.ts';
import { readBits, type ValueOf } from './nft-value.ts';

/** A field as an expression asks for it, with what is needed to read its values. */
export interface Asked extends ValueOf {
  readonly ref: FieldRef;
}

const metas: Readonly<Record<string, Field>> = {
  iifname: 'iifname',
  oifname: 'oifname',
  iif: 'iifname', // an index, which nft lists by its interface's name
  oif: 'oifname',
  iifkind: 'iifkind',
  oifkind: 'oifkind',
  l4proto: 'l4proto',
  nfproto: 'nfproto',
  protocol: 'ether type',
  mark: 'mark',
  pkttype: 'pkttype',
  skuid: 'skuid',
  cgroup: 'cgroup',
};

const conversation: Readonly<Record<string, Field>> = {
  state: 'ct state',
  status: 'ct status',
  direction: 'ct direction',
  mark: 'ct mark',
  'original saddr': 'ct original saddr',
  'original daddr': 'ct original daddr',
  'original ip saddr': 'ct original saddr',
  'original ip daddr': 'ct original daddr',
  'original ip6 saddr': 'ct original saddr',
  'original ip6 daddr': 'ct original daddr',
  'original proto-dst': 'ct original dport',
};

type Only = NonNullable<FieldRef['only']>;

const ports = (protocol?: number): Readonly<Record<string, readonly [Field, Only]>> => {
  const only = protocol === undefined ? {} : { protocol };
  return { sport: ['sport', only], dport: ['dport', only] };
};

const headers: Readonly<Record<string, Readonly<Record<string, readonly [Field, Only]>>>> = {
  ether: { saddr: ['ether saddr', {}], daddr: ['ether daddr', {}], type: ['ether type', {}] },
  vlan: { id: ['vlan id', {}] },
  ip: {
    saddr: ['saddr', { family: 4 }],
    daddr: ['daddr', { family: 4 }],
    protocol: ['l4proto', { family: 4 }],
    ttl: ['ttl', { family: 4 }],
    hdrlength: ['header length', { family: 4 }],
  },
  ip6: {
    saddr: ['saddr', { family: 6 }],
    daddr: ['daddr', { family: 6 }],
    nexthdr: ['l4proto', { family: 6 }], // of a packet without extension headers, as the walk's are
    hoplimit: ['ttl', { family: 6 }],
  },
  th: ports(),
  tcp: { ...ports(6), flags: ['tcp flags', { protocol: 6 }] },
  udp: ports(17),
  dccp: ports(33),
  sctp: ports(132),
  udplite: ports(136),
  icmp: { type: ['icmp type', { protocol: 1 }], code: ['icmp code', { protocol: 1 }] },
  igmp: { type: ['igmp type', { protocol: 2 }] },
  icmpv6: { type: ['icmp type', { protocol: 58 }], code: ['icmp code', { protocol: 58 }] },
};

function own<T>(record: Readonly<Record<string, T>> | undefined, key: unknown): T | undefined {
  return record !== undefined && typeof key === 'string' && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** The field an expression asks for; undefined: not understood. */
export function readField(expression: unknown, table: TableFamily): Asked | undefined {
  const [kind, inside] = onlyEntry(expression) ?? [];
  switch (kind) {
    case 'meta':
      return plain(isObject(inside) ? own(metas, inside['key']) : undefined);
    case 'ct': {
      if (!isObject(inside)) return undefined;
      const { key, dir } = inside;
      const field = own(conversation, dir === undefined ? key : `${asText(dir)} ${asText(key)}`);
      if (field === undefined) return undefined;
      const family = asText(key).startsWith('ip ') ? 4 : asText(key).startsWith('ip6 ') ? 6 : undefined;
      return { field, ref: refOf(field, family === undefined ? {} : { family }, table) };
    }
    case 'payload':
      return isObject(inside) ? readHeaderField(inside, table) : undefined;
    case 'fib': {
      if (!isObject(inside)) return undefined;
      const flags = asList(inside['flags']).join(' ');
      if (inside['result'] === 'oif') return plain(flags === 'saddr iif' ? 'reverse path' : undefined);
      if (inside['result'] !== 'type') return undefined;
      return plain(flags === 'saddr' ? 'saddr type' : flags === 'daddr' ? 'daddr type' : undefined);
    }
    case '&': {
      const [of, mask, ...more] = asList(inside);
      const asked = readField(of, table);
      if (asked === undefined || more.length > 0 || asked.ref.mask !== undefined) return undefined;
      const bits = readBits(mask, asked.field);
      return bits === undefined ? undefined : { ...asked, ref: { ...asked.ref, mask: bits } };
    }
    default:
      return undefined;
  }
}

const plain = (field: Field | undefined): Asked | undefined =>
  field === undefined ? undefined : { field, ref: { field } };

function readHeaderField({ protocol, field: name }: JsonObject, table: TableFamily): Asked | undefined {
  const [field, only] = own(own(headers, protocol), name) ?? [];
  if (field === undefined) return undefined;
  const asked: Asked = { field, ref: refOf(field, only ?? {}, table) };
  return protocol === 'icmpv6' ? { ...asked, icmp6: true } : asked;
}

/** In a table of one family every packet is of it; the protocol of the packet is asked for by the field itself. */
function refOf(field: Field, only: Only, table: TableFamily): FieldRef {
  const given = table === 'ip' ? 4 : table === 'ip6' ? 6 : undefined;
  const left: Only = { ...only };
  const rest =
    left.family === given && given !== undefined
      ? left.protocol === undefined
        ? {}
        : { protocol: left.protocol }
      : left;
  return Object.keys(rest).length === 0 ? { field } : { field, only: rest };
}

/** The fields of a key: one, or those of a concatenation; undefined when there is none, or one is not understood. */
export function readFields(expression: unknown, table: TableFamily): readonly [Asked, ...Asked[]] | undefined {
  const parts = isObject(expression) && 'concat' in expression ? asList(expression['concat']) : [expression];
  const asked = parts.map((part) => readField(part, table));
  const isWhole = asked.length > 0 && asked.every((part) => part !== undefined);
  return isWhole ? (asked as readonly Asked[] as readonly [Asked, ...Asked[]]) : undefined;
}
