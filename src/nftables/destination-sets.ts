import type { Family } from '../ip/address.ts';
import { type Interval, normalise } from '../ip/interval.ts';
import type { PortRange } from '../ip/protocol.ts';
import { mergeRanges } from './layer4.ts';
import type { Element, Field, KeyPart, NftSet, Rule } from './model.ts';
import { keyText } from './same.ts';
import { element, inSet, one, range } from './statements.ts';

/** The sets of one program's destinations. */
export class DestinationSets {
  readonly #program: string;
  readonly #gathered: Gathered[] = [];

  constructor(program: string) {
    this.#program = program;
  }

  /** A fresh bundle of sets for one list of clauses; `scope` says which, such as `allow-forward4`. */
  gather(scope: string, family: Family): Gathered {
    const gathered = new Gathered(`${scope}/${this.#program}`, family);
    this.#gathered.push(gathered);
    return gathered;
  }

  all(): readonly NftSet[] {
    return this.#gathered.flatMap((gathered) => gathered.sets());
  }
}

/** Of a hundred thousand elements most name one of a few protocols and ports: each is one object for all of them. */
const knownParts = new Map<number, KeyPart>();

/** @param value 0 to 65535 */
function small(value: number): KeyPart {
  let part = knownParts.get(value);
  if (part === undefined) {
    part = one(value);
    knownParts.set(value, part);
  }
  return part;
}

/** The most single ports of a range that are worth an element each: a hash lookup is far cheaper than an interval one. */
const fewPorts = 16;

interface PortsOf {
  readonly addresses: Interval;
  readonly protocol: number;
  readonly ports: PortRange[];
}

/**
 * Destinations of one list, by what it takes to look them up: `exact` is a hash of address, protocol and port; `wide`
 * the same with ranges; `protocols` is address ranges with a protocol; `whole` is address ranges alone. Interval sets
 * refuse overlapping elements, so what overlaps is parted first.
 */
class Gathered {
  readonly #name: string;
  readonly #family: Family;
  readonly #whole: Interval[] = [];
  readonly #protocols = new Map<number, Interval[]>();
  readonly #exact = new Map<string, Element>();
  readonly #wide = new Map<string, PortsOf>();

  constructor(name: string, family: Family) {
    this.#name = name;
    this.#family = family;
  }

  addAddress(addresses: Interval): void {
    this.#whole.push(addresses);
  }

  addProtocol(addresses: Interval, protocol: number): void {
    const known = this.#protocols.get(protocol);
    if (known === undefined) this.#protocols.set(protocol, [addresses]);
    else known.push(addresses);
  }

  addPorts(addresses: Interval, protocol: number, ports: PortRange): void {
    if (addresses.low === addresses.high && ports.high - ports.low < fewPorts) {
      const [address, its] = [one(addresses.low), small(protocol)];
      for (let port = ports.low; port <= ports.high; port++) {
        const key = [address, its, small(port)];
        this.#exact.set(keyText(key), element(key));
      }
      return;
    }
    const key = `${addresses.low}-${addresses.high} ${protocol}`;
    const known = this.#wide.get(key);
    if (known === undefined) this.#wide.set(key, { addresses, protocol, ports: [ports] });
    else known.ports.push(ports);
  }

  sets(): readonly NftSet[] {
    const address = this.#family === 4 ? 'ipv4_addr' : 'ipv6_addr';
    const set = (
      kind: string,
      key: NftSet['key'],
      interval: boolean,
      elements: readonly Element[],
    ): readonly NftSet[] =>
      elements.length === 0 ? [] : [{ name: `${kind}.${this.#name}`, key, interval, data: 'none', elements }];
    return [
      ...set('exact', [address, 'inet_proto', 'inet_service'], false, [...this.#exact.values()]),
      ...set('wide', [address, 'inet_proto', 'inet_service'], true, this.#wideElements()),
      ...set('protocols', [address, 'inet_proto'], true, this.#protocolElements()),
      ...set(
        'whole',
        [address],
        true,
        normalise(this.#whole).map(({ low, high }) => element([range(low, high)])),
      ),
    ];
  }

  rules(address: Field, ending: Rule): readonly Rule[] {
    const rule = (kind: string, some: boolean, ...fields: Field[]): readonly Rule[] =>
      some ? [[inSet(`${kind}.${this.#name}`, ...fields), ...ending]] : [];
    return [
      ...rule('exact', this.#exact.size > 0, address, 'meta l4proto', 'th dport'),
      ...rule('whole', this.#whole.length > 0, address),
      ...rule('wide', this.#wide.size > 0, address, 'meta l4proto', 'th dport'),
      ...rule('protocols', this.#protocols.size > 0, address, 'meta l4proto'),
    ];
  }

  #protocolElements(): readonly Element[] {
    return [...this.#protocols.entries()].flatMap(([protocol, addresses]) =>
      normalise(addresses).map(({ low, high }) => element([range(low, high), one(protocol)])),
    );
  }

  /** Per protocol: cut the address ranges where any of them begins or ends, then merge the ports that meet in a piece. */
  #wideElements(): readonly Element[] {
    const byProtocol = Map.groupBy(this.#wide.values(), (entry) => entry.protocol);
    return [...byProtocol.entries()].flatMap(([protocol, entries]) =>
      pieces(entries).flatMap(({ low, high, entries: meeting }) =>
        mergeRanges(meeting.flatMap(({ ports }) => ports)).map((merged) =>
          element([range(low, high), one(protocol), range(merged.low, merged.high)]),
        ),
      ),
    );
  }
}

interface Piece extends Interval {
  /** Those that have it whole. */
  readonly entries: readonly PortsOf[];
}

/**
 * Disjoint intervals such that the addresses of each entry are a union of some of them, with the entries that meet in each:
 * going along all beginnings and ends, of which a long list has many and few at one place.
 */
function pieces(entries: readonly PortsOf[]): readonly Piece[] {
  const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
  const beginning = Map.groupBy(entries, ({ addresses }) => addresses.low);
  const ending = Map.groupBy(entries, ({ addresses }) => addresses.high + 1n);
  const starts = [...new Set([...beginning.keys(), ...ending.keys()])].toSorted(compare);
  const here = new Set<PortsOf>();
  const result: Piece[] = [];
  starts.forEach((low, at) => {
    for (const entry of ending.get(low) ?? []) here.delete(entry);
    for (const entry of beginning.get(low) ?? []) here.add(entry);
    const next = starts[at + 1];
    if (here.size > 0 && next !== undefined) result.push({ low, high: next - 1n, entries: [...here] });
  });
  return result;
}
