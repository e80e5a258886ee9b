import type { Action } from '../model.ts';
import { marked } from './act.ts';
import { keyOf, mostExactFirst, type Sight, type Trilean, tupleHolds } from './match.ts';
import { tupleText } from './question.ts';
import type { Way } from './way.ts';

/** Parts a way by the answer to a question; one that is known, or was given before, parts nothing. */
type Ask = (way: Way, found: Trilean, what: string) => { readonly yes: readonly Way[]; readonly no: readonly Way[] };

/** A way with the mark that a set has for its packet; several where nobody can tell which element that is. */
export function markedBySet(
  { fields, set: name }: Extract<Action, { kind: 'map-mark' }>,
  entering: Way,
  sight: Sight,
  ask: Ask,
): readonly Way[] {
  const set = name === null ? undefined : sight.setNamed(name);
  if (set === undefined || set.uncertain || set.fields.includes('other')) {
    const asked = name === null ? 'the set that it asks' : `set ${name}`;
    const { yes, no } = ask(entering, 'unknown', `${asked} has a mark for the packet`);
    return [...yes.map((way) => way.with({ ...way.packet, mark: null })), ...no];
  }
  const key = keyOf(fields, entering.packet, sight);
  if (key === null) return [entering];
  const done: Way[] = [];
  let going: readonly Way[] = [entering];
  for (const entry of mostExactFirst(set, key)) {
    const { mark, except } = entry;
    const what = `the packet is of ${tupleText(entry.key, set.fields, entering.packet.family)} in set ${set.name}`;
    const parts = going.map((way) => ask(way, tupleHolds(entry.key, key), what));
    const found = parts.flatMap(({ yes }) => yes);
    const gets = mark === undefined || except ? null : mark;
    done.push(
      ...found.map((way) => (gets === null ? way : way.with({ ...way.packet, mark: marked(way.packet.mark, gets) }))),
    );
    going = parts.flatMap(({ no }) => no);
    if (going.length === 0) break;
  }
  return [...done, ...going];
}
