import type { Answer } from '../../src/host/command.ts';
import type { RunCommand } from '../../src/iptables/command.ts';
import type { Tools } from '../../src/iptables/tools.ts';

/** The commands as the fake knows them. */
export const fakeTools: Tools = {
  variant: 'nft',
  restore: { 4: 'iptables-nft-restore', 6: 'ip6tables-nft-restore' },
  save: { 4: 'iptables-nft-save', 6: 'ip6tables-nft-save' },
  command: { 4: 'iptables-nft', 6: 'ip6tables-nft' },
  ebtables: { restore: 'ebtables-nft-restore', save: 'ebtables-nft-save' },
  security: true,
};

type Tables = Map<string, Map<string, string[]>>;

const hooks = {
  inet: {
    raw: ['PREROUTING', 'OUTPUT'],
    mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
    filter: ['INPUT', 'FORWARD', 'OUTPUT'],
    security: ['INPUT', 'FORWARD', 'OUTPUT'],
  },
  bridge: { nat: ['PREROUTING', 'OUTPUT', 'POSTROUTING'], filter: ['INPUT', 'FORWARD', 'OUTPUT'] },
} as const;

/**
 * iptables, ip6tables, ipset and ebtables in memory, as far as restore and save go: tables change at once or not at all,
 * rules need the chains and sets that they name, and what is in use stays.
 */
export class FakeXtables {
  readonly sets = new Map<string, { readonly create: string; readonly elements: Map<string, string> }>();
  readonly inet = { 4: tablesOf(hooks.inet), 6: tablesOf(hooks.inet) } as const;
  readonly bridge: Tables = tablesOf(hooks.bridge);
  /** Every command that changes something, with its input. */
  readonly said: { readonly program: string; readonly input: string }[] = [];
  /** How many of the next changes are refused. */
  refusals = 0;
  /** Milliseconds for each change. */
  slowness = 0;
  /** Called after each. */
  after: () => void = () => {};

  readonly run: RunCommand = async (program, args, input = '') => {
    if (program === 'ipset' && args[0] !== 'restore') return good(this.#sets(args));
    if (program.endsWith('-save')) return good(save(this.#tables(program)));
    if (this.slowness > 0) await new Promise((resolve) => setTimeout(resolve, this.slowness));
    this.said.push({ program, input });
    if (this.refusals > 0) {
      this.refusals--;
      return bad('refused, as the test wants it');
    }
    try {
      if (program === 'ipset') this.#restoreSets(input);
      else this.#restore(program, input);
      this.after();
      return good('');
    } catch (error) {
      return bad(String(error));
    }
  };

  /** Elements of a set, whatever its generation. */
  elements(base: string): readonly string[] {
    return [...this.sets].flatMap(([name, { elements }]) =>
      name.replace(/\.[0-9a-z]+$/, '') === base ? [...elements].map(([key, more]) => `${key} ${more}`.trim()) : [],
    );
  }

  /** Somebody flushes a chain. */
  flush(family: 4 | 6, table: string, chain: string): void {
    this.inet[family].get(table)?.set(chain, []);
  }

  #tables(program: string): Tables {
    if (program.startsWith('ebtables')) return this.bridge;
    return this.inet[program.startsWith('ip6') ? 6 : 4];
  }

  #sets(args: readonly string[]): string {
    if (args[1] === '-n') return [...this.sets.keys()].join('\n');
    if (args[1] === '-t')
      return [...this.sets.keys()].map((name) => `Name: ${name}\nReferences: ${this.#references(name)}`).join('\n\n');
    return [...this.sets]
      .flatMap(([name, { create, elements }]) => [
        `create ${name} ${create}`,
        ...[...elements].map(([key, more]) => `add ${name} ${key} ${more}`.trimEnd()),
      ])
      .join('\n');
  }

  #references(set: string): number {
    const named = new RegExp(`(^| )${set.replaceAll('.', '\\.')}( |$)`);
    const rules = [this.inet[4], this.inet[6]].flatMap((tables) =>
      [...tables.values()].flatMap((chains) => [...chains.values()].flat()),
    );
    const lists = [...this.sets.values()].flatMap(({ create, elements }) =>
      create.startsWith('list:set') ? [...elements.keys()] : [],
    );
    return rules.filter((rule) => named.test(rule)).length + lists.filter((one) => one === set).length;
  }

