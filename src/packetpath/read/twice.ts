import type { Base, Condition, FieldRef, Rule, SetRef, Step, Table, Tuple, Value } from '../model.ts';
import { range } from './values.ts';

/**
 * Whether a table that nft lists is one of those that iptables-nft-save lists as well: nft shows some extensions of its rules
 * as unreadable, iptables-nft-save does not. Every chain of it must be there with the same place in the kernel and the same
 * rules one by one; what cannot be compared differs. One that differs is another, or of another moment: both are shown.
 */
export function isTwice(table: Table, xt: readonly Table[]): boolean {
  if (table.sets.length > 0 || table.flowtables !== undefined) return false; // iptables has none of its own
  return xt.some(
    ({ engine, family, name, chains }) =>
      engine === 'nf_tables' &&
      family === table.family &&
      name === table.name &&
      table.chains.every((chain) => {
        const same = chains.find((one) => one.name === chain.name);
        return (
          same !== undefined &&
          isSameBase(same.base, chain.base) &&
          same.rules.length === chain.rules.length &&
          chain.rules.every((rule, index) => isAlike(rule, same.rules[index] as Rule))
        );
      }),
  );
}

const isSameBase = (a: Base | null, b: Base | null): boolean =>
  (['hook', 'priority', 'type', 'policy', 'device'] as const).every((key) => a?.[key] === b?.[key]);

/** Whether iptables-save's rule says all that nft's text or JSON says of one, but for its counters: those go on. */
function isAlike(nft: Rule, xt: Rule): boolean {
  if ((nft.comment !== null && nft.comment !== xt.comment) || xt.lost.length > 0) return false;
  const prefix = /\bprefix "([^"]*)"/.exec(nft.text)?.[1];
  if (prefix !== undefined && !xt.text.includes(prefix)) return false;
  const [said, meant] = [saidBy(nft), saidBy(xt)];
  for (const key of protocolKeys([...said.known.values(), ...meant.known.values()])) {
    said.known.delete(key);
    meant.known.delete(key);
  }
  const { veiled } = said;
  return (
    veiled.every((module) => hasModule(xt.text, module)) &&
    [...said.known.keys()].every((key) => meant.known.has(key)) &&
    [...meant.known].every(([key, condition]) => said.known.has(key) || isBehind(condition, veiled)) &&
    said.rest.every((text) => meant.rest.includes(text)) &&
    meant.rest.every((text) => said.rest.includes(text) || veiled.some((module) => hasModule(text, module))) &&
    (said.target === null ? said.done.join() === meant.done.join() : hasWords(xt.text, `-j ${said.target}`))
  );
}

const hasWords = (text: string, words: string): boolean => ` ${text} `.includes(` ${words} `);

/** `-m state` is the kernel's conntrack by another name (xt_conntrack.c, of which state is an alias). */
const hasModule = (text: string, module: string): boolean =>
  hasWords(text, `-m ${module}`) || (module === 'conntrack' && hasWords(text, '-m state'));

interface Said {
  /** The conditions that are understood, each once, whatever their order. */
  readonly known: Map<string, Condition>;
  /** Names of the extensions that match, of which nft shows no more. */
  readonly veiled: readonly string[];
  /** Texts of the other conditions. */
  readonly rest: readonly string[];
  /** What is done then, in its order. */
  readonly done: readonly string[];
  /** Name of the extension that is the target, of which nft shows no more. */
  readonly target: string | null;
}

function saidBy({ steps }: Rule): Said {
  const known = new Map<string, Condition>();
  const [veiled, rest, done]: [string[], string[], string[]] = [[], [], []];
  let target: string | null = null;
  for (const step of steps) {
    const hidden = hiddenBy(step);
    if (hidden !== undefined && step.kind === 'condition') veiled.push(hidden);
    else if (hidden !== undefined) target = hidden;
    else if (step.kind !== 'condition') done.push(...doneBy(step));
    else if (step.condition.kind === 'among' || step.condition.kind === 'any-of')
      known.set(keyOf(step.condition), step.condition);
    else rest.push(limitOf(textOf(step.condition)));
  }
  return { known, veiled, rest, done, target };
}

const textOf = (condition: Exclude<Condition, { kind: 'among' | 'any-of' }>): string =>
  condition.kind === 'depends' ? condition.on : condition.text;

/** `xt match "recent"`, `xt target CT`: how nft calls what it cannot show (nftables, src/xt.c). */
function hiddenBy(step: Step): string | undefined {
  const text =
    step.kind === 'condition' && step.condition.kind === 'unknown'
      ? step.condition.text
      : step.kind === 'verdict' && step.verdict.kind === 'unknown'
        ? step.verdict.text
        : step.kind === 'action' && step.action.kind === 'other'
          ? step.action.text
          : '';
  // nft drops the `!` of `! --ctstate SNAT`, so what it says there is no more than that conntrack was asked
  if (/^ct status (?:dnat|snat)$/.test(text)) return 'conntrack';
  return /^xt (?:match|target|watcher) "?([A-Za-z0-9_-]+)"?$/.exec(text)?.[1];
}

