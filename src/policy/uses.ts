import { diagnostic } from './codes.ts';
import { formatWho } from './format.ts';
import { destinationFacts, type GroupFacts, type Groups, groupFacts } from './groups.ts';
import { builtinGroups, type Destination } from './model.ts';
import type { Report } from './piece.ts';
import type { SourceRef } from './source.ts';
import { suggest } from './suggest.ts';

/** What the list is for in which a destination stands. */
export type Purpose = 'allow' | 'deny' | 'guardrail' | 'exception' | 'group' | 'test';

/** What a list can refer to where it stands. */
export interface Surroundings {
  readonly purpose: Purpose;
  /** Services of the compose file; null where they are not known. */
  readonly services: ReadonlySet<string> | null;
  /** Whether the sender is part of a Compose project. */
  readonly inProject: boolean;
}

/**
 * Makes the check of one destination against everything else that is known: that its groups and services exist, that
 * ports are said once, and that DNS names stand only where they can be held.
 */
export function checkUses(groups: Groups, report: Report): (entry: Destination, around: Surroundings) => void {
  const facts = groupFacts(groups);
  const none: GroupFacts = { layer4: undefined, name: undefined, bareName: undefined };
  const ofGroup = (name: string) => facts.get(name) ?? none;
  return (entry, around) => {
    if (entry.who.every(({ kind }) => kind === 'prefix')) return; // refers to nothing
    checkGroups(entry, groups, around, ofGroup, report);
    checkServices(entry, around, report);
    checkNames(entry, around.purpose, ofGroup, report);
  };
}

function checkGroups(
  entry: Destination,
  groups: Groups,
  around: Surroundings,
  ofGroup: (name: string) => GroupFacts,
  report: Report,
): void {
  for (const who of entry.who) {
    const name = who.kind === 'group' ? who.name : who.kind === 'builtin' && who.group === 'dns' ? 'dns' : undefined;
    if (name === undefined) continue;
    const at = within(entry.source, name);
    if (who.kind === 'group' && !groups.has(name)) {
      report(diagnostic('unknownGroup', at, `unknown group "${name}"`, { fix: groupMeant(name, groups, around) }));
      continue;
    }
    if (entry.l4 === 'any') continue;
    if (who.kind === 'builtin') {
      const fix = 'write "dns"';
      report(diagnostic('portsTwice', at, '"dns" has its port already: 53, tcp and udp', { fix }));
      continue;
    }
    const { layer4 } = ofGroup(name);
    if (layer4 === undefined) continue;
    const fix = `write "${name}", or take the ports out of the group`;
    report(
      diagnostic('portsTwice', at, `the group "${name}" has ports or a protocol already`, { fix, related: [layer4] }),
    );
  }
}

/** Where in an entry a word of it stands; entries over several lines, and labels, have one place. */
function within(source: SourceRef, word: string): SourceRef {
  const literal = word.replaceAll('.', '\\.'); // names hold nothing else that a pattern would read (names.ts)
  const index = source.text.search(new RegExp(`(?<![A-Za-z0-9_-])${literal}(?![A-Za-z0-9_-])`));
  if (source.line === 0 || index < 0) return source;
  return { ...source, column: source.column + index, text: word };
}

function groupMeant(name: string, groups: Groups, { purpose, services }: Surroundings): string {
  if (name === 'localhost') return 'a container reaches itself without a rule; the Docker host is "host"';
  if (name === 'all' || name === 'everything') return 'everything is written "any"';
  const words = purpose === 'allow' ? ['any', 'none', 'inherit'] : ['any'];
  const meant = suggest(name, [...groups.keys(), ...builtinGroups, ...words]);
  const service = services?.has(name) ? name : meant === undefined ? suggest(name, services ?? []) : undefined;
  if (service !== undefined) return `did you mean "service/${service}"?`;
  if (meant !== undefined) return `did you mean "${meant}"?`;
  return 'a word without a dot is a group: define it under "groups", or write service/…, project/… or an address';
}

function checkServices({ who, source }: Destination, { services, inProject }: Surroundings, report: Report): void {
  for (const one of who) {
    if (one.kind !== 'service') continue;
    const at = within(source, one.service);
    if (!inProject) {
      const fix = `write "project/PROJECT/${one.service}"`;
      report(diagnostic('noProject', at, 'outside Compose there is no "same project" to have services', { fix }));
    } else if (services !== null && !services.has(one.service)) {
      const meant = suggest(one.service, services);
      const fix = meant === undefined ? `it has ${[...services].join(', ')}` : `did you mean "service/${meant}"?`;
      report(diagnostic('unknownService', at, `the compose file has no service "${one.service}"`, { fix }));
    }
  }
}

function checkNames(entry: Destination, purpose: Purpose, ofGroup: (name: string) => GroupFacts, report: Report): void {
  const { name, bareName } = destinationFacts(entry, ofGroup);
  if (name === undefined) return;
  const { source } = entry;
  const related = name === source ? {} : { related: [name] };
  const what =
    name === source
      ? `"${formatWho(entry.who.find(({ kind }) => kind === 'name') ?? { kind: 'any' })}"`
      : `the DNS name "${name.text}" in a group`;
  if (purpose === 'deny' || purpose === 'guardrail' || purpose === 'exception') {
    const place = purpose === 'deny' ? 'deny' : 'guardrail';
    report(
      diagnostic('nameInDeny', source, `${what} cannot stand in a ${place}: nobody knows all addresses of a name`, {
        fix: 'write addresses or prefixes; a name that no allow names is denied anyway',
        ...related,
      }),
    );
  } else if (purpose === 'test') {
    const fix = 'write an address';
    report(
      diagnostic('nameInTest', source, `${what} cannot be tested: its addresses are not known here`, {
        fix,
        ...related,
      }),
    );
  } else if (purpose === 'allow' && bareName !== undefined) {
    const direct = bareName === source;
    const text = entry.who.map(formatWho).join(', ');
    report(
      diagnostic(
        'nameWithoutPorts',
        source,
        direct
          ? `${what} needs ports: many names share an address`
          : `"${bareName.text}" in the group has no ports, and this entry adds none`,
        {
          fix: entry.who.length === 1 ? `write "${text}:443"` : 'add ports: ["443"]',
          ...(direct ? {} : { related: [bareName] }),
        },
      ),
    );
  }
}
