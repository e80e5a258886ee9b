import type { L4Match } from '../ip/protocol.ts';
import { diagnostic } from './codes.ts';
import type { Groups } from './groups.ts';
import type { Destination, Group } from './model.ts';
import type { Report } from './piece.ts';

/** So many elements of sets are held at most; a policy of a thousand workloads with a hundred destinations each has a tenth. */
export const mostElements = 1_000_000;
/** Groups inside of groups. */
const deepest = 100;
/** A longer range of ports is one element; a shorter one may be one for each port. */
const fewPorts = 16;

/** How many elements a match of layer 4 makes of one address, at most. */
export function weightOfL4(l4: L4Match): number {
  if (l4 === 'any') return 1;
  return l4.reduce((sum, { ports }) => sum + (ports.high - ports.low < fewPorts ? ports.high - ports.low + 1 : 1), 0);
}

/** How many elements an entry comes to, at most, with its groups written out. Finite or not, never counted one by one. */
export type Weigh = (entry: Destination) => number;

/**
 * Weighs groups, each once, however often others use it.
 *
 * @returns null, and reports it, when they are nested too deeply for anybody to go through; of a circle, which is another
 *   error, each group weighs what is in it before the circle closes
 */
export function weighGroups(groups: Groups, report: Report): Weigh | null {
  const known = new Map<string, { readonly weight: number; readonly height: number }>();
  const around = new Set<string>();
  let tooDeep: Group | undefined;
  const measure = (name: string): { readonly weight: number; readonly height: number } => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const group = groups.get(name);
    if (group !== undefined && around.size > deepest) tooDeep ??= group;
    if (group === undefined || tooDeep !== undefined || around.has(name)) return { weight: 0, height: 0 };
    around.add(name);
    let [weight, height] = [0, 0];
    for (const member of group.members) {
      weight += weigh(member);
      for (const who of member.who) if (who.kind === 'group') height = Math.max(height, measure(who.name).height);
    }
    around.delete(name);
    const measured = { weight, height: height + 1 };
    if (measured.height > deepest) tooDeep ??= group;
    known.set(name, measured);
    return measured;
  };
  const weigh: Weigh = ({ who, l4 }) =>
    who.reduce((sum, one) => sum + (one.kind === 'group' ? measure(one.name).weight : 1), 0) * weightOfL4(l4);
  for (const name of groups.keys()) measure(name);
  const found = tooDeep as Group | undefined; // assigned in measure, which the compiler does not follow
  if (found === undefined) return weigh;
  const fix = 'name the innermost groups where they are used';
  report(diagnostic('tooMuch', found.source, `groups inside of groups, more than ${deepest} of them`, { fix }));
  return null;
}

/** Reports a policy whose entries come to more than is held, at the heaviest of them. */
export function checkWeight(entries: readonly Destination[], weigh: Weigh, report: Report): void {
  let total = 0;
  let heaviest: { readonly entry: Destination; readonly weight: number } | undefined;
  for (const entry of entries) {
    const weight = weigh(entry);
    total += weight;
    if (heaviest === undefined || weight > heaviest.weight) heaviest = { entry, weight };
  }
  if (total <= mostElements || heaviest === undefined) return;
  const count = Number.isSafeInteger(total) ? `${total}` : 'countless';
  const message = `with its groups written out the policy comes to ${count} entries, each port counted; ${mostElements} are held`;
  const fix = 'write prefixes and ranges of ports in place of what lies side by side';
  report(diagnostic('tooMuch', heaviest.entry.source, message, { fix }));
}
