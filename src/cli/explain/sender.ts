import { parseWorkloadSelector } from '../../policy/selector.ts';
import { suggest } from '../../policy/suggest.ts';
import type { EndpointIdentity, Ruleset, Unheld } from '../../ruleset/ruleset.ts';
import { selects } from '../../ruleset/workload.ts';
import { indexWorld, type WorldIndex } from '../../ruleset/world-index.ts';
import { workloadName } from '../../world/workload.ts';
import type { Container, World } from '../../world/world.ts';
import { CliError } from '../error.ts';

/** A container that somebody asked about, with what it sends through. */
export interface Sender {
  readonly container: Container;
  /** What it is judged by, one per network; its own or those of the container whose namespace it shares. */
  readonly endpoints: readonly EndpointIdentity[];
  readonly unheld: readonly Unheld[];
}

/**
 * The running containers that FROM means: `PROJECT/SERVICE`, `container/NAME`, the name of any container, or the
 * beginning of an id.
 *
 * @throws CliError when FROM cannot be read, or nothing that runs is meant by it
 */
export function sendersNamed(from: string, world: World, ruleset: Ruleset): readonly Sender[] {
  const index = indexWorld(world);
  const running = index.containers.filter(({ running }) => running).toSorted(byName);
  const meant = named(from, running);
  if (meant.length === 0) throw nobody(from, world);
  return meant.map((container) => senderOf(container, index, ruleset));
}

/** What a container sends through under a ruleset. */
export function senderOf(container: Container, index: WorldIndex, ruleset: Ruleset): Sender {
  const owner = index.ownerOf(container);
  const id = owner.kind === 'container' ? owner.container.id : container.id;
  return {
    container,
    endpoints: ruleset.endpoints.filter((endpoint) => endpoint.container.id === id),
    unheld: ruleset.unheld.filter((one) => one.container.id === container.id || one.container.id === id),
  };
}

function named(from: string, running: readonly Container[]): readonly Container[] {
  if (from.includes('/')) {
    const read = parseWorkloadSelector(from);
    if ('selector' in read) return running.filter((container) => selects(read.selector, container));
    const [problem] = read.diagnostics;
    throw new CliError(
      'usage',
      `FROM: ${problem?.message ?? 'cannot be read'}`,
      problem?.fix ?? 'write PROJECT/SERVICE',
    );
  }
  const exact = running.filter(({ name }) => name === from);
  if (exact.length > 0) return exact;
  return /^[0-9a-f]{6,64}$/.test(from) ? running.filter(({ id }) => id.startsWith(from)) : [];
}

function nobody(from: string, world: World): CliError {
  const stopped = world.containers.some(
    (container) => !container.running && (container.name === from || workloadName(container) === from),
  );
  if (stopped) return new CliError('unable', `${from} does not run`, 'start it, or ask about another: sluice ps');
  const known = world.containers.filter(({ running }) => running);
  const near = suggest(from, [...new Set(known.flatMap((container) => [workloadName(container), container.name]))]);
  const composed = known.find((container) => `container/${container.name}` === from);
  const project = [...new Set(known.filter((container) => container.project === from).map(workloadName))];
  const meant =
    composed !== undefined
      ? `${composed.name} is of Compose: write ${workloadName(composed)}`
      : project.length > 0
        ? `"${from}" is a project: write ${project.join(' or ')}`
        : undefined;
  return new CliError(
    'unable',
    `no running container is "${from}"`,
    meant ?? (near === undefined ? 'sluice ps lists those that run' : `did you mean ${near}?`),
  );
}

function byName(a: Container, b: Container): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
