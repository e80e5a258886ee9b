import { families } from '../ip/address.ts';
import { disputes } from '../ruleset/disputed.ts';
import type { EndpointIdentity, Program, Ruleset, Seat } from '../ruleset/ruleset.ts';
import { endpointElements, type SeatRules, senderSets } from './endpoint-elements.ts';
import type { Element, KeyType, NftSet, TableFamily } from './model.ts';
import { planes, programEntry } from './program.ts';
import { isSameVerdict, keyText } from './same.ts';
import { element, one } from './statements.ts';

/** What stands ready for a seat of a ruleset. */
export function seatRules(ruleset: Ruleset, seat: Seat): SeatRules {
  return { ...rulesAt(ruleset, seat), groups: seat.groups, opens: seat.opens };
}

/** A sender of a ruleset without its groups and ports, which the ruleset has with their members. */
function rulesAt(ruleset: Ruleset, { bridge, program }: Pick<Seat, 'bridge' | 'program'>): SeatRules {
  const enrolled = ruleset.bridges.find(({ name }) => name === bridge.name);
  return {
    bridge,
    strict: enrolled?.unknown.kind !== 'judge',
    entries: entriesOf(programAt(ruleset, program)),
    groups: [],
    opens: [],
  };
}

function programAt({ programs }: Ruleset, id: string): Program {
  const program = programsOf(programs).get(id);
  if (program === undefined) throw new Error(`the ruleset has no program ${id}`);
  return program;
}

const knownEntries = new WeakMap<Program, SeatRules['entries']>();

function entriesOf(program: Program): SeatRules['entries'] {
  let entries = knownEntries.get(program);
  if (entries === undefined) {
    entries = {
      forward4: programEntry(program, 'forward', 4),
      forward6: programEntry(program, 'forward', 6),
      host4: programEntry(program, 'host', 4),
      host6: programEntry(program, 'host', 6),
    };
    knownEntries.set(program, entries);
  }
  return entries;
}

const indices = new WeakMap<readonly Program[], ReadonlyMap<string, Program>>();

/** Programs by id; a host may have a thousand seats, each of which asks. */
export function programsOf(programs: readonly Program[]): ReadonlyMap<string, Program> {
  let index = indices.get(programs);
  if (index === undefined) {
    index = new Map(programs.map((program) => [program.id, program]));
    indices.set(programs, index);
  }
  return index;
}

/** The sets of senders, by table, as the standing endpoints of a ruleset fill them. */
export type SenderSets = {
  readonly [Table in TableFamily]: (name: keyof (typeof senderSets)[Table]) => NftSet;
};

/**
 * The senders that stand. What two of them would fill differently (the link-local address of two twins by MAC) neither has,
 * and what is barred, or not listed yet, stands among the ports with nothing else, so that whatever comes from there is dropped.
 */
export function standingSets(ruleset: Ruleset): SenderSets {
  const elements = new Map<string, Map<string, Element | null>>();
  const isDisputed = disputes(ruleset.endpoints);
  for (const endpoint of ruleset.endpoints) {
    for (const { set, key, element: its } of standingElements(ruleset, endpoint)) {
      let ofSet = elements.get(set);
      if (ofSet === undefined) {
        ofSet = new Map();
        elements.set(set, ofSet);
      }
      const known = ofSet.get(key);
      // two containers with one MAC have one link-local address: judged differently, neither is believed
      if (known === undefined) ofSet.set(key, its);
      else if (known !== null && !isSameVerdict(known.verdict, its.verdict)) ofSet.set(key, null);
    }
    // and what is sent to it goes to neither
    for (const address of endpoint.addresses)
      if (isDisputed(endpoint, address))
        elements
          .get(`bridge receivers${address.family}`)
          ?.set(keyText([one(endpoint.port.index), one(address.value)]), null);
  }
  // a port nobody has a place at: whatever comes from there is dropped, in either table
  for (const { index } of [...(ruleset.barred ?? []), ...(ruleset.unlisted ?? [])])
    for (const table of ['bridge', 'inet']) {
      const set = `${table} ports`;
      const ports = elements.get(set) ?? new Map<string, Element | null>();
      const barred = element([one(index)]);
      elements.set(set, ports.set(keyText(barred.key), barred));
    }
  const setOf = (family: TableFamily, name: string, key: readonly KeyType[]): NftSet => ({
    name,
    key,
    interval: false,
    data: maps.has(name) ? 'verdict' : 'none',
    elements: [...(elements.get(`${family} ${name}`)?.values() ?? [])].filter((one) => one !== null),
  });
  return {
    bridge: (name) => setOf('bridge', name, senderSets.bridge[name]),
    inet: (name) => setOf('inet', name, senderSets.inet[name]),
  };
}

interface StandingElement {
  /** Table and name. */
  readonly set: string;
  readonly key: string;
  readonly element: Element;
}

interface StandingElements {
  readonly entries: SeatRules['entries'];
  readonly strict: boolean;
  readonly elements: readonly StandingElement[];
}

const knownElements = new WeakMap<EndpointIdentity, StandingElements>();

function standingElements(ruleset: Ruleset, endpoint: EndpointIdentity): readonly StandingElement[] {
  const rules = rulesAt(ruleset, endpoint);
  const known = knownElements.get(endpoint);
  if (known !== undefined && known.entries === rules.entries && known.strict === rules.strict) return known.elements;
  const elements = endpointElements(rules, endpoint).map(({ table, set, element }) => ({
    set: `${table} ${set}`,
    key: keyText(element.key),
    element,
  }));
  knownElements.set(endpoint, { entries: rules.entries, strict: rules.strict, elements });
  return elements;
}

const maps: ReadonlySet<string> = new Set(planes.flatMap((plane) => families.map((family) => `${plane}${family}`)));
