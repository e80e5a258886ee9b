import { prefixInterval, prefixOf } from '../../../src/ip/prefix.ts';
import type {
  Base,
  Chain,
  HookName,
  Listing,
  NamedSet,
  Rule,
  SetEntry,
  Table,
  Verdict,
} from '../../../src/packetpath/model.ts';
import type { Random } from '../../agreement/random.ts';
import { far, nodeNames, nodes, own, type Probe, type Sender, served } from './rig.ts';
import type { Family, Proto, Word } from './words.ts';
import * as words from './words.ts';

/** How rules get into the kernel. */
export const variants = ['legacy', 'iptables-nft', 'nft', 'both'] as const;
export type Variant = (typeof variants)[number];

/** A rule set as the walk takes it, and as the programs load it. */
export interface RuleSet {
  readonly seed: number;
  readonly variant: Variant;
  readonly family: Family;
  readonly listing: Listing;
  /** For `ipset restore`, for iptables-restore or ip6tables-restore of either engine, and for `nft -f`. */
  readonly ipset: string;
  readonly iptables: { readonly engine: 'legacy' | 'nft'; readonly text: string } | null;
  readonly nft: string;
  readonly brNetfilter: boolean;
}

const tablesOfIptables = {
  raw: { priority: -300, hooks: ['prerouting', 'output'] },
  mangle: { priority: -150, hooks: ['prerouting', 'input', 'forward', 'output', 'postrouting'] },
  nat: { priority: null, hooks: ['prerouting', 'input', 'output', 'postrouting'] },
  filter: { priority: 0, hooks: ['input', 'forward', 'output'] },
  security: { priority: 50, hooks: ['input', 'forward', 'output'] },
} as const;
type TableName = keyof typeof tablesOfIptables;

const natPriority = { prerouting: -100, output: -100, input: 100, postrouting: 100 } as const;

interface MadeRule {
  readonly rule: Rule;
  readonly ipt: string;
  readonly nft: string;
}
interface MadeChain {
  readonly chain: Chain;
  readonly rules: readonly MadeRule[];
}

/** What a rule set speaks of more than of other things, so that each comes up often enough to matter. */
export const focuses = ['anything', 'marks', 'translation', 'tracking'] as const;
type Focus = (typeof focuses)[number];

/** Makes a rule set that speaks of the rig's addresses, interfaces and ports. */
export class Generator {
  readonly #random: Random;
  readonly #family: Family;
  readonly #variant: Variant;
  readonly #focus: Focus;
  #sets: NamedSet[] = [];
  #ipset = '';
  #nftSets: string[] = [];

  constructor(random: Random, variant: Variant, family: Family, focus: Focus) {
    this.#random = random;
    this.#variant = variant;
    this.#family = family;
    this.#focus = focus;
  }

  make(seed: number): RuleSet {
    const native = this.#variant === 'nft' || this.#variant === 'both';
    const viaIptables = this.#variant !== 'nft';
    const tables: Table[] = [];
    let iptables: RuleSet['iptables'] = null;
    if (viaIptables) {
      this.#makeSets('ipset');
      const engine = this.#variant === 'iptables-nft' ? 'nft' : 'legacy';
      const text: string[] = [];
      for (const name of Object.keys(tablesOfIptables) as TableName[]) {
        if (name !== 'filter' && this.#focus === 'anything' && !this.#chance(0.7)) continue;
        const made = this.#iptablesTable(name);
        const family = this.#family === 4 ? 'ip' : 'ip6';
        tables.push({ ...made.table, engine: engine === 'nft' ? 'nf_tables' : 'legacy', family });
        text.push(made.text);
      }
      iptables = { engine, text: text.join('') };
    }
    let nft = '';
    if (native) {
      for (let number = this.#random.between(1, 3); number > 0; number--) {
        this.#makeSets('nft');
        const made = this.#nativeTable(`t${number}`);
        tables.push(made.table);
        nft += made.text;
      }
      if (this.#chance(0.4)) {
        const made = this.#bridgeTable();
        tables.push(made.table);
        nft += made.text;
      }
    }
    return {
      seed,
      variant: this.#variant,
      family: this.#family,
      listing: { tables, unread: [] },
      ipset: this.#ipset,
      iptables,
      nft,
      brNetfilter: this.#chance(0.5),
    };
  }

  /** Probes from everybody to everybody. */
  probes(count: number): readonly Probe[] {
    const senders: readonly Sender[] = [...nodeNames, 'host'];
    const probes: Probe[] = [];
    while (probes.length < count) {
      const from = this.#random.pick(senders) as Sender;
      const to = this.#random.pick(this.#places()) as string;
      if (from !== 'host' && (to === nodes[from].v4 || to === nodes[from].v6)) continue;
      if (from === 'lan' && this.#isFar(to)) continue;
      const proto = this.#chance(0.7) ? 'udp' : this.#chance(0.6) ? 'tcp' : 'icmp';
      probes.push({ from, to, proto, port: proto === 'icmp' ? 0 : this.#random.pick(served) });
    }
    return probes;
  }

  #isFar(to: string): boolean {
    return to.startsWith('10.') || to.startsWith('fd00:10:');
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random.next() * from.length)] as T;
  }

  #key(): 'v4' | 'v6' {
    return this.#family === 4 ? 'v4' : 'v6';
  }

