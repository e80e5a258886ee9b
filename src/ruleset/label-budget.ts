import { diagnostic } from '../policy/codes.ts';
import { namedIn } from '../policy/named.ts';
import { sourceOfLabels } from '../policy/source.ts';
import { mostElements, weightOfL4 } from '../policy/weight.ts';
import type { Container } from '../world/world.ts';
import type { LabelReading } from './decide.ts';

/**
 * What the labels of all containers may come to together, and at how many containers with labels that is reached whatever
 * they say. It leaves most of what is held to the policy file: whoever writes compose files must not be able to make a
 * policy that is refused whole (too-large.ts), since then nothing that is new is held.
 */
const mostOfLabels = mostElements / 4;
const leastOfOne = 100;
/** For how many entries it counts whom a project's labels name, each once: two sets in the kernel, and time for each newcomer. */
const eachNamed = 250;

/** How labels are read where the labels of all containers are looked at together. */
export interface LabelBudget {
  readonly labelsOf: (container: Container) => LabelReading;
  /** The projects that have more than is left for them, as text; empty as a rule. */
  readonly over: string;
}

/**
 * Reads labels, but for those of the projects that ask for most, where all together ask for too much: these are then in
 * error, and allow nothing. A container of no project stands for itself.
 *
 * @param labels what a container's labels say on their own
 */
export function labelBudget(
  containers: readonly Container[],
  labels: (container: Container) => LabelReading,
): LabelBudget {
  const asked = new Map<string, { entries: number; readonly named: Set<string> }>();
  for (const container of containers) {
    const { entries, named } = askedBy(labels(container));
    if (entries === 0) continue;
    const its = asked.get(ownerOf(container)) ?? { entries: 0, named: new Set() };
    its.entries += entries * Math.max(1, container.endpoints.length);
    for (const one of named) its.named.add(one);
    asked.set(ownerOf(container), its);
  }
  const weights = [...asked].map(([owner, { entries, named }]) => [owner, entries + eachNamed * named.size] as const);
  if (weights.reduce((sum, [, weight]) => sum + weight, 0) <= mostOfLabels) return { labelsOf: labels, over: '' };
  const over = new Set<string>();
  let left = mostOfLabels;
  for (const [owner, weight] of weights.toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))) {
    if (weight > left) over.add(owner);
    else left -= weight;
  }
  return {
    labelsOf: (container) => {
      const reading = labels(container);
      return over.has(ownerOf(container)) && reading.block !== null ? refused(container, reading) : reading;
    },
    over: JSON.stringify([...over].toSorted()),
  };
}

const ownerOf = ({ id, project }: Container): string => (project === null ? `container ${id}` : `project ${project}`);

interface Asked {
  readonly entries: number;
  readonly named: readonly string[];
}

const nothing: Asked = { entries: 0, named: [] };
const known = new WeakMap<LabelReading, Asked>();

function askedBy(reading: LabelReading): Asked {
  const { block } = reading;
  if (block === null) return nothing;
  const before = known.get(reading);
  if (before !== undefined) return before;
  const allowed = (block.allow?.items ?? []).flatMap((item) => (item.kind === 'destination' ? [item.destination] : []));
  const list = [...allowed, ...(block.deny ?? [])];
  const entries = Math.max(
    leastOfOne,
    list.reduce((sum, { l4 }) => sum + weightOfL4(l4), 0),
  );
  const made = { entries, named: [...new Set(list.flatMap(namedIn))] };
  known.set(reading, made);
  return made;
}

const refusals = new WeakMap<LabelReading, LabelReading>();

/** The same object while it is the same: what is worked out from it is remembered by it. */
function refused(container: Container, reading: LabelReading): LabelReading {
  const before = refusals.get(reading);
  if (before !== undefined) return before;
  const source = sourceOfLabels(container.name, 'sluice.allow');
  const whose = container.project === null ? 'this container' : `project ${JSON.stringify(container.project)}`;
  const message = `the labels of all containers come to more than the ${mostOfLabels} entries that are held, with ${eachNamed} for each service, project, container or network that they name, and those of ${whose} to most of them`;
  const fix = 'write what they say in the policy file';
  const made: LabelReading = {
    block: { allow: { items: [], source }, source },
    diagnostics: [diagnostic('tooMuch', source, message, { fix })],
  };
  refusals.set(reading, made);
  return made;
}
