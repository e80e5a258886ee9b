import type { Family } from '../../ip/address.ts';
import type { Base, Chain, HookName, NamedSet, Rule, RuleEngine, Step, Table } from '../model.ts';
import type { IpsetKind } from './ipset-kind.ts';
import { unreadRule } from './values.ts';
import { takeApart, type XtListedRule } from './xt-listed.ts';
import type { XtRule } from './xt-option.ts';
import { commentOf, XtSteps } from './xt-rule.ts';
import { readSetTarget } from './xt-set.ts';

/** A table of iptables as a listing has it, before its rules are understood: sets and chains may come later. */
export interface XtTable {
  readonly engine: RuleEngine;
  /** null: nothing has said it yet; see {@link familyOf}. */
  readonly family: Family | null;
  readonly name: string;
  /** The line that begins it. */
  readonly line: number;
  readonly chains: Map<string, XtChain>;
}

export interface XtChain {
  /** null: a chain of the user's. */
  readonly policy: 'accept' | 'drop' | null;
  readonly rules: XtListedRule[];
}

/**
 * Where the kernel calls a table's chains (uapi/linux/netfilter_ipv4.h, nf_ip_hook_priorities; iptables-nft's own list,
 * iptables/nft.c, has the security table at 150).
 */
const hooks: Readonly<Record<string, HookName>> = {
  PREROUTING: 'prerouting',
  INPUT: 'input',
  FORWARD: 'forward',
  OUTPUT: 'output',
  POSTROUTING: 'postrouting',
};

interface TableKind {
  readonly priority: number;
  readonly chains: readonly string[];
}

