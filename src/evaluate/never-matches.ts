import { addressOf } from '../ip/address.ts';
import { type Box, coversBoxes, intersectBoxes } from '../ip/box.ts';
import { diagnostic } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Block, Destination, NamePattern, Policy, WorkloadSelector } from '../policy/model.ts';
import { intersects, patternOf } from '../policy/pattern.ts';
import { clauseMatches, regionOf, sourceKey } from '../ruleset/clause.ts';
import { createResolver, entryText, type Subject } from '../ruleset/resolve.ts';
import type { Clause } from '../ruleset/ruleset.ts';
import { indexWorld } from '../ruleset/world-index.ts';
import type { World } from '../world/world.ts';
import { groupAddresses } from './group-addresses.ts';
import { destinationsOf } from './mentions.ts';
import { unnamed, witnessOf } from './witness.ts';

/** A block, whom it names, and somebody it speaks for. */
interface Named {
  readonly block: Block;
  readonly selector: WorkloadSelector;
}

/**
 * Entries that can never match: a deny of the same block, or guardrails, or both together, forbid all that the entry
 * permits. An exception for anybody whom the block may name keeps its part of the guardrails out of the sum.
 */
export function neverMatching(policy: Policy, world: World, now: number): readonly Diagnostic[] {
  const index = indexWorld(world);
  const resolver = createResolver(policy, index, now);
  const groups = groupAddresses(resolver, index);
  const region = (clauses: readonly Clause[], plane: 'forward' | 'host') => regionOf(clauses, plane, groups, now);

  return namedBlocks(policy).flatMap(({ block, selector }) => {
    const deny = block.deny ?? [];
    if (deny.length === 0 && policy.guardrails.deny.length === 0) return [];
    const subject = subjectOf(selector, world);
    const excepted = policy.guardrails.except
      .filter(({ from }) => from.some((one) => overlap(one, selector)))
      .map(({ to }) => to);
    const forbidden = {
      deny: resolver.clauses(deny, subject, 'forbid'),
      guard: resolver.clauses(policy.guardrails.deny, subject, 'forbid'),
      except: resolver.clauses(excepted, subject, 'permit'),
    };
    const isForbidden = (box: Box, plane: 'forward' | 'host') => {
      // one packet that nothing forbids settles it for nearly every entry
      const address = addressOf(box.family, box.addresses.low);
      const target = { plane, address, protocol: box.protocols.low, port: box.ports.low };
      const hit = [...forbidden.deny, ...forbidden.guard].some((clause) => clauseMatches(clause, target, groups, now));
      if (!hit) return false;
      // what is excepted is not forbidden by a guardrail, so it must not be covered by one either
      const denied = region(forbidden.deny, plane);
      if (coversBoxes(denied, [box])) return true;
      const isExcepted = region(forbidden.except, plane);
      return coversBoxes([...denied, ...region(forbidden.guard, plane)], [box]) && isApart(isExcepted, box, denied);
    };
    return destinationsOf(block.allow).flatMap((destination) => {
      const permitted = resolver.clauses([destination], subject, 'permit');
      const boxes = (['forward', 'host'] as const).flatMap((plane) =>
        region(permitted, plane).map((box) => ({ box, plane })),
      );
      if (boxes.length === 0 || !boxes.every(({ box, plane }) => isForbidden(box, plane))) return [];
      const concerned = [...forbidden.deny, ...forbidden.guard].filter((clause) =>
        boxes.some(({ box, plane }) => intersectBoxes(region([clause], plane), [box]).length > 0),
      );
      return [finding(destination, concerned)];
    });
  });
}

/** Whether what exceptions give back of a box is denied otherwise. */
function isApart(excepted: readonly Box[], box: Box, denied: readonly Box[]): boolean {
  return coversBoxes(denied, intersectBoxes(excepted, [box]));
}

function finding(destination: Destination, forbidding: readonly Clause[]): Diagnostic {
  const by = [...new Set(forbidding.map(({ entry }) => `"${entry}"`))];
  const related = new Map(forbidding.map(({ source }) => [sourceKey(source), source]));
  return diagnostic(
    'neverMatches',
    destination.source,
    `"${entryText(destination)}" can never match: ${by.join(' and ')} ${by.length === 1 ? 'denies' : 'deny'} all of it`,
    { fix: 'take the entry away, or narrow what denies it', related: [...related.values()] },
  );
}

function namedBlocks(policy: Policy): readonly Named[] {
  const every = patternOf('*');
  const service = (project: NamePattern, name: NamePattern): WorkloadSelector => ({
    kind: 'service',
    project,
    service: name,
  });
  return [
    ...policy.projects.flatMap((project) => [
      { block: project, selector: service(project.pattern, every) },
      ...project.services.map((block) => ({ block, selector: service(project.pattern, block.pattern) })),
    ]),
    ...policy.containers.map((block): Named => ({ block, selector: { kind: 'container', name: block.pattern } })),
    ...policy.compose.flatMap(({ project, top, services, networks }): readonly Named[] => [
      ...(top === undefined ? [] : [{ block: top, selector: service(patternOf(project), every) }]),
      ...[...services].map(([name, block]) => ({ block, selector: service(patternOf(project), patternOf(name)) })),
      ...[...networks.values()].map((block) => ({ block, selector: service(patternOf(project), every) })),
    ]),
  ];
}

/** Somebody whom a selector means, in the symbolic world: there is always one. */
function subjectOf(selector: WorkloadSelector, world: World): Subject {
  const project = selector.kind === 'service' ? witnessOf(selector.project) : null;
  const names = selector.kind === 'service' ? [witnessOf(selector.service), unnamed] : [witnessOf(selector.name)];
  const found = world.containers.find((container) =>
    project === null
      ? container.project === null && names.includes(container.name)
      : container.project === project && names.includes(container.service ?? ''),
  );
  const networks = new Set(found?.endpoints.map(({ network }) => network));
  return {
    project,
    networks: world.networks.filter(({ id }) => networks.has(id)),
    resolvers: found?.resolvers ?? [],
  };
}

function overlap(a: WorkloadSelector, b: WorkloadSelector): boolean {
  if (a.kind === 'container') return b.kind === 'container' && intersects(a.name, b.name);
  return b.kind === 'service' && intersects(a.project, b.project) && intersects(a.service, b.service);
}
