import { setOfPrefixes } from '../../ip/address-set.ts';
import { type Box, boxesOf, subtractBoxes, uniteBoxes } from '../../ip/box.ts';
import { prefixOf } from '../../ip/prefix.ts';
import { parseDestinationText } from '../../policy/destination.ts';
import type { Destination, Policy } from '../../policy/model.ts';
import { crowdAddresses } from '../../ruleset/crowd.ts';
import { createResolver } from '../../ruleset/resolve.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import type { Container } from '../../world/world.ts';
import { packetsOf } from '../boxes.ts';
import { CliError } from '../error.ts';

/**
 * Reads TO of the command line.
 *
 * @throws CliError (usage) when it is no destination, or one that is no packet yet
 */
export function readDestination(to: string): Destination {
  const read = parseDestinationText(to);
  if ('diagnostics' in read) {
    const [problem] = read.diagnostics;
    throw new CliError(
      'usage',
      `TO: ${problem?.message ?? 'cannot be read'}`,
      problem?.fix ?? 'write ADDRESS:PORT, as in 192.168.5.5:22',
    );
  }
  const [who] = read.destination.who;
  if (who?.kind === 'name')
    throw new CliError(
      'usage',
      `TO: a packet goes to an address, not to the name ${who.name}`,
      `ask for one of its addresses: getent ahosts ${who.name}`,
    );
  return read.destination;
}

/** Every network namespace has its own (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3). */
const loopback = boxesOf(setOfPrefixes([prefixOf('127.0.0.0/8'), prefixOf('::1')]), 'any');

/**
 * The packets that a destination means when a container says it, as disjoint boxes.
 *
 * @throws CliError (unable) when it means nobody
 */
export function packetsTo(
  destination: Destination,
  from: Container,
  policy: Policy,
  index: WorldIndex,
  now: number,
): readonly Box[] {
  const resolver = createResolver(policy, index, now);
  const owner = index.ownerOf(from);
  const subject = {
    project: from.service === null ? null : from.project,
    networks: index.networksOf(from),
    resolvers: owner.kind === 'container' ? owner.container.resolvers : from.resolvers,
  };
  const clauses = resolver.clauses([destination], subject, 'forbid');
  const groups = (key: string) => {
    const crowd = resolver.crowds.get(key);
    if (crowd === undefined) throw new Error(`no such group: ${key}`);
    return crowdAddresses(crowd, index);
  };
  const said = packetsOf(clauses, groups, index.hostAddresses);
  const packets = uniteBoxes(subtractBoxes(said, loopback));
  if (packets.length === 0 && said.length > 0)
    throw new CliError(
      'unable',
      `"${destination.source.text}" is the container's own: such packets never leave it`,
      'ask for "gateway", or for another address of the host',
    );
  if (packets.length === 0)
    throw new CliError('unable', `"${destination.source.text}" stands for nobody here`, nobodyFix(destination, policy));
  return packets;
}

function nobodyFix({ who }: Destination, policy: Policy): string {
  const [first] = who;
  if (first?.kind !== 'group' || policy.groups.has(first.name)) return 'sluice ps lists the containers that run';
  const groups = [...policy.groups.keys()];
  return groups.length === 0 ? 'the policy has no groups of its own' : `groups of the policy: ${groups.join(', ')}`;
}