/** Of what an extension asks that is veiled; a set by its name alone. */
const asked: Readonly<Record<string, RegExp>> = {
  addrtype: /^[sd]addr type$/,
  cgroup: /^cgroup$/,
  connmark: /^ct mark$/,
  conntrack: /^ct /,
  icmp: /^icmp (type|code)$/,
  icmp6: /^icmp (type|code)$/,
  iprange: /^[sd]addr$/,
  mac: /^ether saddr$/,
  mark: /^mark$/,
  multiport: /^[sd]port$/,
  owner: /^skuid$/,
  physdev: /^phys(in|out)$/,
  pkttype: /^pkttype$/,
  sctp: /^[sd]port$/,
  tcp: /^([sd]port|tcp flags)$/,
  ttl: /^ttl$/,
  udp: /^[sd]port$/,
};

/** Whether a condition may be of one of the extensions: then nft cannot show it. */
function isBehind(condition: Condition, veiled: readonly string[]): boolean {
  if (condition.kind !== 'among' && condition.kind !== 'any-of') return false;
  if (condition.kind === 'among' && 'set' in condition.values) return veiled.includes('set');
  const fields = condition.kind === 'among' ? condition.fields : [condition.field];
  return veiled.some(
    (module) => Object.hasOwn(asked, module) && fields.every(({ field }) => asked[module]?.test(field)),
  );
}

/**
 * The keys of `-p tcp` and its like that say nothing beside the other conditions, for a port or an ICMP type is asked of its own
 * protocol's packets only: nft leaves them out.
 */
function protocolKeys(conditions: readonly Condition[]): readonly string[] {
  return conditions.flatMap((condition) => {
    const fields = condition.kind === 'among' ? condition.fields : [];
    return fields.flatMap(({ only }) => {
      const protocol = only?.protocol;
      if (protocol === undefined) return [];
      const values = [[range(protocol)]];
      return [keyOf({ kind: 'among', fields: [{ field: 'l4proto' }], not: false, values })];
    });
  });
}

function keyOf(condition: Extract<Condition, { kind: 'among' | 'any-of' }>): string {
  const { kind, not } = condition;
  if (kind === 'any-of') return `${kind} ${not} ${refKey(condition.field)} ${condition.words.toSorted().join()}`;
  return `${kind} ${not} ${condition.fields.map(refKey).join(' . ')} ${valuesKey(condition.values)}`;
}

const refKey = ({ field, mask, only }: FieldRef): string => [field, mask, only?.family, only?.protocol].join('/');

const valuesKey = (values: SetRef | readonly Tuple[]): string =>
  'set' in values
    ? `@${values.set}`
    : values
        .map((tuple) => tuple.map(valueKey).join(' . '))
        .toSorted()
        .join();

function valueKey(value: Value): string {
  if (value.kind === 'range') return `${value.low}-${value.high}`;
  return JSON.stringify(value);
}

/** Actions and verdicts; counting is none. */
function doneBy(step: Exclude<Step, { kind: 'condition' }>): readonly string[] {
  if (step.kind === 'action' && step.action.kind === 'count') return [];
  const mark = step.kind === 'action' && step.action.kind === 'other' ? ctMarkOf(step.action.text) : undefined;
  const key = JSON.stringify(mark ?? step, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  return [key.replace(/"text":"[sd]nat to /, '"text":"')];
}

/** `-j CONNMARK --set-xmark VALUE/MASK` as nft says it (iptables, extensions/libxt_CONNMARK.c, connmark_tg_xlate). */
function ctMarkOf(text: string): Step | undefined {
  const found = /^ct mark set ct mark (?:or (0x[0-9a-f]+)|(?:xor (0x[0-9a-f]+) )?and (0x[0-9a-f]+))$/.exec(text);
  if (found === null) return undefined;
  const [, or, xor = '0', and = '0'] = found;
  const value = BigInt(or ?? xor);
  const mask = or === undefined ? 0xffff_ffffn & ~BigInt(and) : value;
  return { kind: 'action', action: { kind: 'set-mark', of: 'ct', value, mask } };
}

const units = { s: 'second', m: 'minute', h: 'hour', d: 'day' } as const;

/** `-m limit --limit 3/min --limit-burst 10` as nft says it; a burst of 5 goes without saying (xt_limit.c). */
function limitOf(text: string): string {
  const found = /^-m limit --limit ([0-9]+)\/([smhd])[a-z]*(?: --limit-burst ([0-9]+))?$/.exec(text);
  if (found === null) return text;
  const [, rate = '', unit = '', burst = '5'] = found;
  return `limit rate ${rate}/${units[unit as keyof typeof units]} burst ${burst} packets`;
}
