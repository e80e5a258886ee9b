import type { Program, Ruleset, Seat } from '../ruleset/ruleset.ts';
import { endpointElements, type SeatRules, senderSets } from './endpoint-elements.ts';
import type { Element, KeyType, NftSet, TableFamily } from './model.ts';
import { planes, programEntry } from './program.ts';
import { isSameVerdict, keyText } from './same.ts';

const families = [4, 6] as const;

/** What stands ready for a seat of a ruleset. */
export function seatRules(ruleset: Ruleset, seat: Seat): SeatRules {
  return { ...rulesAt(ruleset, seat), groups: seat.groups, opens: seat.opens };
}

/** A sender of a ruleset without its groups and ports, which the ruleset has with their members. */
function rulesAt(ruleset: Ruleset, { bridge, program }: Pick<Seat, 'bridge' | 'program'>): SeatRules {
  const found = programsOf(ruleset.programs).get(program);
  if (found === undefined) throw new Error(`the ruleset has no program ${program}`);
  const enrolled = ruleset.bridges.find(({ name }) => name === bridge.name);
  return {
    bridge,
    strict: enrolled?.unknown.kind !== 'judge',
    entries: {
      forward4: programEntry(found, 'forward', 4),
      forward6: programEntry(found, 'forward', 6),
      host4: programEntry(found, 'host', 4),
      host6: programEntry(found, 'host', 6),
    },
    groups: [],
    opens: [],
  };
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

/** The sets of a table as the standing endpoints of a ruleset fill them, by name. */
export function standingSets<Of extends TableFamily>(
  family: Of,
  ruleset: Ruleset,
): (name: keyof (typeof senderSets)[Of] & string) => NftSet {
  const elements = new Map<string, Map<string, Element | null>>();
  for (const endpoint of ruleset.endpoints)
    for (const { table, set, element: its } of endpointElements(rulesAt(ruleset, endpoint), endpoint)) {
      if (table !== family) continue;
      const ofSet = elements.get(set) ?? new Map<string, Element | null>();
      elements.set(set, ofSet);
      const id = keyText(its.key);
      const known = ofSet.get(id);
      // two containers with one MAC have one link-local address: judged differently, neither is believed
      if (known === undefined) ofSet.set(id, its);
      else if (known !== null && !isSameVerdict(known.verdict, its.verdict)) ofSet.set(id, null);
    }
  return (name) => {
    const key = (senderSets[family] as Readonly<Record<string, readonly KeyType[]>>)[name] as readonly KeyType[];
    return {
      name,
      key,
      interval: false,
      data: maps.has(name) ? 'verdict' : 'none',
      elements: [...(elements.get(name)?.values() ?? [])].filter((one) => one !== null),
    };
  };
}

const maps: ReadonlySet<string> = new Set(planes.flatMap((plane) => families.map((family) => `${plane}${family}`)));
