import { setOfAddresses } from '../ip/address-set.ts';
import type { AddressGroup, Program, Ruleset } from './ruleset.ts';

/**
 * A ruleset with more programs, which have no senders, and with the groups they speak of, which are empty. No packet is
 * judged otherwise for it: nothing leads to a program but a sender.
 *
 * @param more whose ids the ruleset has not
 */
export function withPrograms(ruleset: Ruleset, more: readonly Program[]): Ruleset {
  if (more.length === 0) return ruleset;
  const groups = new Map(ruleset.groups.map((group) => [group.id, group]));
  for (const id of more.flatMap(groupsOf))
    if (!groups.has(id)) groups.set(id, { id, members: [], addresses: setOfAddresses([]) });
  return {
    ...ruleset,
    programs: [...ruleset.programs, ...more].toSorted(byId),
    groups: [...groups.values()].toSorted(byId),
  };
}

function groupsOf({ guard, except, deny, allow }: Program): readonly string[] {
  return [guard, except, deny, allow].flat().flatMap(({ to }) => (to.kind === 'group' ? [to.group] : []));
}

function byId(a: Program | AddressGroup, b: Program | AddressGroup): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
