import type { Family } from '../ip/address.ts';
import { prefixOf } from '../ip/prefix.ts';
import { protocolNumbers } from '../ip/protocol.ts';
import type { Chain, KeyPart, NftSet, Table } from '../nftables/model.ts';
import type { Barred } from '../ruleset/ruleset.ts';
import { Numbering, type Numbers } from './dispatch.ts';
import { bits, judgement } from './marks.ts';
import type { IpSet, Match, Target, XChain, XRule, XTable } from './model.ts';
import { digest, mainChain, type Names } from './names.ts';
import { isInterface } from './print.ts';
import { destinationSet, type InterfaceNames, interfaceSet, type Lookup, placeSet } from './sets.ts';
import { prefixes, rangeText, type Translation, targetOf, translateChain } from './translate.ts';

/** What the kernel of this host can do, and what is on it. */
export interface HostFacts {
  /** Names of all interfaces that are neither a bridge nor a port of one. */
  readonly plainInterfaces: readonly string[];
  readonly interfaces: InterfaceNames;
  /** Whether there is a table `security`: without it a denied packet is dropped where it is judged, and told nothing. */
  readonly security: boolean;
}

/** The tables of one family, and their sets. */
export interface InetRules {
  readonly tables: readonly XTable[];
  readonly sets: readonly IpSet[];
  /** By which each map of senders says where their packets go. */
  readonly numberings: ReadonlyMap<string, Numbering>;
}

const inputChain = `${mainChain}-IN`;
const arrivalChain = `${mainChain}-PRE`;

const nd = { solicit: 135, advert: 136, routerSolicit: 133, routerAdvert: 134, redirect: 137 } as const;
const mldListener = [131, 132, 143] as const;

/**
 * The chains of `table inet sluice` on one family, as iptables can have them. `raw` and `mangle` PREROUTING let through
 * from an enrolled bridge only what ebtables has proven; `mangle` FORWARD and INPUT judge; `filter` tells who is denied;
 * `security` drops whatever comes from an enrolled bridge and was not let pass, whoever accepted it on the way.
 */
export function inetRules(
  inet: Table,
  family: Family,
  barred: readonly Barred[],
  names: Names,
  facts: HostFacts,
  numbers?: Numbers,
): InetRules {
  return new Writer(inet, family, barred, names, facts, numbers).rules();
}

class Writer {
  readonly #inet: Table;
  readonly #family: Family;
  readonly #barred: readonly Barred[];
  readonly #names: Names;
  readonly #facts: HostFacts;
  readonly #sets = new Map<string, IpSet>();
  readonly #lookups = new Map<string, readonly Lookup[]>();
  readonly #sent = new Map<string, XChain>();
  readonly #trees: XChain[] = [];
  readonly #numbers: Numbers | undefined;
  readonly #numberings = new Map<string, Numbering>();
  readonly #neutral: ReadonlyMap<string, NftSet>;

  constructor(
    inet: Table,
    family: Family,
    barred: readonly Barred[],
    names: Names,
    facts: HostFacts,
    numbers?: Numbers,
  ) {
    this.#inet = inet;
    this.#numbers = numbers;
    this.#family = family;
    this.#barred = barred;
    this.#names = names;
    this.#facts = facts;
    this.#neutral = new Map(inet.sets.map((set) => [set.name, set]));
  }

