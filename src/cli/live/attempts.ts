import { type Address, addressOf } from '../../ip/address.ts';
import { setIncludes, setOfPrefixes, unionSets } from '../../ip/address-set.ts';
import type { Box } from '../../ip/box.ts';
import { prefixOf } from '../../ip/prefix.ts';
import { linkLocal6Set } from '../../ip/registry.ts';
import type { Destination, Policy, PolicyTest } from '../../policy/model.ts';
import { selects } from '../../ruleset/workload.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import type { Container } from '../../world/world.ts';
import { exampleOf } from '../boxes.ts';
import { CliError } from '../error.ts';
import { packetsTo } from '../explain/question.ts';

/** A packet that a test of the policy speaks of, to be sent from a running container. */
export interface Attempt {
  readonly container: Container;
  readonly pid: number;
  readonly entry: Destination;
  readonly wanted: 'allow' | 'deny';
  readonly to: Address;
  readonly protocol: number;
  readonly port: number;
}

export interface Attempts {
  readonly attempts: readonly Attempt[];
  /** Entries that are not sent, with the reason. */
  readonly unsent: readonly { readonly entry: Destination; readonly from: string; readonly reason: string }[];
}

/** Most packets for one entry and container: a workload may have many replicas. */
const mostExamples = 4;

/**
 * The packets that try a policy's tests on a host: for each entry and each running container it speaks for, one to each
 * of a few addresses that the entry means.
 */
export function attemptsOf(policy: Policy, index: WorldIndex, now: number): Attempts {
  const attempts: Attempt[] = [];
  const unsent: { entry: Destination; from: string; reason: string }[] = [];
  for (const test of policy.tests) {
    const senders = index.containers.filter((container) => container.running && selects(test.from, container));
    for (const { entry, wanted } of entriesOf(test)) {
      const skip = (reason: string) => unsent.push({ entry, from: textOf(test), reason });
      if (senders.length === 0) skip('no container of it runs');
      else if (isVague(entry)) skip('it is no place to send to: name an address');
      else
        for (const container of senders) {
          const examples = examplesOf(entry, container, policy, index, now);
          if (typeof examples === 'string') skip(examples);
          else if (container.pid === null) skip(`${container.name} has no process that is known`);
          else
            for (const example of examples) attempts.push({ container, pid: container.pid, entry, wanted, ...example });
        }
    }
  }
  return { attempts, unsent };
}

/** What a test entry wants, in the order in which people read them. */
export function entriesOf({
  allow,
  deny,
}: PolicyTest): readonly { readonly entry: Destination; readonly wanted: 'allow' | 'deny' }[] {
  return [
    ...allow.map((entry) => ({ entry, wanted: 'allow' as const })),
    ...deny.map((entry) => ({ entry, wanted: 'deny' as const })),
  ];
}

function textOf({ from }: PolicyTest): string {
  return from.kind === 'container' ? `container/${from.name.text}` : `${from.project.text}/${from.service.text}`;
}

/** Sets of addresses of which none is more meant than another. */
function isVague({ who }: Destination): boolean {
  const vague: readonly string[] = ['internet', 'private', 'multicast'];
  return who.every((one) => one.kind === 'any' || (one.kind === 'builtin' && vague.includes(one.group)));
}

const nobodyElse = unionSets(linkLocal6Set, setOfPrefixes([prefixOf('127.0.0.0/8'), prefixOf('::1')]));

function examplesOf(
  entry: Destination,
  container: Container,
  policy: Policy,
  index: WorldIndex,
  now: number,
): readonly { readonly to: Address; readonly protocol: number; readonly port: number }[] | string {
  let boxes: readonly Box[];
  try {
    boxes = packetsTo(entry, container, policy, index, now);
  } catch (error) {
    if (error instanceof CliError) return error.message;
    throw error;
  }
  const own = unionSets(nobodyElse, index.addressesOf(container));
  const gateways = setOf(index.networksOf(container).flatMap(({ gateways: list }) => list));
  const families = new Set(container.endpoints.flatMap(({ addresses }) => addresses.map(({ family }) => family)));
  const places = boxes
    .map((box) => {
      const { family, address, protocol, port } = exampleOf(box);
      const inside = box.addresses.high - box.addresses.low > 2n ? address + 1n : address; // a block's first is its name
      return { to: addressOf(family, inside), protocol, port };
    })
    .filter(({ to }) => families.has(to.family) && !setIncludes(own, to))
    .toSorted((a, b) => Number(setIncludes(gateways, b.to)) - Number(setIncludes(gateways, a.to)));
  if (places.length === 0) return `there is no address of it that ${container.name} could send to`;
  return ([4, 6] as const).flatMap((family) => places.filter(({ to }) => to.family === family).slice(0, mostExamples));
}

function setOf(addresses: readonly Address[]) {
  return setOfPrefixes(addresses.map((address) => ({ address, length: address.family === 4 ? 32 : 128 })));
}
