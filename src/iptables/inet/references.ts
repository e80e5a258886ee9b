import type { Family } from '../../ip/address.ts';
import type { Chain, Element, KeyPart, NftSet, Table } from '../../nftables/model.ts';
import { Numbering, type Numbers } from '../dispatch.ts';
import { bits } from '../marks.ts';
import type { IpSet, IpSetElement, Match, Target, XChain, XRule } from '../model.ts';
import { digest, type Names } from '../names.ts';
import { isInterface } from '../print.ts';
import {
  destinationSet,
  type HeldSet,
  heldDestinations,
  type InterfaceNames,
  interfaceSet,
  type Lookup,
  placeSet,
} from '../sets.ts';
import { prefixes, rangeText, type Translation, targetOf } from '../translate.ts';

/** The interfaces of a host, as rules name them. */
export interface HostInterfaces {
  /** Names of all interfaces that are neither a bridge nor a port of one. */
  readonly plainInterfaces: readonly string[];
  readonly interfaces: InterfaceNames;
}

/** What the rules of one family are made of. */
export interface ReferenceSource {
  /** `table inet sluice` of nftables. */
  readonly inet: Table;
  readonly family: Family;
  readonly names: Names;
  readonly facts: HostInterfaces;
  /** Those of what stands, so that they stay. */
  readonly numbers: Numbers | undefined;
}

/** A set of who is where: the neutral one it stands for, and what is said of an element. */
interface Places {
  readonly neutral: string;
  readonly mark: ((element: Element) => IpSetElement['mark'] | null) | undefined;
}

/** Whether a neutral set says who is where: such change with each container, and no rule by what is in them. */
export const isOfPlaces = ({ key }: NftSet): boolean => key[0] === 'iface_index';

/**
 * What the rules of one family refer to by the names of the neutral rules: their chains and sets. A set, or a chain that
 * no neutral one stands for, is made when a rule first refers to it, so nothing stands that no rule asks for.
 */
export class References {
  /** By which each map of senders that was referred to says where their packets go. */
  readonly numberings = new Map<string, Numbering>();
  readonly inet: Table;
  readonly family: Family;
  readonly #names: Names;
  readonly #host: HostInterfaces;
  readonly #numbers: Numbers | undefined;
  readonly #neutral: ReadonlyMap<string, NftSet>;
  readonly #sets = new Map<string, IpSet>();
  readonly #lookups = new Map<string, readonly Lookup[]>();
  readonly #sent = new Map<string, XChain>();
  readonly #trees: XChain[] = [];

  /** Names of neutral sets. */
  readonly #asked = new Set<string>();
  /** Sets of places, by their names. */
  readonly #places = new Map<string, Places>();

  constructor({ inet, family, names, facts, numbers }: ReferenceSource) {
    this.inet = inet;
    this.family = family;
    this.#names = names;
    this.#host = facts;
    this.#numbers = numbers;
    this.#neutral = new Map(inet.sets.map((set) => [set.name, set]));
  }