  #restoreSets(input: string): void {
    for (const line of linesOf(input)) {
      const exists = line.endsWith(' -exist');
      const [verb, name = '', key = '', ...more] = line.replace(/ -exist$/, '').split(' ');
      const set = this.sets.get(name);
      if (verb === 'create') {
        if (set !== undefined) throw new Error(`set ${name} is there`);
        this.sets.set(name, { create: [key, ...more].join(' '), elements: new Map() });
        continue;
      }
      if (set === undefined) throw new Error(`no set ${name}: ${line}`);
      if (verb === 'add') {
        if (set.elements.has(key) && !exists) throw new Error(`${key} is in ${name}`);
        set.elements.set(key, more.join(' '));
      } else if (verb === 'del') {
        if (!set.elements.delete(key) && !exists) throw new Error(`${key} is not in ${name}`);
      } else if (verb === 'destroy') {
        if (this.#references(name) > 0) throw new Error(`${name} is in use`);
        this.sets.delete(name);
      } else throw new Error(`what is ${line}?`);
    }
  }

  #restore(program: string, input: string): void {
    const tables = this.#tables(program);
    for (const part of input.split(/^(?=\*)/m)) {
      const [head = '', ...rest] = linesOf(part);
      const table = head.slice(1);
      const before = tables.get(table);
      if (before === undefined) throw new Error(`no table ${table}`);
      if (rest.pop() !== 'COMMIT') throw new Error('no COMMIT');
      const after = new Map([...before].map(([chain, rules]) => [chain, [...rules]]));
      for (const line of rest) edit(after, line);
      this.#check(after, program.startsWith('eb'));
      tables.set(table, after);
    }
  }

  /** What rules name is there. */
  #check(chains: ReadonlyMap<string, readonly string[]>, isBridge: boolean): void {
    for (const rule of [...chains.values()].flat()) {
      const [, to] = /-[jg] (DOCKER-OUTBOUND-\S+)/.exec(rule) ?? [];
      if (to !== undefined && !chains.has(to)) throw new Error(`no chain ${to} for ${rule}`);
      if (isBridge) continue;
      for (const [, set = ''] of rule.matchAll(/--(?:match|map)-set (\S+)/g))
        if (!this.sets.has(set)) throw new Error(`no set ${set} for ${rule}`);
    }
  }
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const answer = { signal: null, stderr: '' } as const;
const good = (stdout: string): Answer => ({ ...answer, code: 0, stdout });
const bad = (stderr: string): Answer => ({ ...answer, code: 1, stdout: '', stderr });

function tablesOf(of: Readonly<Record<string, readonly string[]>>): Tables {
  return new Map(
    Object.entries(of).map(([table, chains]) => [
      table,
      new Map(chains.map((chain): [string, string[]] => [chain, []])),
    ]),
  );
}

function save(tables: Tables): string {
  return [...tables]
    .map(([table, chains]) =>
      [
        `*${table}`,
        ...[...chains.keys()].map((chain) => `:${chain} ${chain.startsWith('DOCKER') ? '-' : 'ACCEPT'} [0:0]`),
        ...[...chains].flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule}`)),
        'COMMIT',
        '',
      ].join('\n'),
    )
    .join('');
}

function edit(chains: Map<string, string[]>, line: string): void {
  if (line.startsWith(':')) {
    chains.set(line.slice(1).split(' ', 1)[0] as string, []);
    return;
  }
  const [verb, chain = '', ...words] = line.split(' ');
  const rules = chains.get(chain);
  if (rules === undefined) throw new Error(`no chain ${chain}: ${line}`);
  if (verb === '-F') rules.length = 0;
  else if (verb === '-X') {
    if ([...chains.values()].flat().some((rule) => rule.endsWith(` ${chain}`))) throw new Error(`${chain} is in use`);
    chains.delete(chain);
  } else if (verb === '-A') rules.push(words.join(' '));
  else if (verb === '-I') {
    const [first = ''] = words;
    const at = /^\d+$/.test(first) ? Number(first) : null;
    if (at !== null && (at < 1 || at > rules.length + 1)) throw new Error(`${chain} has no place ${at}`);
    rules.splice((at ?? 1) - 1, 0, words.slice(at === null ? 0 : 1).join(' '));
  } else if (verb === '-D') {
    const at = rules.indexOf(words.join(' '));
    if (at === -1) throw new Error(`no such rule: ${line}`);
    rules.splice(at, 1);
  } else throw new Error(`what is ${line}?`);
}
