import { prefixInterval, prefixOf } from '../../../src/ip/prefix.ts';
import type { Base, HookName, Listing, Rule, SetEntry, Table, Verdict } from '../../../src/packetpath/model.ts';
import type { Random } from '../../agreement/random.ts';
import { Choices } from './choices.ts';
import { nodeNames, nodes, type Probe, type Sender, served } from './rig.ts';
import { chainText, type Focus, type MadeChain, type MadeRule, RuleMaker } from './rules.ts';
import type { Family } from './words.ts';
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

/** Makes a rule set that speaks of the rig's addresses, interfaces and ports. */
export class Generator {
  readonly #choices: Choices;
  readonly #rules: RuleMaker;
  readonly #family: Family;
  readonly #variant: Variant;
  readonly #focus: Focus;
  #ipset = '';
  #nftSets: string[] = [];

  constructor(random: Random, variant: Variant, family: Family, focus: Focus) {
    this.#choices = new Choices(random, family);
    this.#rules = new RuleMaker(this.#choices, family, focus);
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
        if (name !== 'filter' && this.#focus === 'anything' && !this.#choices.chance(0.7)) continue;
        const made = this.#iptablesTable(name);
        const family = this.#family === 4 ? 'ip' : 'ip6';
        tables.push({ ...made.table, engine: engine === 'nft' ? 'nf_tables' : 'legacy', family });
        text.push(made.text);
      }
      iptables = { engine, text: text.join('') };
    }
    let nft = '';
    if (native) {
      for (let number = this.#choices.between(1, 3); number > 0; number--) {
        this.#makeSets('nft');
        const made = this.#nativeTable(`t${number}`);
        tables.push(made.table);
        nft += made.text;
      }
      if (this.#choices.chance(0.4)) {
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
      brNetfilter: this.#choices.chance(0.5),
    };
  }

