import { diagnostic } from './codes.ts';
import type { AllowList, Block, ComposePolicy, ContainerBlock, NamePattern, ProjectBlock } from './model.ts';
import { covers, intersects, matches, specificity } from './pattern.ts';
import type { Report } from './piece.ts';

const everyName: NamePattern = { text: '*', wild: true };

/** What a block names: services of projects. A project's own block names every service. */
interface Region {
  readonly project: NamePattern;
  readonly service: NamePattern;
  readonly block: Block;
}

/** Reports two patterns of one level of which neither is more specific although a name can match both. */
export function checkTies(
  projects: readonly ProjectBlock[],
  containers: readonly ContainerBlock[],
  report: Report,
): void {
  for (const [a, b] of pairs(containers)) reportTie([a.pattern], [b.pattern], a, b, report);
  for (const [a, b] of pairs(projects)) {
    if (!intersects(a.pattern, b.pattern) || reportTie([a.pattern], [b.pattern], a, b, report)) continue;
    for (const one of a.services)
      for (const two of b.services) reportTie([a.pattern, one.pattern], [b.pattern, two.pattern], one, two, report);
  }
  for (const { pattern, services } of projects)
    for (const [a, b] of pairs(services))
      if (intersects(a.pattern, b.pattern)) reportTie([pattern, a.pattern], [pattern, b.pattern], a, b, report);
}

interface Named {
  readonly pattern: NamePattern;
}

/** All pairs but those of two exact names, which no name matches both of: of a thousand projects few are patterns. */
function* pairs<T extends Named>(list: readonly T[]): Iterable<readonly [T, T]> {
  const before: T[] = [];
  const wild: T[] = [];
  for (const later of list) {
    for (const one of later.pattern.wild ? before : wild) yield [one, later];
    before.push(later);
    if (later.pattern.wild) wild.push(later);
  }
}

function reportTie(
  a: readonly NamePattern[],
  b: readonly NamePattern[],
  first: Block,
  second: Block,
  report: Report,
): boolean {
  if (!isTie(a, b)) return false;
  const [one, two] = [a, b].map((names) => names.map(({ text }) => text).join('/'));
  report(
    diagnostic('tie', second.source, `"${one}" and "${two}" can match the same name, and neither is more specific`, {
      fix: 'give one of them more letters, or name what both match',
      related: [first.source],
    }),
  );
  return true;
}

/** Whether some name matches both and neither is at least as specific in every part and more so in one. */
function isTie(a: readonly NamePattern[], b: readonly NamePattern[]): boolean {
  if (!a.every((one, index) => intersects(one, b[index] ?? everyName))) return false;
  const pairs = a.map((one, index) => [one, b[index] ?? everyName] as const);
  const compared = pairs.map(([one, two]) => Math.sign(order(one, two)));
  return (
    !(compared.some((sign) => sign > 0) && compared.every((sign) => sign >= 0)) &&
    !(compared.some((sign) => sign < 0) && compared.every((sign) => sign <= 0))
  );
}

function order(a: NamePattern, b: NamePattern): number {
  return a.wild || b.wild ? specificity(a) - specificity(b) : 0; // two exact names that intersect are the same name
}

function serviceRegions(projects: readonly ProjectBlock[]): readonly Region[] {
  return projects.flatMap(({ pattern, services: blocks }) =>
    blocks.map((block) => ({ project: pattern, service: block.pattern, block })),
  );
}

/** Everything of the policy file that has an allow list, with what it names. */
function allowing(projects: readonly ProjectBlock[]): readonly Region[] {
  const whole = projects.map((block) => ({ project: block.pattern, service: everyName, block }));
  return [...whole, ...serviceRegions(projects)].filter(({ block }) => block.allow !== undefined);
}

function named(regions: readonly Region[], project: NamePattern, service: NamePattern): boolean {
  return regions.some((region) => covers(region.project, project) && covers(region.service, service));
}

/**
 * Reports every block that names something to which no level gives an allow list. What one block cannot cover alone,
 * several are not tried together: the error asks for an allow list at the block itself.
 */