  /** All that were referred to so far; what a list is made of stands before it. */
  get sets(): readonly IpSet[] {
    return [...this.#sets.values()];
  }

  /** Those that no neutral chain stands for: trees by which senders' numbers lead to programs, and `sent-…`. */
  get chains(): readonly XChain[] {
    return [...this.#trees, ...this.#sent.values()];
  }

  /** The sets of a table that were referred to here. */
  asked({ sets }: Table): readonly NftSet[] {
    return sets.filter(({ name }) => this.#asked.has(name));
  }

  /** A set as it is when others are where its neutral one says; one that is not of places is the same. */
  placesAgain(set: IpSet, { sets }: Table, interfaces: InterfaceNames): IpSet {
    const places = this.#places.get(set.name);
    const neutral = places && sets.find(({ name }) => name === places.neutral);
    return neutral === undefined ? set : placeSet(neutral, this.family, this.#names, interfaces, places?.mark);
  }

  chain(name: string, rules: readonly XRule[]): XChain {
    return { name: this.#names.chain(name), rules };
  }

  goto(name: string): Target {
    return { kind: 'goto', chain: this.#names.chain(name) };
  }

  jump(name: string): Target {
    return { kind: 'jump', chain: this.#names.chain(name) };
  }

  /** @throws TypeError when there is none of that name */
  neutralChain(name: string): Chain {
    const chain = this.inet.chains.find((one) => one.name === name);
    if (chain === undefined) throw new TypeError(`the rules have no chain ${name}`);
    return chain;
  }

  /** The packet arrived by an interface of that set. */
  from(set: string): Match {
    return { kind: 'set', set: this.#interfaces(set), of: 'src,src' };
  }

  notFrom(set: string): Match {
    return { kind: 'set', set: this.#interfaces(set), of: 'src,src', not: true };
  }

  /** It leaves by one. */
  towards(set: string): Match {
    return { kind: 'set', set: this.#interfaces(set), of: 'dst,dst' };
  }

  /** For chains in which accepting and refusing come to this. */
  translation(verdicts: Pick<Translation, 'accept' | 'refuse' | 'decided'>): Translation {
    const t: Translation = {
      ...verdicts,
      family: this.family,
      names: this.#names,
      setOf: (name) => this.#neutralSet(name),
      lookups: (name) => this.#lookupsOf(name),
      interfaces: (name) => this.#interfaces(name),
      sentTo: (name, parts) => this.#sentTo(name, parts),
      someAddresses: (parts) => this.#someAddresses(parts),
      perInterface: (map) => this.#perInterface(map, t),
      perSender: (map) => this.#perSender(map, t.accept),
    };
    return t;
  }

  #neutralSet(name: string): NftSet {
    this.#asked.add(name);
    const set = this.#neutral.get(name);
    if (set === undefined) throw new TypeError(`the rules have no set ${name}`);
    return set;
  }

  #keep(sets: readonly IpSet[]): void {
    for (const set of sets) this.#sets.set(set.name, set);
  }

  #lookupsOf(name: string): readonly Lookup[] {
    const known = this.#lookups.get(name);
    if (known !== undefined) return known;
    const { sets, lookups } = this.#held(this.#neutralSet(name));
    this.#keep(sets);
    this.#lookups.set(name, lookups);
    return lookups;
  }

  #held(set: NftSet): HeldSet {
    if (!isOfPlaces(set)) return heldDestinations(set, this.family, this.#names);
    const held = this.#placesOf(set);
    return { sets: [held], lookups: [{ set: held.name }] };
  }

  #placesOf(neutral: NftSet, mark?: Places['mark']): IpSet {
    const set = placeSet(neutral, this.family, this.#names, this.#host.interfaces, mark);
    this.#places.set(set.name, { neutral: neutral.name, mark });
    return set;
  }

  #interfaces(name: string): string {
    const list =
      name === 'plain-interfaces'
        ? this.#host.plainInterfaces.filter(isInterface)
        : this.#neutralSet(name).elements.map(({ key: [part] }) =>
            part !== undefined && 'name' in part ? part.name : '',
          );
    const sets = interfaceSet(`${name}${this.family}`, list, this.family, this.#names);
    // the parts first: a list is made of sets that are there
    this.#keep(sets.toReversed());
    return sets[0].name;
  }

  #someAddresses(parts: readonly KeyPart[]): string {
    const key = [this.family === 4 ? 'ipv4_addr' : 'ipv6_addr'] as const;
    const elements = parts.map((part) => ({ key: [part] }));
    const name = `range${this.family}-${digest(rangeText(parts))}`;
    const { sets } = destinationSet({ name, key, interval: true, data: 'none', elements }, this.family, this.#names);
    this.#keep(sets);
    return (sets[0] as IpSet).name;
  }

  #sentTo(name: string, parts: readonly KeyPart[]): string {
    const chain = this.#names.chain(`sent-${name}`);
    if (!this.#sent.has(chain)) {
      const rules = prefixes(parts, this.family).map(
        (prefix): XRule => ({
          matches: [{ kind: 'ct-destination', prefix }],
          target: { kind: 'set-mark', value: bits.scratch, mask: bits.scratch },
        }),
      );
      this.#sent.set(chain, { name: chain, rules });
    }
    return chain;
  }

  #perInterface(map: string, t: Translation): readonly XRule[] {
    return this.#neutralSet(map).elements.map(({ key: [part], verdict }) => {
      if (part === undefined || !('name' in part) || verdict === undefined)
        throw new TypeError(`${map} is no map of interfaces`);
      return { matches: [{ kind: 'in', name: part.name }], target: targetOf(verdict, t) };
    });
  }

  #perSender(map: string, accept: Target): readonly XRule[] {
    const numbering = new Numbering(this.inet.chains, map, this.#numbers);
    this.numberings.set(map, numbering);
    const set = this.#placesOf(this.#neutralSet(map), ({ verdict }) => numbering.mark(verdict));
    this.#keep([set]);
    const tree = numbering.tree(map, this.#names, accept);
    this.#trees.push(...tree);
    return [
      { matches: [], target: { kind: 'map-mark', set: set.name } },
      {
        matches: [{ kind: 'mark', value: 0, mask: bits.number, not: true }],
        target: { kind: 'goto', chain: (tree[0] as XChain).name },
      },
    ];
  }
}
