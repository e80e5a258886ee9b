import type { Base, Chain, HookName, NamedSet, Rule } from '../../../src/packetpath/model.ts';
import type { Choices } from './choices.ts';
import { far, nodes, own, served } from './rig.ts';
import type { Family, Proto, Word } from './words.ts';
import * as words from './words.ts';

export interface MadeRule {
  readonly rule: Rule;
  readonly ipt: string;
  readonly nft: string;
}
export interface MadeChain {
  readonly chain: Chain;
  readonly rules: readonly MadeRule[];
}

/** What a rule set speaks of more than of other things, so that each comes up often enough to matter. */
export const focuses = ['anything', 'marks', 'translation', 'tracking'] as const;
export type Focus = (typeof focuses)[number];

/** Makes the rules of chains. */
export class RuleMaker {
  /** Sets that rules may ask: those of the table that is made. */
  sets: readonly NamedSet[] = [];
  readonly #choices: Choices;
  readonly #family: Family;
  readonly #focus: Focus;

  constructor(choices: Choices, family: Family, focus: Focus) {
    this.#choices = choices;
    this.#family = family;
    this.#focus = focus;
  }

  #condition(hook: HookName | null, table: string): Word {
    const not = this.#choices.chance(0.25);
    const family = this.#family;
    const roll = this.#choices.between(1, 100);
    const proto: Proto = this.#choices.chance(0.7) ? 'udp' : 'tcp';
    const [hasIn, hasOut] = sides(hook);
    if (this.#focus === 'marks' && this.#choices.chance(0.3)) return this.#markIs(not);
    if (this.#focus === 'tracking' && this.#choices.chance(0.3))
      return words.stateIn(this.#choices.pick([['untracked'], ['invalid'], ['new'], ['established', 'related']]), not);
    if (roll <= 18) return words.addressIn('s', family, this.#choices.prefix(), not);
    if (roll <= 36) return words.addressIn('d', family, this.#choices.prefix(), not);
    if (roll <= 46 && hasIn)
      return words.interfaceIs('i', this.#choices.pick(['br-one', 'br-two', 'eth0', 'br-+', 'lo']), not);
    if (roll <= 56 && hasOut)
      return words.interfaceIs('o', this.#choices.pick(['br-one', 'br-two', 'eth0', 'br-+', 'lo']), not);
    if (roll <= 70) return words.portIn('d', proto, this.#choices.ports(), not);
    if (roll <= 73) return words.portIn('s', proto, [[1024, 65535]], not);
    if (roll <= 76) return words.protocolIs(this.#choices.pick(['udp', 'tcp', 'icmp']), family, not);
    if (roll <= 82)
      return words.stateIn(
        this.#choices.pick([['new'], ['established', 'related'], ['invalid'], ['untracked'], ['new', 'established']]),
        not && table === '',
      );
    if (roll <= 84) return words.statusIs(this.#choices.pick(['dnat', 'snat']), not);
    if (roll <= 86) return words.directionIs(this.#choices.pick(['original', 'reply']));
    if (roll <= 88) return words.originalTo(family, this.#choices.pick(this.#choices.places()));
    if (roll <= 93) return this.#markIs(not);
    if (roll <= 95) return words.typeIs(this.#choices.pick(['s', 'd']), this.#choices.pick(['local', 'unicast']), not);
    if (roll <= 98 && this.sets.length > 0)
      return words.inSet(this.#choices.pick(['s', 'd']), family, this.#choices.pick(this.sets).name, not);
    if (roll <= 99 && hook !== null && hook !== 'output' && hook !== 'postrouting' && table !== '')
      return words.portOfBridge(this.#choices.pick(['vc1', 'vc2']), not);
    const canAskBack = hook === 'prerouting' || (hook === 'forward' && table === '');
    if (canAskBack && table !== 'nat')
      return words.reversePath(not ? 'there' : this.#choices.pick(['missing', 'there']));
    return words.addressIn('d', family, this.#choices.pick(this.#choices.places()), not);
  }

  #markIs(not: boolean): Word {
    return words.markIs(
      this.#choices.chance(0.6) ? 'packet' : 'ct',
      this.#choices.pick([0, 1, 2, 5]),
      this.#choices.pick([1, 2, 3, 5]),
      not,
    );
  }

  #end(hook: HookName | null, table: string, chains: readonly string[]): Word {
    const family = this.#family;
    const roll = this.#choices.between(1, 100);
    const isNat = table === 'nat';
    const marking = this.#focus === 'marks' && this.#choices.chance(0.5);
    if (marking && (table === 'mangle' || table === ''))
      return this.#choices.chance(0.7)
        ? words.setMark(this.#choices.pick(['packet', 'packet', 'ct']), this.#choices.between(0, 7), 7)
        : words.copyMark(this.#choices.pick(['packet', 'ct']));
    if (this.#focus === 'tracking' && this.#choices.chance(0.6) && table === 'raw') return words.notrack;
    if (isNat && hook !== null && this.#focus === 'translation' && this.#choices.chance(0.5)) {
      if (hook === 'prerouting' || hook === 'output')
        return words.dnatTo(
          family,
          this.#choices.target(),
          this.#choices.chance(0.5) ? this.#choices.pick(served) : null,
        );
      if (hook === 'postrouting') return words.masquerade;
    }
    if (isNat && hook !== null) {
      if (hook === 'prerouting' || hook === 'output') {
        if (roll <= 35)
          return words.dnatTo(
            family,
            this.#choices.target(),
            this.#choices.chance(0.5) ? this.#choices.pick(served) : null,
          );
        if (roll <= 50) return words.redirectTo(this.#choices.pick(served));
      } else if (hook === 'postrouting') {
        if (roll <= 40) return words.masquerade;
        if (roll <= 50) return words.snatTo(family, own.eth0[this.#choices.key()]);
      }
    }
    if (roll <= 72 && chains.length > 0 && this.#choices.chance(0.35))
      return words.jumpTo(this.#choices.chance(0.75) ? 'jump' : 'goto', this.#choices.pick(chains));
    if (isNat) return this.#choices.pick([words.verdicts.accept, words.verdicts.return, words.counted]);
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
      return words.setMark('packet', this.#choices.between(0, 3), 3);
    if (roll <= 95)
      return table === 'raw' || table === '' ? words.counted : words.setMark('ct', this.#choices.between(0, 3), 3);
    if (roll <= 97)
      return table === 'mangle' || table === '' ? words.copyMark(this.#choices.pick(['packet', 'ct'])) : words.counted;
    if (table === 'raw') return words.notrack;
    return words.counted;
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
    for (let more = this.#choices.between(this.#choices.chance(0.1) ? 0 : 1, 3); more > 0; more--) {
      const word = this.#choices.chance(0.01) && table !== 'nat' ? words.limited : this.#condition(hook, table);
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
        return [this.#choices.pick(served), this.#choices.pick(served)].map((port) => [
          words.portIn('d', 'udp', [[port, port]], false),
          words.setMark('packet', this.#choices.between(1, 7), 7),
        ]);
      if (!begins && hook !== 'postrouting' && (table === 'filter' || (table === '' && priority >= 0)))
        return [
          [words.markIs('packet', 1, 1, false), this.#choices.pick([words.verdicts.drop, words.verdicts.accept])],
        ];
    }
    if (this.#focus === 'translation') {
      const [inside, outside] = [nodes.c3[this.#choices.key()], far[this.#choices.key()][0] ?? ''];
      if (type === 'nat' && begins)
        return [[words.addressIn('d', family, outside, false), words.dnatTo(family, inside, null)]];
      if (type === 'filter' && (table === 'filter' || (table === '' && priority >= 0)) && hook !== 'postrouting')
        return [[words.addressIn('d', family, inside, false), words.verdicts.drop]];
    }
    return [];
  }

  chain(
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
}

export function chainText({ chain, rules }: MadeChain): string {
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