  #places(): readonly string[] {
    const key = this.#key();
    return [
      ...nodeNames.map((name) => nodes[name][key]),
      ...Object.values(own).map((each) => each[key]),
      ...far[key],
      ...far[key],
    ];
  }

  #prefix(): string {
    const four = ['172.21.0.0/16', '172.22.0.0/16', '172.16.0.0/12', '10.0.0.0/8', '10.200.0.0/16', '192.168.0.0/16'];
    const six = ['fd00:21::/64', 'fd00:22::/64', 'fd00:10::/32', 'fd00:7::/64', 'fd00::/16'];
    return this.#chance(0.5) ? this.#pick(this.#family === 4 ? four : six) : this.#pick(this.#places());
  }

  #ports(): readonly (readonly [number, number])[] {
    const range = (): readonly [number, number] => {
      const low = this.#pick(served);
      if (this.#chance(0.6)) return [low, low];
      return [low, this.#pick(served.filter((port) => port >= low))];
    };
    const count = this.#chance(0.6) ? 1 : this.#random.between(2, 4);
    const ranges = Array.from({ length: count }, range).toSorted((a, b) => a[0] - b[0]);
    return ranges.filter(([low], index) => index === 0 || low > (ranges[index - 1]?.[1] ?? 0));
  }

  #condition(hook: HookName | null, table: string): Word {
    const not = this.#chance(0.25);
    const family = this.#family;
    const roll = this.#random.between(1, 100);
    const proto: Proto = this.#chance(0.7) ? 'udp' : 'tcp';
    const [hasIn, hasOut] = sides(hook);
    if (this.#focus === 'marks' && this.#chance(0.3)) return this.#markIs(not);
    if (this.#focus === 'tracking' && this.#chance(0.3))
      return words.stateIn(this.#pick([['untracked'], ['invalid'], ['new'], ['established', 'related']]), not);
    if (roll <= 18) return words.addressIn('s', family, this.#prefix(), not);
    if (roll <= 36) return words.addressIn('d', family, this.#prefix(), not);
    if (roll <= 46 && hasIn) return words.interfaceIs('i', this.#pick(['br-one', 'br-two', 'eth0', 'br-+', 'lo']), not);
    if (roll <= 56 && hasOut)
      return words.interfaceIs('o', this.#pick(['br-one', 'br-two', 'eth0', 'br-+', 'lo']), not);
    if (roll <= 70) return words.portIn('d', proto, this.#ports(), not);
    if (roll <= 73) return words.portIn('s', proto, [[1024, 65535]], not);
    if (roll <= 76) return words.protocolIs(this.#pick(['udp', 'tcp', 'icmp']), family, not);
    if (roll <= 82)
      return words.stateIn(
        this.#pick([['new'], ['established', 'related'], ['invalid'], ['untracked'], ['new', 'established']]),
        not && table === '',
      );
    if (roll <= 84) return words.statusIs(this.#pick(['dnat', 'snat']), not);
    if (roll <= 86) return words.directionIs(this.#pick(['original', 'reply']));
    if (roll <= 88) return words.originalTo(family, this.#pick(this.#places()));
    if (roll <= 93) return this.#markIs(not);
    if (roll <= 95) return words.typeIs(this.#pick(['s', 'd']), this.#pick(['local', 'unicast']), not);
    if (roll <= 98 && this.#sets.length > 0)
      return words.inSet(this.#pick(['s', 'd']), family, this.#pick(this.#sets).name, not);
    if (roll <= 99 && hook !== null && hook !== 'output' && hook !== 'postrouting' && table !== '')
      return words.portOfBridge(this.#pick(['vc1', 'vc2']), not);
    const canAskBack = hook === 'prerouting' || (hook === 'forward' && table === '');
    if (canAskBack && table !== 'nat') return words.reversePath(not ? 'there' : this.#pick(['missing', 'there']));
    return words.addressIn('d', family, this.#pick(this.#places()), not);
  }

  #markIs(not: boolean): Word {
    return words.markIs(this.#chance(0.6) ? 'packet' : 'ct', this.#pick([0, 1, 2, 5]), this.#pick([1, 2, 3, 5]), not);
  }

  #end(hook: HookName | null, table: string, chains: readonly string[]): Word {
    const family = this.#family;
    const roll = this.#random.between(1, 100);
    const isNat = table === 'nat';
    const marking = this.#focus === 'marks' && this.#chance(0.5);
    if (marking && (table === 'mangle' || table === ''))
      return this.#chance(0.7)
        ? words.setMark(this.#pick(['packet', 'packet', 'ct']), this.#random.between(0, 7), 7)
        : words.copyMark(this.#pick(['packet', 'ct']));
    if (this.#focus === 'tracking' && this.#chance(0.6) && table === 'raw') return words.notrack;
    if (isNat && hook !== null && this.#focus === 'translation' && this.#chance(0.5)) {
      if (hook === 'prerouting' || hook === 'output')
        return words.dnatTo(family, this.#target(), this.#chance(0.5) ? this.#pick(served) : null);
      if (hook === 'postrouting') return words.masquerade;
    }
    if (isNat && hook !== null) {
      if (hook === 'prerouting' || hook === 'output') {
        if (roll <= 35) return words.dnatTo(family, this.#target(), this.#chance(0.5) ? this.#pick(served) : null);
        if (roll <= 50) return words.redirectTo(this.#pick(served));
      } else if (hook === 'postrouting') {
        if (roll <= 40) return words.masquerade;
        if (roll <= 50) return words.snatTo(family, own.eth0[this.#key()]);
      }
    }
    if (roll <= 72 && chains.length > 0 && this.#chance(0.35))
      return words.jumpTo(this.#chance(0.75) ? 'jump' : 'goto', this.#pick(chains));
    if (isNat) return this.#pick([words.verdicts.accept, words.verdicts.return, words.counted]);
    if (roll <= 66) return words.verdicts.accept;
    if (roll <= 74) return words.verdicts.drop;
    if (roll <= 80) return words.verdicts.return;
    if (
      roll <= 84 &&
      (table === 'filter' || table === '') &&
      hook !== 'prerouting' &&
      hook !== 'postrouting' &&
      hook !== null
    )
      return words.verdicts.reject;
    if (roll <= 92 && (table === 'mangle' || table === ''))
      return words.setMark('packet', this.#random.between(0, 3), 3);
    if (roll <= 95)
      return table === 'raw' || table === '' ? words.counted : words.setMark('ct', this.#random.between(0, 3), 3);
    if (roll <= 97)
      return table === 'mangle' || table === '' ? words.copyMark(this.#pick(['packet', 'ct'])) : words.counted;
    if (table === 'raw') return words.notrack;
    return words.counted;
  }

  /** Where DNAT may lead: a container, or a host of the LAN. */
  #target(): string {
    return this.#pick(nodeNames.map((name) => nodes[name][this.#key()]));
  }

  #rule(
    number: number,
    hook: HookName | null,
    table: string,
    chains: readonly string[],
    language: 'ipt' | 'nft',
  ): MadeRule {
    const conditions: Word[] = [];
    let protocol = false;
    for (let more = this.#random.between(this.#chance(0.1) ? 0 : 1, 3); more > 0; more--) {
      const word = this.#chance(0.01) && table !== 'nat' ? words.limited : this.#condition(hook, table);
      if (word[language] === null) continue;
      if (word.ipt?.includes('-p ') === true) {
        if (protocol) continue;
        protocol = true;
      }
      if (conditions.some((other) => clash(other.ipt, word.ipt))) continue;
      conditions.push(word);
    }
    let last = this.#end(hook, table, chains);
    // REDIRECT and DNAT with a port need the protocol
    if (
      /--to-ports|--to-destination \S*(\d:\d+|\]:)/.test(last.ipt ?? '') &&
      !conditions.some(({ ipt }) => /^-p (udp|tcp)/.test(ipt ?? ''))
    )
      if (protocol) last = words.verdicts.accept;
      else conditions.unshift(words.protocolIs('udp', this.#family, false));
    return ruleOf(number, [...conditions, last], language);
  }

  /** Rules that work together over several hooks, which rules made one by one hardly ever do. */
  #aimed({ hook, type, priority }: Base, table: string): readonly (readonly Word[])[] {
    const family = this.#family;
    const begins = hook === 'prerouting' || hook === 'output';
    if (this.#focus === 'marks') {
      if (begins && type === 'filter' && (table === 'mangle' || (table === '' && priority < 0)))
        return [this.#pick(served), this.#pick(served)].map((port) => [
          words.portIn('d', 'udp', [[port, port]], false),
          words.setMark('packet', this.#random.between(1, 7), 7),
        ]);
      if (!begins && hook !== 'postrouting' && (table === 'filter' || (table === '' && priority >= 0)))
        return [[words.markIs('packet', 1, 1, false), this.#pick([words.verdicts.drop, words.verdicts.accept])]];
    }
    if (this.#focus === 'translation') {
      const [inside, outside] = [nodes.c3[this.#key()], far[this.#key()][0] ?? ''];
      if (type === 'nat' && begins)
        return [[words.addressIn('d', family, outside, false), words.dnatTo(family, inside, null)]];
      if (type === 'filter' && (table === 'filter' || (table === '' && priority >= 0)) && hook !== 'postrouting')
        return [[words.addressIn('d', family, inside, false), words.verdicts.drop]];
    }
    return [];
  }

  #chain(
    name: string,
    base: Base | null,
    table: string,
    further: readonly string[],
    language: 'ipt' | 'nft',
    count: number,
  ): MadeChain {
    const aimed = base === null ? [] : this.#aimed(base, table);
    const rules = [
      ...aimed.map((parts, index) => ruleOf(index + 1, parts, language)),
      ...Array.from({ length: count }, (_, index) =>
        this.#rule(aimed.length + index + 1, base?.hook ?? null, table, further, language),
      ),
    ];
    return { chain: { name, base, rules: rules.map(({ rule }) => rule) }, rules };
  }

  #iptablesTable(name: TableName): { readonly table: Omit<Table, 'engine' | 'family'>; readonly text: string } {
    const { hooks, priority } = tablesOfIptables[name];
    const further = ['X-A', 'X-B', 'X-C'].slice(0, this.#random.between(1, 3));
    const chains: MadeChain[] = hooks.map((hook) => {
      const base: Base = {
        hook,
        priority: priority ?? natPriority[hook as keyof typeof natPriority],
        type: name === 'nat' ? 'nat' : 'filter',
        policy: name === 'filter' && this.#chance(0.3) ? 'drop' : 'accept',
      };
      return this.#chain(
        hook.toUpperCase(),
        base,
        name,
        further,
        'ipt',
        this.#random.between(0, name === 'filter' ? 6 : 3),
      );
    });
    further.forEach((chain, index) => {
      chains.push(this.#chain(chain, null, name, further.slice(index + 1), 'ipt', this.#random.between(1, 4)));
    });
    const head = chains
      .map(({ chain }) => `:${chain.name} ${chain.base?.policy.toUpperCase() ?? '-'} [0:0]\n`)
      .join('');
    const body = chains.flatMap(({ chain, rules }) => rules.map(({ ipt }) => `-A ${chain.name} ${ipt}\n`)).join('');
    return {
      table: { name, chains: chains.map(({ chain }) => chain), sets: this.#sets, partial: false },
      text: `*${name}\n${head}${body}COMMIT\n`,
    };
  }

  #nativeTable(name: string): { readonly table: Table; readonly text: string } {
    const narrow = this.#family === 4 ? 'ip' : 'ip6';
    const family = this.#chance(0.6) ? 'inet' : narrow;
    const further = ['xa', 'xb', 'xc'].slice(0, this.#random.between(1, 3));
    const hooks: readonly HookName[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
    const chains: MadeChain[] = [];
    for (let number = this.#random.between(2, 5); number > 0; number--) {
      const hook = this.#pick(hooks);
      const isNat = hook !== 'forward' && this.#chance(this.#focus === 'translation' ? 0.6 : 0.3);
      const priority = isNat
        ? natPriority[hook as keyof typeof natPriority] + this.#pick([0, 0, 1, 5])
        : this.#pick([-300, -150, -100, -10, 0, 0, 0, 10, 50, 100]);
      const base: Base = {
        hook,
        priority,
        type: isNat ? 'nat' : 'filter',
        policy: !isNat && this.#chance(0.12) ? 'drop' : 'accept',
      };
      chains.push(
        this.#chain(`b${number}`, base, isNat ? 'nat' : '', isNat ? [] : further, 'nft', this.#random.between(1, 4)),
      );
    }
    further.forEach((chain, index) => {
      chains.push(this.#chain(chain, null, '', further.slice(index + 1), 'nft', this.#random.between(1, 4)));
    });
    const mapped = this.#withMap(chains, further);
    return {
      table: {
        engine: 'nf_tables',
        family,
        name,
        chains: mapped.map(({ chain }) => chain),
        sets: this.#sets,
        partial: false,
      },
      text: `table ${family} ${name} {\n${this.#nftSets.join('')}${mapped.map(chainText).join('')}}\n`,
    };
  }

  /** Puts a verdict map before the rules of one base chain. */
  #withMap(chains: readonly MadeChain[], further: readonly string[]): readonly MadeChain[] {
    const at = chains.findIndex(({ chain }) => chain.base !== null && chain.base.type !== 'nat');
    if (at < 0 || !this.#chance(0.7)) return chains;
    return chains.map((made, index) => {
      if (index !== at) return made;
      const ports = [...new Set([this.#pick(served), this.#pick(served), this.#pick(served)])];
      const entries = ports.map((port) => {
        const verdict = this.#pick<Verdict>([
          { kind: 'accept' },
          { kind: 'drop' },
          { kind: 'continue' },
          { kind: 'jump', chain: this.#pick(further) },
          { kind: 'goto', chain: this.#pick(further) },
        ]);
        const text = 'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
        return { key: [words.one(17), words.one(port)], verdict, text: `udp . ${port} : ${text}` };
      });
      const nft = `meta l4proto . th dport vmap { ${entries.map(({ text }) => text).join(', ')} }`;
      const rule: Rule = {
        place: { number: 1 },
        text: nft,
        comment: null,
        counted: null,
        lost: [],
        steps: [
          {
            kind: 'vmap',
            fields: [{ field: 'l4proto' }, { field: 'dport' }],
            entries: entries.map(({ key, verdict }) => ({ key, verdict })),
          },
        ],
      };
      const rules = [
        { rule, ipt: '', nft },
        ...made.rules.map((each, number) => ({ ...each, rule: { ...each.rule, place: { number: number + 2 } } })),
      ];
      return { chain: { ...made.chain, rules: rules.map((each) => each.rule) }, rules };
    });
  }

  #bridgeTable(): { readonly table: Table; readonly text: string } {
    const chains = (['prerouting', 'forward', 'input', 'postrouting'] as const).flatMap((hook): MadeChain[] => {
      if (!this.#chance(0.5)) return [];
      const base: Base = { hook, priority: this.#pick([-300, -1, 0, 10]), type: 'filter', policy: 'accept' };
      const rules = Array.from({ length: this.#random.between(1, 2) }, (_, index): MadeRule => {
        const conditions = [
          words.addressIn(this.#pick(['s', 'd']), this.#family, this.#prefix(), false),
          this.#chance(0.6)
            ? words.portIn('d', 'udp', this.#ports(), false)
            : words.interfaceIs('i', this.#pick(['vc1', 'vc2', 'vc3']), false),
          ...(this.#chance(0.3) ? [words.frameTo(this.#pick(['link-local', 'everybody']), this.#chance(0.5))] : []),
        ];
        const all = [
          ...conditions,
          this.#chance(0.4)
            ? words.verdicts.drop
            : this.#chance(0.5)
              ? words.setMark('packet', 1, 3)
              : words.verdicts.accept,
        ];
        const nft = all.map((word) => word.nft).join(' ');
        const rule = {
          place: { number: index + 1 },
          text: nft,
          comment: null,
          counted: null,
          steps: all.flatMap(({ steps }) => steps),
          lost: [],
        };
        return { rule, ipt: '', nft };
      });
      return [{ chain: { name: hook, base, rules: rules.map(({ rule }) => rule) }, rules }];
    });
    return {
      table: {
        engine: 'nf_tables',
        family: 'bridge',
        name: 'br',
        chains: chains.map(({ chain }) => chain),
        sets: [],
        partial: false,
      },
      text: `table bridge br {\n${chains.map(chainText).join('')}}\n`,
    };
  }

  #makeSets(language: 'ipset' | 'nft'): void {
    const family = this.#family;
    this.#sets = [];
    this.#nftSets = [];
    if (!this.#chance(0.8)) return;
    const prefixes = [...new Set(Array.from({ length: 3 }, () => this.#prefix()))];
    const entry = (prefix: string, except: boolean): SetEntry => {
      const { low, high } = prefixInterval(prefixOf(prefix));
      return { key: [words.one(low, high)], verdict: null, except };
    };
    if (language === 'ipset') {
      const exceptions = [this.#pick(this.#places())].filter((place) => !prefixes.includes(place));
      this.#ipset =
        `create nets hash:net family ${family === 4 ? 'inet' : 'inet6'}\n` +
        prefixes.map((prefix) => `add nets ${prefix}\n`).join('') +
        exceptions.map((place) => `add nets ${place} nomatch\n`).join('');
      const entries = [
        ...prefixes.map((prefix) => entry(prefix, false)),
        ...exceptions.map((place) => entry(place, true)),
      ];
      this.#sets = [{ name: 'nets', fields: ['saddr'], entries, uncertain: false }];
    } else {
      const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
      this.#nftSets = [
        `\tset nets { type ${type}; flags interval; auto-merge; elements = { ${prefixes.join(', ')} }; }\n`,
      ];
      this.#sets = [
        { name: 'nets', fields: ['saddr'], entries: prefixes.map((prefix) => entry(prefix, false)), uncertain: false },
      ];
    }
  }
}

function chainText({ chain, rules }: MadeChain): string {
  const { base } = chain;
  const head =
    base === null ? '' : `\t\ttype ${base.type} hook ${base.hook} priority ${base.priority}; policy ${base.policy};\n`;
  return `\tchain ${chain.name} {\n${head}${rules.map(({ nft }) => `\t\t${nft}\n`).join('')}\t}\n`;
}

/** Which interfaces iptables lets a rule ask for. */
function sides(hook: HookName | null): readonly [boolean, boolean] {
  if (hook === null) return [true, true];
  return [
    hook === 'prerouting' || hook === 'input' || hook === 'forward',
    hook === 'forward' || hook === 'output' || hook === 'postrouting',
  ];
}

/** iptables takes each option once. */
function clash(a: string | null, b: string | null): boolean {
  const option = (text: string | null) => /(^|\s)(-[sdio]|-m \S+)\s/.exec(text ?? '')?.[2];
  return option(a) !== undefined && option(a) === option(b);
}

function ruleOf(number: number, all: readonly Word[], language: 'ipt' | 'nft'): MadeRule {
  const ipt = all.map((word) => word.ipt).join(' ');
  const nft = all.map((word) => word.nft).join(' ');
  const steps = all.flatMap((word) => (language === 'ipt' ? (word.iptSteps ?? word.steps) : word.steps));
  const text = language === 'ipt' ? ipt : nft;
  return { rule: { place: { number }, text, comment: null, counted: null, steps, lost: [] }, ipt, nft };
}