  rules(): InetRules {
    const tables = [this.#raw(), this.#mangle(), ...(this.#facts.security ? [this.#filter(), this.#security()] : [])];
    return { tables, sets: [...this.#sets.values()], numberings: this.#numberings };
  }

  #raw(): XTable {
    const t = this.#translation({ kind: 'return' }, null);
    const proof = this.#chain('proof', [
      ...(this.#family === 6 ? neighbourRules() : []),
      { matches: [isProven], target: { kind: 'return' } },
      { matches: [], target: this.#goto('unproven') },
    ]);
    return {
      name: 'raw',
      jumps: [{ hook: 'PREROUTING', chain: mainChain }],
      chains: [
        {
          name: mainChain,
          rules: [
            ...this.#fromBarred(),
            { matches: [this.#from('bridges')], target: this.#goto('proof') },
            { matches: [this.#from('plain-interfaces')], target: { kind: 'return' } },
            // a frame to 01:80:c2:00:00:0x comes up on the port itself, past every hook of the bridge's; Docker's ports
            // are called veth…
            {
              matches: [{ kind: 'in', name: 'veth', starts: true }, { kind: 'link-multicast' }],
              target: { kind: 'drop' },
              counts: 'unproven',
            },
            { matches: [], target: this.#goto('unenrolled') },
          ],
        },
        proof,
        translateChain(this.#neutralChain('unproven'), t),
        translateChain(this.#neutralChain('unenrolled'), t),
      ],
    };
  }

  #mangle(): XTable {
    const pass: Target = this.#goto('pass');
    const t = this.#translation(pass, bits.passed | bits.denied);
    const arrival = this.#translation({ kind: 'return' }, null);
    const chains = this.#inet.chains
      .filter((chain) => !baseChains.has(chain.name) && !isOfOther(chain, this.#family))
      .map((chain) => translateChain(chain, t));
    const forward = this.#forward(t);
    const input = this.#input(t);
    return {
      name: 'mangle',
      jumps: [
        { hook: 'PREROUTING', chain: arrivalChain },
        { hook: 'FORWARD', chain: mainChain },
        { hook: 'INPUT', chain: inputChain },
      ],
      chains: [
        {
          name: arrivalChain,
          rules: [
            ...this.#fromBarred(),
            { matches: [this.#from('bridges', true)], target: { kind: 'return' } },
            { matches: [isProven], target: this.#goto('arrived') },
            { matches: [], target: this.#goto('unproven') },
          ],
        },
        this.#chain('arrived', [{ matches: [], target: { kind: 'set-mark', value: 0, mask: bits.proven } }]),
        translateChain(this.#neutralChain('unproven'), arrival),
        forward,
        this.#chain('from-elsewhere', [
          { matches: [this.#towards('bridges'), { kind: 'ct-state', states: ['NEW'] }], target: this.#goto('inbound') },
        ]),
        input,
        this.#chain('pass', [{ matches: [], target: { kind: 'set-mark', value: bits.passed, mask: judgement } }]),
        ...(this.#facts.security
          ? [this.#chain('deny', [{ matches: [], target: { kind: 'set-mark', value: bits.denied, mask: judgement } }])]
          : []),
        ...chains,
        ...this.#trees,
        ...this.#sent.values(),
      ],
    };
  }

  /** A bridge whose name no rule can carry is known by its number; of a port ebtables drops the frames (layer2.ts). */
  #fromBarred(): readonly XRule[] {
    return this.#barred.map(({ index }) => ({
      matches: [{ kind: 'in-index', index }],
      target: { kind: 'drop' },
      counts: 'unproven',
    }));
  }

  #forward(t: Translation): XChain {
    return {
      name: mainChain,
      rules: [
        { matches: [this.#from('bridges', true)], target: this.#goto('from-elsewhere') },
        ...this.#beginning(t.accept),
        // hop limit 255: it was never routed, so it stays on its bridge
        ...(this.#family === 6 ? icmpTypes([nd.solicit, nd.advert], t.accept, 255) : []),
        ...t.perSender(`forward${this.#family}`),
        { matches: [], target: this.#goto('unknown-forward') },
      ],
    };
  }

  #input(t: Translation): XChain {
    return {
      name: inputChain,
      rules: [
        { matches: [this.#from('bridges', true)], target: { kind: 'return' } },
        ...this.#beginning(t.accept),
        ...(this.#family === 6
          ? [
              ...icmpTypes([nd.solicit, nd.advert, nd.routerSolicit], t.accept, 255),
              ...icmpTypes(mldListener, t.accept),
            ]
          : []),
        ...t.perSender(`host${this.#family}`),
        { matches: [], target: this.#goto('unknown-host') },
      ],
    };
  }

  /** No mark that somebody else left is a judgement of ours; replies are free, but those of doubtful conversations. */
  #beginning(accept: Target): readonly XRule[] {
    const doubtful = this.#doubtful();
    return [
      { matches: [], target: { kind: 'set-mark', value: 0, mask: judgement } },
      {
        matches: [
          { kind: 'ct-direction', direction: 'REPLY' },
          { kind: 'connmark', value: 0, mask: doubtful },
        ],
        target: accept,
      },
    ];
  }

  #doubtful(): number {
    for (const rule of this.#neutralChain('inbound').rules)
      for (const statement of rule) if (statement.kind === 'change-mark') return statement.bit;
    throw new TypeError('chain inbound marks nothing');
  }

  #filter(): XTable {
    const told = (target: 'tcp-reset' | 'admin-prohibited', ...matches: Match[]): XRule => ({
      matches,
      target: { kind: 'reject', with: target },
    });
    return {
      name: 'filter',
      jumps: (['FORWARD', 'INPUT'] as const).map((hook) => ({ hook, chain: mainChain })),
      chains: [
        {
          name: mainChain,
          rules: [
            {
              matches: [{ kind: 'mark', value: bits.denied, mask: bits.denied | bits.passed }, this.#from('bridges')],
              target: this.#goto('tell'),
            },
          ],
        },
        this.#chain('tell', [
          told('tcp-reset', { kind: 'protocol', protocol: protocolNumbers.tcp }),
          told('admin-prohibited'),
        ]),
      ],
    };
  }

  #security(): XTable {
    const passed: Match = { kind: 'mark', value: bits.passed, mask: bits.passed };
    return {
      name: 'security',
      jumps: (['FORWARD', 'INPUT'] as const).map((hook) => ({ hook, chain: mainChain })),
      chains: [
        {
          name: mainChain,
          rules: [
            { matches: [this.#from('bridges', true)], target: { kind: 'return' } },
            { matches: [passed], target: this.#goto('passed') },
            { matches: [], target: { kind: 'drop' } },
          ],
        },
        this.#chain('passed', [
          { matches: [], target: { kind: 'set-mark', value: 0, mask: bits.passed | bits.bridged } },
        ]),
      ],
    };
  }

  #translation(accept: Target, decided: number | null): Translation {
    const family = this.#family;
    const names = this.#names;
    const t: Translation = {
      family,
      names,
      accept,
      decided,
      refuse: this.#facts.security ? this.#goto('deny') : { kind: 'drop' },
      setOf: (name) => this.#neutralSet(name),
      lookups: (name) => this.#lookup(name),
      interfaces: (name) => this.#interfaces(name),
      sentTo: (name, parts) => this.#sentTo(name, parts),
      someAddresses: (parts) => this.#someAddresses(parts),
      perInterface: (map) => this.#perInterface(map, t),
      perSender: (map) => this.#perSender(map, accept),
    };
    return t;
  }

  #lookup(name: string): readonly Lookup[] {
    let lookups = this.#lookups.get(name);
    if (lookups === undefined) {
      const set = this.#neutralSet(name);
      if (set.key[0] === 'iface_index') {
        const held = placeSet(set, this.#family, this.#names, this.#facts.interfaces);
        this.#sets.set(held.name, held);
        lookups = [{ set: held.name }];
      } else {
        const held = destinationSet(set, this.#family, this.#names);
        for (const one of held.sets) this.#sets.set(one.name, one);
        lookups = held.lookups;
      }
      this.#lookups.set(name, lookups);
    }
    return lookups;
  }

  #interfaces(name: string): string {
    const own = `${name}${this.#family}`;
    const list =
      name === 'plain-interfaces'
        ? this.#facts.plainInterfaces.filter(isInterface)
        : this.#neutralSet(name).elements.map(({ key: [part] }) =>
            part !== undefined && 'name' in part ? part.name : '',
          );
    const sets = interfaceSet(own, list, this.#family, this.#names);
    // the parts first: a list is made of sets that are there
    for (const set of sets.toReversed()) this.#sets.set(set.name, set);
    return sets[0].name;
  }

  #from(set: string, not = false): Match {
    return { kind: 'set', set: this.#interfaces(set), of: 'src,src', ...(not ? { not: true } : {}) };
  }

  #towards(set: string): Match {
    return { kind: 'set', set: this.#interfaces(set), of: 'dst,dst' };
  }

  #someAddresses(parts: readonly KeyPart[]): string {
    const key = [this.#family === 4 ? 'ipv4_addr' : 'ipv6_addr'] as const;
    const elements = parts.map((part) => ({ key: [part] }));
    const name = `range${this.#family}-${digest(rangeText(parts))}`;
    const held = destinationSet({ name, key, interval: true, data: 'none', elements }, this.#family, this.#names);
    for (const one of held.sets) this.#sets.set(one.name, one);
    return (held.sets[0] as IpSet).name;
  }

  #sentTo(name: string, parts: readonly KeyPart[]): string {
    const chain = this.#names.chain(`sent-${name}`);
    if (!this.#sent.has(chain)) {
      const to = prefixes(parts, this.#family);
      this.#sent.set(chain, {
        name: chain,
        rules: to.map((prefix) => ({
          matches: [{ kind: 'ct-destination', prefix }],
          target: { kind: 'set-mark', value: bits.scratch, mask: bits.scratch },
        })),
      });
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
    const numbering = new Numbering(this.#inet.chains, map, this.#numbers);
    this.#numberings.set(map, numbering);
    const set = placeSet(this.#neutralSet(map), this.#family, this.#names, this.#facts.interfaces, ({ verdict }) =>
      numbering.mark(verdict),
    );
    this.#sets.set(set.name, set);
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

  #chain(name: string, rules: readonly XRule[]): XChain {
    return { name: this.#names.chain(name), rules };
  }

  #goto(name: string): Target {
    return { kind: 'goto', chain: this.#names.chain(name) };
  }

  #neutralChain(name: string): Chain {
    const chain = this.#inet.chains.find((one) => one.name === name);
    if (chain === undefined) throw new TypeError(`the rules have no chain ${name}`);
    return chain;
  }

  #neutralSet(name: string): NftSet {
    const set = this.#neutral.get(name);
    if (set === undefined) throw new TypeError(`the rules have no set ${name}`);
    return set;
  }
}

/** Chains that are written here instead: they have hooks, or stand in another table. */
const baseChains: ReadonlySet<string> = new Set(['prerouting', 'unproven', 'unenrolled', 'forward', 'input']);

/** Chains of one family say so in their names: `forward6/app/app`, `errors6`. */
function isOfOther({ name }: Chain, family: Family): boolean {
  return name.split('/', 1)[0]?.endsWith(family === 4 ? '6' : '4') === true;
}

const isProven: Match = { kind: 'mark', value: bits.proven, mask: bits.proven };

function icmpTypes(types: readonly number[], target: Target, hopLimit?: number): readonly XRule[] {
  return types.map((type) => ({
    matches: [
      { kind: 'icmp', type },
      ...(hopLimit === undefined ? [] : [{ kind: 'hop-limit', is: hopLimit } as const]),
    ],
    target,
  }));
}

/**
 * RFC 4861: who routes is not a container's to say; it advertises what it has as its source, which is proven. Where it
 * has no address yet, ebtables has looked at what it asks.
 */
function neighbourRules(): readonly XRule[] {
  const unspecified: Match = { kind: 'source', prefix: { ...prefixOf('::'), length: 128 } };
  return [
    ...icmpTypes([nd.routerAdvert, nd.redirect], { kind: 'drop' }).map((rule) => ({ ...rule, counts: 'spoofed' })),
    {
      matches: [{ kind: 'icmp', type: nd.advert }, { kind: 'nd-target-is-another' }],
      target: { kind: 'drop' },
      counts: 'spoofed',
    },
    {
      matches: [unspecified, { kind: 'icmp', type: nd.advert }],
      target: { kind: 'drop' },
      counts: 'spoofed',
    },
  ];
}
