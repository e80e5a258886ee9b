import type { Block, ComposePolicy, NamePattern, Policy } from '../policy/model.ts';
import { matches, specificity } from '../policy/pattern.ts';
import type { Container } from '../world/world.ts';

/** Who wrote a block: the policy file (root), a compose file it lists, or the container's labels. */
export type Origin = 'file' | 'compose' | 'labels';

/**
 * The blocks of one level and origin that name a container, the most specific first: a project's exact name before a
 * pattern, a pattern with more literal characters before one with fewer, then the same for the service.
 */
interface Step {
  readonly level: 'service' | 'network' | 'project';
  readonly origin: Origin;
  readonly blocks: readonly Block[];
}

/** Every block that names what a container sends through one network, the most specific level first. */
export type Chain = readonly Step[];

/** Finds the blocks of the policy file that name somebody. */
export interface FileBlocks {
  /** The chain of a container's blocks. A container outside Compose has one level, `service`. */
  readonly chain: (container: Container) => Chain;
  /** Whether some block names the project. */
  readonly names: (project: string) => boolean;
}

/** Prepares looking names up. On one level of a chain the block with the most specific pattern comes first. */
export function indexBlocks(policy: Policy): FileBlocks {
  const projectsOf = finder(policy.projects);
  const containersOf = finder(policy.containers);
  const servicesOf = new Map(policy.projects.map((project) => [project, finder(project.services)]));
  const chains = new WeakMap<Container, Chain>();
  const find = (container: Container): Chain => {
    const { project, service } = container;
    if (project === null || service === null)
      return steps([{ level: 'service', origin: 'file', blocks: containersOf(container.name) }]);
    const projects = projectsOf(project);
    const services = projects.flatMap((block) => servicesOf.get(block)?.(service) ?? []);
    return steps([
      { level: 'service', origin: 'file', blocks: services },
      { level: 'project', origin: 'file', blocks: projects },
    ]);
  };
  return {
    names: (project) => projectsOf(project).length > 0,
    chain: (container) => {
      const chain = chains.get(container) ?? find(container);
      chains.set(container, chain);
      return chain;
    },
  };
}

/** The blocks whose pattern matches a name, the most specific first. */
function finder<Named extends { readonly pattern: NamePattern }>(
  blocks: readonly Named[],
): (name: string) => readonly Named[] {
  const exact = new Map<string, Named[]>();
  for (const block of blocks)
    if (!block.pattern.wild) exact.set(block.pattern.text, [...(exact.get(block.pattern.text) ?? []), block]);
  const wild = blocks.filter(({ pattern }) => pattern.wild).toSorted(bySpecificity);
  return (name) => [...(exact.get(name) ?? []), ...wild.filter(({ pattern }) => matches(pattern, name))];
}

/** The chain of what the listed compose files say of a container's traffic through a network (its engine name). */
export function composeChain(container: Container, network: string | null, policy: Policy): Chain {
  const { project, service } = container;
  if (project === null || service === null) return [];
  const files = composeFilesOf(container, policy);
  const some = (blocks: readonly (Block | undefined)[]) => blocks.filter((block) => block !== undefined);
  const ofNetwork = files.flatMap((file) =>
    [...file.networks.values()].filter(({ engineName }) => engineName === network),
  );
  return steps([
    { level: 'service', origin: 'compose', blocks: some(files.map((file) => file.services.get(service))) },
    { level: 'network', origin: 'compose', blocks: ofNetwork },
    { level: 'project', origin: 'compose', blocks: some(files.map((file) => file.top)) },
  ]);
}

/** The files of a container's project; where its labels name some of the listed ones, only those. */
function composeFilesOf(container: Container, policy: Policy): readonly ComposePolicy[] {
  const ofProject = policy.compose.filter(({ project }) => project === container.project);
  const confirmed = ofProject.filter(({ file }) => container.composeFiles.includes(file));
  const files = confirmed.length > 0 ? confirmed : ofProject;
  return files.toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

/** The chain of what a container's labels say, which is one block on the service's level; null: they say nothing. */
export function labelChain(block: Block | null): Chain {
  return steps([{ level: 'service', origin: 'labels', blocks: block === null ? [] : [block] }]);
}

const levels = ['service', 'network', 'project'] as const;
const origins = ['labels', 'compose', 'file'] as const;

/** One chain of several: by level first; on one level what stands closer to the container comes first. */
export function mergeChains(...chains: readonly Chain[]): Chain {
  return chains
    .flat()
    .toSorted(
      (a, b) =>
        levels.indexOf(a.level) - levels.indexOf(b.level) || origins.indexOf(a.origin) - origins.indexOf(b.origin),
    );
}

function steps(chain: Chain): Chain {
  return chain.filter(({ blocks }) => blocks.length > 0);
}

function bySpecificity(a: { readonly pattern: NamePattern }, b: { readonly pattern: NamePattern }): number {
  const difference = specificity(b.pattern) - specificity(a.pattern);
  return difference || (a.pattern.text < b.pattern.text ? -1 : a.pattern.text > b.pattern.text ? 1 : 0);
}
