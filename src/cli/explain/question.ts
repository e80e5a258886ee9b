import { groupAddresses } from '../../evaluate/group-addresses.ts';
import { setOfPrefixes } from '../../ip/address-set.ts';
import { type Box, boxesOf, subtractBoxes, uniteBoxes } from '../../ip/box.ts';
import { prefixOf } from '../../ip/prefix.ts';
import { parseDestinationText } from '../../policy/destination.ts';
import type { Diagnostic } from '../../policy/diagnostic.ts';
import { builtinGroups, type Destination, type Policy, type Who } from '../../policy/model.ts';
import { matches } from '../../policy/pattern.ts';
import { suggest } from '../../policy/suggest.ts';
import { checkUses } from '../../policy/uses.ts';
import { createResolver } from '../../ruleset/resolve.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import { workloadName } from '../../world/workload.ts';
import type { Container } from '../../world/world.ts';
import { packetsOf } from '../boxes.ts';
import { CliError } from '../error.ts';

/**
 * Reads TO of the command line: an entry of a policy, or a service by the name it has in FROM, `PROJECT/SERVICE`.
 *
 * @throws CliError (usage) when it is no destination, or one that is no packet yet
 */
export function readDestination(to: string): Destination {
  const asWritten = parseDestinationText(to);
  const read = 'diagnostics' in asWritten && isWorkload(to) ? parseDestinationText(`project/${to}`) : asWritten;
  if ('diagnostics' in read) throw unreadable(read.diagnostics[0]);
  const [who] = read.destination.who;
  if (who?.kind === 'name')
    throw new CliError(
      'usage',
      `TO: a packet goes to an address, not to the name ${who.name}`,
      `ask for one of its addresses: getent ahosts ${who.name}`,
    );
  return read.destination;
}

const kinds = ['service', 'project', 'container', 'network'];
const words: readonly string[] = [...kinds, ...builtinGroups, 'any', 'none', 'inherit'];

/** `app/mongo:27017`: no address, no word of the language before the slash. */
function isWorkload(to: string): boolean {
  const [, first] = /^([a-z0-9][a-z0-9_-]*)\/[A-Za-z0-9._*-]+(:|$)/.exec(to) ?? [];
  return first !== undefined && !words.includes(first) && !/^[0-9]+$/.test(first);
}

function unreadable(problem: Diagnostic | undefined): CliError {
  const fix = problem?.fix ?? 'write ADDRESS:PORT, as in 192.168.5.5:22';
  return new CliError('usage', `TO: ${problem?.message ?? 'cannot be read'}`, fix);
}

/** Every network namespace has its own (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3). */
const loopback = boxesOf(setOfPrefixes([prefixOf('127.0.0.0/8'), prefixOf('::1')]), 'any');

/**
 * The packets that a destination means when a container says it, as disjoint boxes.
 *
 * @throws CliError (usage) for a group that there is not, or with ports said twice; (unable) when it means nobody
 */
export function packetsTo(
  destination: Destination,
  from: Container,
  policy: Policy,
  index: WorldIndex,
  now: number,
): readonly Box[] {
  checkGroup(destination, from, policy, index);
  const resolver = createResolver(policy, index, now);
  const owner = index.ownerOf(from);
  const subject = {
    project: from.service === null ? null : from.project,
    networks: index.networksOf(from),
    resolvers: owner.kind === 'container' ? owner.container.resolvers : from.resolvers,
  };
  const clauses = resolver.clauses([destination], subject, 'ask');
  const groups = groupAddresses(resolver, index);
  const said = packetsOf(clauses, groups, index.hostAddresses);
  const packets = uniteBoxes(subtractBoxes(said, loopback));
  if (packets.length === 0 && said.length > 0)
    throw new CliError(
      'unable',
      `"${destination.source.text}" is the container's own: such packets never leave it`,
      'ask for "gateway", or for another address of the host',
    );
  if (packets.length === 0)
    throw new CliError('unable', `"${destination.source.text}" stands for nobody here`, nobodyFix(destination, index));
  return packets;
}

/** What `check` would say of a group that is meant, and what else its name could be: a service, or a container. */
function checkGroup(destination: Destination, from: Container, policy: Policy, index: WorldIndex): void {
  const [who] = destination.who;
  if (who?.kind !== 'group' && who?.kind !== 'builtin') return;
  const holder = index.containers.find(({ name }) => who.kind === 'group' && name === who.name);
  if (who.kind === 'group' && holder !== undefined && !policy.groups.has(who.name)) {
    const { text } = destination.source;
    const fix = `write ${workloadName(holder)}${text.slice(who.name.length)}`;
    throw new CliError('usage', `TO: "${who.name}" is a container, and not a group of the policy`, fix);
  }
  const inProject = from.service !== null;
  const siblings = index.containers.filter(({ project }) => inProject && project === from.project);
  const services = new Set(siblings.flatMap(({ service }) => service ?? []));
  const found: Diagnostic[] = [];
  checkUses(policy.groups, (problem) => found.push(problem))(destination, { purpose: 'group', services, inProject });
  if (found.length > 0) throw unreadable(found[0]);
}

function nobodyFix({ who }: Destination, index: WorldIndex): string {
  const [first] = who;
  if (first?.kind === 'builtin' && first.group === 'dns')
    return 'the engine asks for this container, from the host; a "dns:" in its compose file changes that';
  if (first?.kind === 'network') return 'docker network ls lists the networks';
  const composed = index.containers.find(
    (container) => first?.kind === 'container' && matches(first.name, container.name) && container.service !== null,
  );
  if (composed !== undefined) return `${composed.name} is of Compose: write ${workloadName(composed)}`;
  const asked = workloadText(first);
  const near = asked === undefined ? undefined : suggest(asked, new Set(index.containers.map(workloadName)));
  return near === undefined || near === asked ? 'sluice ps lists the containers that run' : `did you mean ${near}?`;
}

/** A workload as it is named on the command line; undefined for what is none, or leaves the service out. */
function workloadText(who: Who | undefined): string | undefined {
  if (who?.kind === 'container') return `container/${who.name.text}`;
  return who?.kind === 'workload' && who.service !== null ? `${who.project.text}/${who.service.text}` : undefined;
}