export function checkAllows(
  projects: readonly ProjectBlock[],
  containers: readonly ContainerBlock[],
  report: Report,
): void {
  const regions = allowing(projects);
  for (const block of projects) {
    if (block.allow !== undefined || named(regions, block.pattern, everyName)) continue;
    const without = block.services.filter((one) => one.allow === undefined);
    const [first] = without;
    const others = block.services.length > 0 && first === undefined;
    const who = others
      ? `its services beside ${list(block.services)}`
      : first
        ? `"${first.pattern.text}"`
        : 'its services';
    report(
      diagnostic(
        'noAllow',
        block.source,
        `project "${block.pattern.text}" is named, and no level gives ${who} an allow list`,
        {
          fix: others
            ? 'add "allow: any" or "allow: none" to the project, or a service "*"'
            : 'add allow: any, none or a list',
        },
      ),
    );
  }
  for (const block of containers) {
    if (block.allow !== undefined) continue;
    if (containers.some(({ allow, pattern }) => allow !== undefined && covers(pattern, block.pattern))) continue;
    const message = `container "${block.pattern.text}" is named, and no block gives it an allow list`;
    report(diagnostic('noAllow', block.source, message, { fix: 'add allow: any, none or a list' }));
  }
}

function list(blocks: readonly { readonly pattern: NamePattern }[]): string {
  const [first, ...more] = blocks.map(({ pattern }) => `"${pattern.text}"`);
  return more.length === 0
    ? `${first}`
    : more.length === 1
      ? `${first} and ${more[0]}`
      : `${first} and ${more.length} more`;
}

/** Reports `inherit` where no next level has an allow list: at a project, a container, and below silent ones. */
export function checkInherits(
  projects: readonly ProjectBlock[],
  containers: readonly ContainerBlock[],
  report: Report,
): void {
  for (const { allow } of containers) refuse(allow, 'a container outside Compose has no next level', report);
  for (const { allow } of projects) refuse(allow, 'a project has no next level', report);
  const whole = projects.filter(({ allow }) => allow !== undefined);
  for (const { project, block } of serviceRegions(projects)) {
    if (whole.some(({ pattern }) => covers(pattern, project))) continue;
    refuse(block.allow, `the project "${project.text}" has no allow list to inherit`, report);
  }
}

function refuse(allow: AllowList | undefined, message: string, report: Report): void {
  for (const item of allow?.items ?? [])
    if (item.kind === 'inherit')
      report(diagnostic('noNextLevel', item.source, message, { fix: 'write the entries that are meant' }));
}

/**
 * The same two checks for a compose file, whose levels are service, network and top, and the policy file's.
 * `services` are those of the compose project, null where they are not all known.
 */
export function checkComposeLevels(
  compose: ComposePolicy,
  services: ReadonlySet<string> | null,
  projects: readonly ProjectBlock[],
  report: Report,
): void {
  const above = projects.filter(({ allow, pattern }) => allow !== undefined && matches(pattern, compose.project));
  const hasTop = compose.top?.allow !== undefined || above.length > 0;
  const someNetwork = [...compose.networks.values()].some(({ allow }) => allow !== undefined);
  const regions = allowing(projects).filter(({ project }) => matches(project, compose.project));
  const missing = (block: Block, message: string) =>
    report(diagnostic('noAllow', block.source, message, { fix: 'add allow: any, none or a list' }));

  // the policy file's block of the project stands above what the compose file says of the same project
  if (above.length === 0) refuse(compose.top?.allow, 'no next level has an allow list to inherit', report);
  for (const [service, block] of compose.services) {
    // which networks a service is on is Compose's business; compile knows
    if (!hasTop && !someNetwork) refuse(block.allow, 'no next level has an allow list to inherit', report);
    const covered = hasTop || someNetwork || regions.some((region) => matches(region.service, service));
    if (block.allow === undefined && !covered)
      missing(block, `service "${service}" is named, and no level gives it an allow list`);
  }
  for (const [key, block] of compose.networks) {
    if (!hasTop) refuse(block.allow, 'the top of the file has no allow list to inherit', report);
    if (block.allow === undefined && !hasTop)
      missing(block, `network "${key}" is named, and no level gives it an allow list`);
  }
  const each =
    services !== null && [...services].every((service) => compose.services.get(service)?.allow !== undefined);
  if (compose.top !== undefined && !hasTop && !each)
    missing(compose.top, `project "${compose.project}" is named, and no level gives all its services an allow list`);
}
