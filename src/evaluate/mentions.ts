import type { AllowList, Block, Destination, NamePattern, Policy, Who, WorkloadSelector } from '../policy/model.ts';
import { matches, patternOf } from '../policy/pattern.ts';
import { unnamed, witnesses } from './witness.ts';

/** Names for everybody that a policy or its tests tell apart, and for one of each sort that they do not name. */
export interface Mentions {
  readonly services: readonly { readonly project: string; readonly service: string }[];
  /** Outside Compose. */
  readonly containers: readonly string[];
  /** Engine names of networks. */
  readonly networks: readonly string[];
}

/**
 * Names that are enough to ask a policy about everybody: for each pattern a name that it matches, for two that can match one
 * name such a one, and a name that nothing mentions (see {@link witnesses}).
 */
export function mentionsOf(policy: Policy): Mentions {
  const whos = everyDestination(policy).flatMap(({ who }) => who);
  const selectors = [...policy.tests.map(({ from }) => from), ...policy.guardrails.except.flatMap(({ from }) => from)];
  const pairs = [
    ...whos.flatMap(pairOfWho),
    ...selectors.flatMap(pairOfSelector),
    ...policy.projects.flatMap(pairsOfBlock),
  ];
  const composed = policy.compose.map(({ project }) => ({ project: patternOf(project), service: null }));
  const siblings = whos.flatMap((who) => (who.kind === 'service' ? [patternOf(who.service)] : []));

  const projects = witnesses([...pairs, ...composed].map(({ project }) => project));
  const services = projects.flatMap((project) => {
    const patterns = pairs.flatMap((pair) =>
      pair.service !== null && matches(pair.project, project) ? [pair.service] : [],
    );
    const ofCompose = policy.compose
      .filter((file) => file.project === project)
      .flatMap((file) => [...file.services.keys()]);
    return witnesses([...patterns, ...ofCompose.map(patternOf), ...siblings]).map((service) => ({ project, service }));
  });
  const containers = witnesses([
    ...policy.containers.map(({ pattern }) => pattern),
    ...whos.flatMap((who) => (who.kind === 'container' ? [who.name] : [])),
    ...selectors.flatMap((selector) => (selector.kind === 'container' ? [selector.name] : [])),
  ]);
  const networks = [
    ...whos.flatMap((who) => (who.kind === 'network' && !who.composeKey ? [who.name] : [])),
    ...policy.compose.flatMap(composeNetworks),
  ];
  return { services, containers, networks: [...new Set([...networks, unnamed])].toSorted() };
}

/** Engine names of the networks that a compose file's entries speak of by key; Compose calls them `PROJECT_KEY`. */
function composeNetworks(file: Policy['compose'][number]): readonly string[] {
  const blocks = [...(file.top === undefined ? [] : [file.top]), ...file.services.values(), ...file.networks.values()];
  const entries = blocks.flatMap(({ allow, deny }) => [...destinationsOf(allow), ...(deny ?? [])]);
  return entries
    .flatMap(({ who }) => who)
    .flatMap((who) => (who.kind === 'network' && who.composeKey ? [who.name] : []))
    .map((key) => file.networks.get(key)?.engineName ?? `${file.project}_${key}`);
}

interface Pair {
  readonly project: NamePattern;
  readonly service: NamePattern | null;
}

function pairOfWho(who: Who): readonly Pair[] {
  return who.kind === 'workload' ? [{ project: who.project, service: who.service }] : [];
}

function pairOfSelector(selector: WorkloadSelector): readonly Pair[] {
  return selector.kind === 'service' ? [selector] : [];
}

function pairsOfBlock({ pattern, services }: Policy['projects'][number]): readonly Pair[] {
  return [
    { project: pattern, service: null },
    ...services.map((service) => ({ project: pattern, service: service.pattern })),
  ];
}

/** Every block of a policy, those in compose files among them. */
function everyBlock(policy: Policy): readonly Block[] {
  return [
    ...policy.projects.flatMap((project) => [project, ...project.services]),
    ...policy.containers,
    ...policy.compose.flatMap(({ top, services, networks }) => [
      ...(top === undefined ? [] : [top]),
      ...services.values(),
      ...networks.values(),
    ]),
  ];
}

/** The destinations of an allow list; `inherit` is none. */
export function destinationsOf(list: AllowList | undefined): readonly Destination[] {
  return (list?.items ?? []).flatMap((item) => (item.kind === 'destination' ? [item.destination] : []));
}

function everyDestination(policy: Policy): readonly Destination[] {
  return [
    ...everyBlock(policy).flatMap(({ allow, deny }) => [...destinationsOf(allow), ...(deny ?? [])]),
    ...[...policy.groups.values()].flatMap(({ members }) => members),
    ...policy.guardrails.deny,
    ...policy.guardrails.except.map(({ to }) => to),
    ...policy.tests.flatMap(({ allow, deny }) => [...allow, ...deny]),
  ];
}