const tables: ReadonlyMap<string, TableKind> = new Map([
  ['raw', { priority: -300, chains: ['PREROUTING', 'OUTPUT'] }],
  ['mangle', { priority: -150, chains: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] }],
  ['nat', { priority: -100, chains: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'] }],
  ['filter', { priority: 0, chains: ['INPUT', 'FORWARD', 'OUTPUT'] }],
  ['security', { priority: 50, chains: ['INPUT', 'FORWARD', 'OUTPUT'] }],
]);

/** Whether there is such a table. */
export const isXtTable = (name: string): boolean => tables.has(name);

/** Whether the kernel itself calls this chain of a table. */
export const isBuiltIn = (table: string, chain: string): boolean => tables.get(table)?.chains.includes(chain) ?? false;

/** The kernel's own chains in the order in which iptables lists them, before those of the user. */
export const hookOrder: readonly string[] = Object.keys(hooks);

/** The table that has just these chains of the kernel's; where several have, the one that is meant by default. */
export function tableWith(chains: Iterable<string>): string {
  const builtIn = [...chains].filter((chain) => Object.hasOwn(hooks, chain));
  const fits = (name: string): boolean => builtIn.every((chain) => isBuiltIn(name, chain));
  const whole = (name: string): boolean => tables.get(name)?.chains.length === builtIn.length;
  const order = ['filter', 'nat', 'raw', 'mangle'];
  const oldNat = builtIn.length === 3 && builtIn.includes('POSTROUTING') && fits('nat'); // without INPUT before 2.6.36
  return order.find((name) => fits(name) && whole(name)) ?? (oldNat ? 'nat' : (order.find(fits) ?? 'filter'));
}

function baseOf(table: XtTable, chain: string, policy: 'accept' | 'drop'): Base {
  const hook = hooks[chain] as HookName;
  const priority = tables.get(table.name)?.priority ?? 0;
  if (table.name === 'nat')
    return { hook, priority: hook === 'prerouting' || hook === 'output' ? -100 : 100, type: 'nat', policy };
  if (table.name === 'security' && table.engine === 'nf_tables') return { hook, priority: 150, type: 'filter', policy };
  return { hook, priority, type: table.name === 'mangle' && hook === 'output' ? 'route' : 'filter', policy };
}

/** The family that a table's rules show, by an address or by what only one family has; null when none does. */
export function familyOf({ chains }: XtTable): Family | null {
  for (const { rules } of chains.values()) {
    for (const listed of rules) {
      const apart = takeApart(listed);
      const family = typeof apart === 'string' ? null : familyOfRule(apart.rule);
      if (family !== null) return family;
    }
  }
  return null;
}

function familyOfRule({ header, matches, target }: XtRule): Family | null {
  for (const { name, args } of header) {
    const [value = ''] = args;
    if (name === '-s' || name === '-d') return value.includes(':') ? 6 : 4;
    if (name === '-p' && (value === 'ipv6-icmp' || value === 'icmpv6')) return 6;
    if (name === '-p' && value === 'icmp') return 4;
  }
  if (matches.some(({ module }) => module === 'icmp6' || module === 'hl')) return 6;
  const answer = target?.options.find(({ name }) => name === '--reject-with')?.args[0] ?? '';
  return answer.startsWith('icmp6-') ? 6 : answer.startsWith('icmp-') ? 4 : null;
}

/** The sets that exist, with what is needed to read rules that ask them. */
export interface Ipsets {
  readonly kinds: ReadonlyMap<string, IpsetKind>;
  readonly sets: readonly NamedSet[];
}

/** Reads the rules of a table now that everything they refer to is known. */
export function finishTable(
  table: XtTable,
  family: Family,
  ipsets: Ipsets,
  cannot: (rule: XtListedRule, why: string) => void,
): Table {
  const meanings = new XtSteps({ family, ipsets: ipsets.kinds, chains: new Set(table.chains.keys()) });
  const named = new Set<string>(); // what rules refer to
  const asked = new Set<string>();
  const chains = [...table.chains].map(([name, { policy, rules }]): Chain => {
    const base = policy === null ? null : baseOf(table, name, policy);
    const read: Rule[] = [];
    for (const listed of rules) {
      const apart = takeApart(listed);
      if (typeof apart === 'string') {
        if (listed.isTold !== true) cannot(listed, apart);
        read.push(unreadRule(listed.written, { number: read.length + 1, line: listed.line }));
        continue;
      }
      const steps = meanings.of(apart.rule);
      for (const step of steps) noteReferences(step, named, asked);
      const place = { number: apart.number ?? read.length + 1, line: listed.line };
      const { text, counted, lost } = apart;
      read.push({ place, text, comment: commentOf(apart.rule), counted, steps, lost });
    }
    return { name, base, rules: read };
  });
  const missing = [...named].some((name) => !table.chains.has(name));
  const partial = missing || !(tables.get(table.name)?.chains ?? []).every((name) => hasOrOld(table, name));
  const sets = ipsets.sets.filter(({ name }) => (ipsets.kinds.get(name)?.family ?? family) === family);
  for (const name of asked) if (!sets.some((set) => set.name === name)) sets.push(unlisted(name));
  return { engine: table.engine, family: family === 4 ? 'ip' : 'ip6', name: table.name, chains, sets, partial };
}

/** nat has its INPUT since Linux 2.6.36. */
const hasOrOld = ({ name, chains }: XtTable, chain: string): boolean =>
  chains.has(chain) || (name === 'nat' && chain === 'INPUT' && chains.has('PREROUTING'));

const unlisted = (name: string): NamedSet => ({ name, fields: ['other'], entries: [], uncertain: true });

function noteReferences(step: Step, chains: Set<string>, sets: Set<string>): void {
  if (step.kind === 'verdict' && 'chain' in step.verdict) chains.add(step.verdict.chain);
  if (step.kind === 'action' && step.action.kind === 'map-mark' && step.action.set !== null) sets.add(step.action.set);
  if (step.kind !== 'condition' || step.condition.kind !== 'among') return;
  const { values } = step.condition;
  if ('set' in values) sets.add(values.set);
}

/** The ipsets that packets are added to or taken from, by `-j SET`. */
export function setsFed(drafts: readonly XtTable[]): ReadonlySet<string> {
  const fed = new Set<string>();
  for (const { chains } of drafts) {
    for (const { rules } of chains.values()) {
      for (const listed of rules) {
        const apart = listed.written.includes('SET') ? takeApart(listed) : '';
        if (typeof apart === 'string' || apart.rule.target?.name !== 'SET') continue;
        const { options } = apart.rule.target;
        // of options that are not understood any word may be a set's name
        const names = readSetTarget(options)?.fed ?? options.flatMap(({ text }) => text.split(' '));
        for (const name of names) fed.add(name);
      }
    }
  }
  return fed;
}