  /** Probes from everybody to everybody. */
  probes(count: number): readonly Probe[] {
    const senders: readonly Sender[] = [...nodeNames, 'host'];
    const probes: Probe[] = [];
    while (probes.length < count) {
      const from = this.#choices.pick(senders) as Sender;
      const to = this.#choices.pick(this.#choices.places()) as string;
      if (from !== 'host' && (to === nodes[from].v4 || to === nodes[from].v6)) continue;
      if (from === 'lan' && this.#isFar(to)) continue;
      const proto = this.#choices.chance(0.7) ? 'udp' : this.#choices.chance(0.6) ? 'tcp' : 'icmp';
      probes.push({ from, to, proto, port: proto === 'icmp' ? 0 : this.#choices.pick(served) });
    }
    return probes;
  }

  #isFar(to: string): boolean {
    return to.startsWith('10.') || to.startsWith('fd00:10:');
  }

  #iptablesTable(name: TableName): { readonly table: Omit<Table, 'engine' | 'family'>; readonly text: string } {
    const { hooks, priority } = tablesOfIptables[name];
    const further = ['X-A', 'X-B', 'X-C'].slice(0, this.#choices.between(1, 3));
    const chains: MadeChain[] = hooks.map((hook) => {
      const base: Base = {
        hook,
        priority: priority ?? natPriority[hook as keyof typeof natPriority],
        type: name === 'nat' ? 'nat' : 'filter',
        policy: name === 'filter' && this.#choices.chance(0.3) ? 'drop' : 'accept',
      };
      return this.#rules.chain(
        hook.toUpperCase(),
        base,
        name,
        further,
        'ipt',
        this.#choices.between(0, name === 'filter' ? 6 : 3),
      );
    });
    further.forEach((chain, index) => {
      chains.push(this.#rules.chain(chain, null, name, further.slice(index + 1), 'ipt', this.#choices.between(1, 4)));
    });
    const head = chains
      .map(({ chain }) => `:${chain.name} ${chain.base?.policy.toUpperCase() ?? '-'} [0:0]\n`)
      .join('');
    const body = chains.flatMap(({ chain, rules }) => rules.map(({ ipt }) => `-A ${chain.name} ${ipt}\n`)).join('');
    return {
      table: { name, chains: chains.map(({ chain }) => chain), sets: this.#rules.sets, partial: false },
      text: `*${name}\n${head}${body}COMMIT\n`,
    };
  }

  #nativeTable(name: string): { readonly table: Table; readonly text: string } {
    const narrow = this.#family === 4 ? 'ip' : 'ip6';
    const family = this.#choices.chance(0.6) ? 'inet' : narrow;
    const further = ['xa', 'xb', 'xc'].slice(0, this.#choices.between(1, 3));
    const hooks: readonly HookName[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
    const chains: MadeChain[] = [];
    for (let number = this.#choices.between(2, 5); number > 0; number--) {
      const hook = this.#choices.pick(hooks);
      const isNat = hook !== 'forward' && this.#choices.chance(this.#focus === 'translation' ? 0.6 : 0.3);
      const priority = isNat
        ? natPriority[hook as keyof typeof natPriority] + this.#choices.pick([0, 0, 1, 5])
        : this.#choices.pick([-300, -150, -100, -10, 0, 0, 0, 10, 50, 100]);
      const base: Base = {
        hook,
        priority,
        type: isNat ? 'nat' : 'filter',
        policy: !isNat && this.#choices.chance(0.12) ? 'drop' : 'accept',
      };
      chains.push(
        this.#rules.chain(
          `b${number}`,
          base,
          isNat ? 'nat' : '',
          isNat ? [] : further,
          'nft',
          this.#choices.between(1, 4),
        ),
      );
    }
    further.forEach((chain, index) => {
      chains.push(this.#rules.chain(chain, null, '', further.slice(index + 1), 'nft', this.#choices.between(1, 4)));
    });
    const mapped = this.#withMap(chains, further);
    return {
      table: {
        engine: 'nf_tables',
        family,
        name,
        chains: mapped.map(({ chain }) => chain),
        sets: this.#rules.sets,
        partial: false,
      },
      text: `table ${family} ${name} {\n${this.#nftSets.join('')}${mapped.map(chainText).join('')}}\n`,
    };
  }

  /** Puts a verdict map before the rules of one base chain. */
  #withMap(chains: readonly MadeChain[], further: readonly string[]): readonly MadeChain[] {
    const at = chains.findIndex(({ chain }) => chain.base !== null && chain.base.type !== 'nat');
    if (at < 0 || !this.#choices.chance(0.7)) return chains;
    return chains.map((made, index) => {
      if (index !== at) return made;
      const ports = [...new Set([this.#choices.pick(served), this.#choices.pick(served), this.#choices.pick(served)])];
      const entries = ports.map((port) => {
        const verdict = this.#choices.pick<Verdict>([
          { kind: 'accept' },
          { kind: 'drop' },
          { kind: 'continue' },
          { kind: 'jump', chain: this.#choices.pick(further) },
          { kind: 'goto', chain: this.#choices.pick(further) },
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
      if (!this.#choices.chance(0.5)) return [];
      const base: Base = { hook, priority: this.#choices.pick([-300, -1, 0, 10]), type: 'filter', policy: 'accept' };
      const rules = Array.from({ length: this.#choices.between(1, 2) }, (_, index): MadeRule => {
        const conditions = [
          words.addressIn(this.#choices.pick(['s', 'd']), this.#family, this.#choices.prefix(), false),
          this.#choices.chance(0.6)
            ? words.portIn('d', 'udp', this.#choices.ports(), false)
            : words.interfaceIs('i', this.#choices.pick(['vc1', 'vc2', 'vc3']), false),
          ...(this.#choices.chance(0.3)
            ? [words.frameTo(this.#choices.pick(['link-local', 'everybody']), this.#choices.chance(0.5))]
            : []),
        ];
        const all = [
          ...conditions,
          this.#choices.chance(0.4)
            ? words.verdicts.drop
            : this.#choices.chance(0.5)
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
    this.#rules.sets = [];
    this.#nftSets = [];
    if (!this.#choices.chance(0.8)) return;
    const prefixes = [...new Set(Array.from({ length: 3 }, () => this.#choices.prefix()))];
    const entry = (prefix: string, except: boolean): SetEntry => {
      const { low, high } = prefixInterval(prefixOf(prefix));
      return { key: [words.one(low, high)], verdict: null, except };
    };
    if (language === 'ipset') {
      const exceptions = [this.#choices.pick(this.#choices.places())].filter((place) => !prefixes.includes(place));
      this.#ipset =
        `create nets hash:net family ${family === 4 ? 'inet' : 'inet6'}\n` +
        prefixes.map((prefix) => `add nets ${prefix}\n`).join('') +
        exceptions.map((place) => `add nets ${place} nomatch\n`).join('');
      const entries = [
        ...prefixes.map((prefix) => entry(prefix, false)),
        ...exceptions.map((place) => entry(place, true)),
      ];
      this.#rules.sets = [{ name: 'nets', fields: ['saddr'], entries, uncertain: false }];
    } else {
      const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
      this.#nftSets = [
        `\tset nets { type ${type}; flags interval; auto-merge; elements = { ${prefixes.join(', ')} }; }\n`,
      ];
      this.#rules.sets = [
        { name: 'nets', fields: ['saddr'], entries: prefixes.map((prefix) => entry(prefix, false)), uncertain: false },
      ];
    }
  }
}
