import type {
  Base,
  Chain,
  Field,
  FlowTable,
  HookName,
  NamedSet,
  Rule,
  RuleEngine,
  SetEntry,
  Table,
  TableFamily,
} from '../model.ts';
import { type Asked, readFields } from './nft-field.ts';
import { asList, asText, isObject, type NftChain, type NftItem, type NftSet } from './nft-item.ts';
import { readTuple } from './nft-match.ts';
import { readVerdict } from './nft-statement.ts';

type Item<K extends NftItem['kind']> = Extract<NftItem, { kind: K }>;

/** Reads the tables of nf_tables from the items of a listing; what belongs to no listed table makes one that is partial. */
export function finishNft(items: readonly NftItem[]): readonly Table[] {
  const drafts = new Map<string, Draft>();
  const draftOf = (family: TableFamily, name: string, listed: boolean): Draft => {
    const key = `${family} ${name}`;
    const found = drafts.get(key);
    if (found !== undefined) return found;
    const draft: Draft = { family, name, dormant: false, listed, chains: new Map(), sets: [], flowtables: [] };
    drafts.set(key, draft);
    return draft;
  };
  for (const item of items) {
    if (item.kind === 'table') {
      draftOf(item.family, item.name, true).dormant ||= item.dormant;
      continue;
    }
    const draft = draftOf(item.family, item.table, false);
    if (item.kind === 'set') draft.sets.push(item);
    else if (item.kind === 'flowtable') draft.flowtables.push({ name: item.name, devices: item.devices });
    else if (item.kind === 'chain') chainOf(draft, item.name).chain = item;
    else chainOf(draft, item.chain).rules.push(item);
  }
  return [...drafts.values()].map(finish);
}

interface Draft {
  readonly family: TableFamily;
  readonly name: string;
  dormant: boolean;
  readonly listed: boolean;
  readonly chains: Map<string, DraftChain>;
  readonly sets: NftSet[];
  readonly flowtables: FlowTable[];
}

interface DraftChain {
  chain: NftChain | null;
  readonly rules: Item<'rule'>[];
}

function chainOf({ chains }: Draft, name: string): DraftChain {
  const found = chains.get(name);
  if (found !== undefined) return found;
  const made: DraftChain = { chain: null, rules: [] };
  chains.set(name, made);
  return made;
}

function finish(draft: Draft): Table {
  const fed = new Set<string>(); // sets that packets add to
  const chains = [...draft.chains].map(([name, { chain, rules }]): Chain => {
    // the kernel calls no chain of a dormant table
    const base = chain === null || draft.dormant ? null : baseOf(chain, draft.family);
    for (const { feeds } of rules) for (const set of feeds) fed.add(set);
    return { name, base, rules: rules.map((rule, index) => ruleOf(rule, index + 1)) };
  });
  const partial =
    !draft.listed || [...draft.chains.values()].some(({ chain }) => chain === null || chain.unplaced === true);
  const sets = draft.sets.map((set) => readSet(set, draft.family, fed));
  const engine: RuleEngine = 'nf_tables';
  const { family, name, flowtables } = draft;
  return { engine, family, name, chains, sets, partial, ...(flowtables.length === 0 ? {} : { flowtables }) };
}

function ruleOf({ line, handle, text, comment, counted, steps }: Item<'rule'>, number: number): Rule {
  const place = handle === null ? { number, line } : { number, line, handle };
  return { place, text, comment, counted, steps, lost: nothing };
}

const nothing: readonly string[] = [];

const hooks: readonly HookName[] = ['ingress', 'prerouting', 'input', 'forward', 'output', 'postrouting'];

/** Priorities by name (nft(8), "Standard priority names"); the bridge family has its own. */
const priorities: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
  out: 100,
};
const bridgePriorities: Readonly<Record<string, number>> = { dstnat: -300, filter: -200, out: 100, srcnat: 300 };

