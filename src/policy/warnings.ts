import { protocolNumbers } from '../ip/protocol.ts';
import { diagnostic } from './codes.ts';
import { formatDay } from './format.ts';
import { destinationFacts, type GroupFacts, type Groups } from './groups.ts';
import type { AllowList, Destination, GuardrailException, Who } from './model.ts';
import type { Report } from './piece.ts';

const none: GroupFacts = { layer4: undefined, name: undefined, bareName: undefined };

/** Warns of entries that allow nothing: DNS names, which are not followed yet, and permissions that have ended. */
export function warnOfEntries(
  allow: AllowList,
  facts: ReadonlyMap<string, GroupFacts>,
  now: number,
  report: Report,
): void {
  for (const item of allow.items) {
    if (item.kind === 'inherit') continue;
    const { destination } = item;
    const { name } = destinationFacts(destination, (group) => facts.get(group) ?? none);
    if (name !== undefined) {
      const isGateway = /^(host|gateway)\.docker\.internal(:|$)/.test(name.text);
      const inGroup = name === destination.source ? '' : ` (in the group: ${name.text})`;
      report(
        diagnostic(
          'nameNotEnforced',
          destination.source,
          `DNS names are not enforced yet: this entry allows nothing${inGroup}`,
          {
            fix: isGateway
              ? 'what Docker calls host.docker.internal is written "gateway"'
              : 'until they are, allow addresses or "internet" with ports',
          },
        ),
      );
    }
    warnOfUntil(destination, now, report);
  }
}

/** Warns of a permission that has ended. */
export function warnOfUntil(entry: Destination | GuardrailException, now: number, report: Report): void {
  if (entry.until === undefined || now <= entry.until) return;
  const message = `this ended with ${formatDay(entry.until)} (UTC): it allows nothing any more`;
  report(diagnostic('untilPassed', entry.source, message, { fix: 'take it out, or give it a later date' }));
}

/**
 * Warns of an allow list that reaches beyond this host and has neither `dns` nor an entry for 53/udp: lookups fail on
 * engines up to 27, which ask from the container's own namespace. `above` are the lists that its `inherit` stands for.
 */
export function warnOfDns(allow: AllowList, above: readonly AllowList[], groups: Groups, report: Report): void {
  const entries = [allow, ...above].flatMap(({ items }) =>
    items.flatMap((item) => (item.kind === 'destination' ? flatten(item.destination, groups, noGroups) : [])),
  );
  if (!entries.some(reachesOutside) || entries.some(looksUp)) return;
  const message = 'this list reaches outside and has no "dns" and nothing for 53/udp: names may not resolve';
  const fix = 'add "dns" (engines up to 27 ask from the container; later ones from the host)';
  report(diagnostic('noDns', allow.source, message, { fix }));
}

const noGroups: ReadonlySet<string> = new Set();

interface Leaf {
  readonly who: Exclude<Who, { kind: 'group' }>;
  readonly l4: Destination['l4'];
}

function flatten({ who, l4 }: Destination, groups: Groups, inside: ReadonlySet<string>): readonly Leaf[] {
  const [only] = who;
  if (only !== undefined && only.kind !== 'group' && who.length === 1) return [{ who: only, l4 }];
  return who.flatMap((one): readonly Leaf[] => {
    if (one.kind !== 'group') return [{ who: one, l4 }];
    if (inside.has(one.name)) return [];
    const members = groups.get(one.name)?.members ?? [];
    return members
      .flatMap((member) => flatten(member, groups, new Set([...inside, one.name])))
      .map((leaf) => ({ who: leaf.who, l4: leaf.l4 === 'any' ? l4 : leaf.l4 }));
  });
}

function reachesOutside({ who }: Leaf): boolean {
  if (who.kind === 'builtin')
    return who.group === 'internet' || who.group === 'private' || who.group === 'cloud-metadata';
  return who.kind === 'prefix' || who.kind === 'name' || who.kind === 'any';
}

/** `dns`, everything, or an entry that names port 53 of udp; that `internet` holds it too says nothing about resolvers. */
function looksUp({ who, l4 }: Leaf): boolean {
  if (who.kind === 'builtin' && who.group === 'dns') return true;
  if (l4 === 'any') return who.kind === 'any';
  return l4.some(({ protocol, ports }) => protocol === protocolNumbers.udp && ports.low <= 53 && ports.high >= 53);
}