/** Whether a chain is one that others jump to, or one whose place in the kernel is understood. */
export function isPlaced({ type, hook, priority }: NftChain, family: TableFamily): boolean {
  if (type === undefined && hook === undefined && priority === undefined) return true;
  const isKnown = (type === 'filter' || type === 'nat' || type === 'route') && hooks.some((known) => known === hook);
  return isKnown && priorityOf(priority, family) !== undefined;
}

function baseOf({ type, hook, priority, policy, device }: NftChain, family: TableFamily): Base | null {
  const at = hooks.find((known) => known === hook);
  if (at === undefined) return null;
  const kind = type === 'nat' || type === 'route' ? type : 'filter';
  const base = {
    hook: at,
    priority: priorityOf(priority, family) ?? 0,
    type: kind,
    policy: policy === 'drop' ? 'drop' : 'accept',
  } as const;
  return typeof device === 'string' ? { ...base, device } : base;
}

/** `-150`, `filter`, `dstnat - 10` */
function priorityOf(priority: unknown, family: TableFamily): number | undefined {
  if (typeof priority === 'number') return priority;
  const written = /^(?:([a-z]+)|(-?[0-9]{1,10}))(?: ([+-]) ([0-9]{1,10}))?$/.exec(asText(priority));
  if (written === null) return undefined;
  const [, name, number, sign, offset = '0'] = written;
  const names = family === 'bridge' ? bridgePriorities : priorities;
  const start = name === undefined ? Number(number) : Object.hasOwn(names, name) ? names[name] : undefined;
  return start === undefined ? undefined : start + Number(`${sign ?? ''}${offset}`);
}

/** What elements of a type are, by its name in nft (src/datatype.c). */
const types: Readonly<Record<string, Field>> = {
  ipv4_addr: 'saddr',
  ipv6_addr: 'saddr',
  ether_addr: 'ether saddr',
  inet_proto: 'l4proto',
  inet_service: 'sport',
  mark: 'mark',
  ifname: 'iifname',
  iface_index: 'iifname',
  icmp_type: 'icmp type',
  icmpv6_type: 'icmp type',
  icmp_code: 'icmp code',
  icmpv6_code: 'icmp code',
  ether_type: 'ether type',
  nf_proto: 'nfproto',
  ct_state: 'ct state',
  ct_dir: 'ct direction',
  pkt_type: 'pkttype',
  fib_addrtype: 'saddr type',
  uid: 'skuid',
};

function readSet(set: NftSet, family: TableFamily, fed: ReadonlySet<string>): NamedSet {
  const asked = fieldsOf(set.type, family);
  const fields = asked.map(({ field }) => field);
  const entries: SetEntry[] = [];
  let uncertain =
    set.timeout || fed.has(set.name) || set.flags.some((flag) => flag === 'dynamic' || flag === 'timeout');
  for (const element of set.elements) {
    const [from, to] = set.map === null ? [element, undefined] : asList(element);
    const key = readTuple(from, asked);
    const verdict = to === undefined ? null : (readVerdict(to) ?? null);
    if (key === undefined || (set.map === 'verdict' && verdict === null)) uncertain = true;
    else entries.push({ key, verdict, except: false });
    if (isObject(from) && isObject(from['elem']) && ('timeout' in from['elem'] || 'expires' in from['elem']))
      uncertain = true;
  }
  return { name: set.name, fields, entries, uncertain };
}

const notUnderstood: Asked = { field: 'other', ref: { field: 'other' } };

function fieldsOf(type: unknown, family: TableFamily): readonly Asked[] {
  if (isObject(type)) return readFields(type['typeof'], family) ?? [notUnderstood];
  return asList(type).map((name): Asked => {
    const field = typeof name === 'string' && Object.hasOwn(types, name) ? (types[name] as Field) : 'other';
    return { field, ref: { field }, ...(asText(name).startsWith('icmpv6') ? { icmp6: true } : {}) };
  });
}
