import { diagnostic } from './codes.ts';
import type { ComposePart } from './compose-file.ts';
import type { Diagnostic } from './diagnostic.ts';
import { groupFacts, reportCycles } from './groups.ts';
import { checkAllows, checkComposeLevels, checkInherits, checkTies } from './levels.ts';
import { joinParts, twice } from './merge.ts';
import type { AllowList, Block, ComposePolicy, Destination, Policy, ProjectBlock } from './model.ts';
import { namedIn } from './named.ts';
import { matches } from './pattern.ts';
import type { Report } from './piece.ts';
import { defaultsOf, type PolicyPart } from './policy-file.ts';
import { type ReadText, readText } from './read-text.ts';
import { checkUses, type Surroundings } from './uses.ts';
import { warnOfDns, warnOfEntries, warnOfUntil } from './warnings.ts';
import { checkWeight, weighGroups } from './weight.ts';
import type { PolicyText } from './yaml-text.ts';

export type { PolicyText } from './yaml-text.ts';

/** A policy, or null when a diagnostic is an error; the diagnostics in order of files as given, then of lines. */
export interface PolicyReading {
  readonly policy: Policy | null;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads a policy: the policy file (the first text of role `policy`), those of policy.d in name order, and the compose
 * files it trusts. All that is wrong is found in one reading.
 *
 * @param options.now milliseconds since the epoch; `until` is measured by it
 */
export function readPolicy(texts: readonly PolicyText[], options: { readonly now: number }): PolicyReading {
  return new PolicyReader().read(texts, options);
}

/**
 * Reads policies one after the other. A text that says what it said the time before is not read again, and is the same
 * objects: of a hundred files one changes at a time.
 */
export class PolicyReader {
  /** The latest reading of each file, by path and role. */
  #known = new Map<string, { readonly text: string; readonly read: ReadText }>();

  /** What {@link readPolicy} gives. */
  read(texts: readonly PolicyText[], options: { readonly now: number }): PolicyReading {
    const wanted = new Set(texts.map(keyOf));
    for (const key of this.#known.keys()) if (!wanted.has(key)) this.#known.delete(key);
    return readBy((text) => this.#read(text), texts, options);
  }

  /**
   * The Compose files that policy texts list under `compose:`, as written and in order, each once. Reports nothing: what is
   * wrong with the list is found when the policy is read.
   */
  composePaths(texts: readonly PolicyText[]): readonly string[] {
    const paths = texts.flatMap((text) => {
      const read = text.role === 'policy' ? this.#read(text) : undefined;
      return read?.kind === 'policy' ? (read.part.compose?.items ?? []).map(({ text: path }) => path) : [];
    });
    return [...new Set(paths)];
  }

  #read(text: PolicyText): ReadText {
    const key = keyOf(text);
    const known = this.#known.get(key);
    const read = known?.text === text.text ? known.read : readText(text);
    this.#known.set(key, { text: text.text, read });
    return read;
  }
}

function keyOf({ path, role }: PolicyText): string {
  return `${role} ${path}`;
}

function readBy(
  readOne: (text: PolicyText) => ReadText,
  texts: readonly PolicyText[],
  options: { readonly now: number },
): PolicyReading {
  const diagnostics: Diagnostic[] = [];
  const report: Report = (found) => diagnostics.push(found);
  const { parts, compose, whole } = readTexts(readOne, texts, report);
  const joined = joinParts(parts, report);
  const policy = policyOf(joined, compose);
  // what an unreadable file would have said is unknown: checks across files would blame the others for it
  if (whole && checkAcross(policy, joined, compose, report)) {
    const complete = !diagnostics.some(({ severity }) => severity === 'error');
    warn(policy, options.now, complete, report);
  }
  const order = new Map(texts.map(({ path }, index) => [path, index]));
  const sorted = unique(diagnostics).toSorted((a, b) => byPlace(a, b, order));
  return { policy: sorted.some(({ severity }) => severity === 'error') ? null : policy, diagnostics: sorted };
}

interface Read {
  readonly parts: readonly PolicyPart[];
  readonly compose: readonly ComposePart[];
  /** Whether every text was YAML. */
  readonly whole: boolean;
}

function readTexts(readOne: (text: PolicyText) => ReadText, texts: readonly PolicyText[], report: Report): Read {
  const parts: PolicyPart[] = [];
  const compose: ComposePart[] = [];
  let whole = texts.some(({ role }) => role === 'policy');
  if (!whole) {
    const at = { file: 'policy', line: 0, column: 0, text: '' };
    report(diagnostic('missingVersion', at, 'there is no policy file to read'));
  }
  for (const text of texts) {
    if (text.writableByOthers) {
      const at = { file: text.path, line: 0, column: 0, text: '' };
      const message =
        'others than root can write this file, or put another in its place: what it says cannot be trusted';
      const fix = "make it and its folder root's alone: chown root and chmod go-w";
      report(diagnostic('writable', at, message, { fix }));
    }
    const read = readOne(text);
    for (const found of read.diagnostics) report(found);
    if (read.kind === 'unreadable') whole = false;
    else if (read.kind === 'policy') parts.push(read.part);
    else if (read.part !== undefined) compose.push(read.part);
  }
  return { parts, compose, whole };
}

function policyOf(joined: PolicyPart, compose: readonly ComposePart[]): Policy {
  return {
    defaults: defaultsOf(joined.defaults),
    groups: new Map(joined.groups.map((group) => [group.name, group])),
    guardrails: { deny: joined.guardDeny?.items ?? [], except: joined.guardExcept?.items ?? [] },
    projects: joined.projects,
    containers: joined.containers,
    compose: compose.map(({ policy }) => policy),
    tests: joined.tests?.items ?? [],
  };
}

/** Whom the blocks of one compose file may name by who they are; the policy file may name anybody. */
const mostNamed = 500;

/** Whoever writes a compose file has no use for more, and each takes sets of the kernel's and time for every newcomer. */
function checkNamed(blocks: readonly Block[], report: Report): void {
  const named = new Set<string>();
  const entries = blocks.flatMap(({ allow, deny }) => [...destinationsOf(allow), ...(deny ?? [])]);
  for (const entry of entries) {
    for (const one of namedIn(entry)) named.add(one);
    if (named.size <= mostNamed) continue;
    const message = `x-sluice of one compose file names more than ${mostNamed} services, projects, containers and networks`;
    report(diagnostic('tooMuch', entry.source, message, { fix: 'write same-project, or a group of the policy file' }));
    return;
  }
}

/** @returns false when groups are such that nothing more can be said of the policy */
function checkAcross(policy: Policy, joined: PolicyPart, compose: readonly ComposePart[], report: Report): boolean {
  const { groups, guardrails, projects, containers, tests } = policy;
  const weigh = weighGroups(groups, report);
  if (weigh === null) return false;
  const entries: Destination[] = [];
  const check = checkUses(groups, report);
  const each = (list: readonly Destination[], around: Surroundings) => {
    if (around.purpose !== 'group') for (const entry of list) entries.push(entry);
    for (const entry of list) check(entry, around);
  };
  const block = (one: Block, services: ReadonlySet<string> | null, inProject: boolean) => {
    each(destinationsOf(one.allow), { purpose: 'allow', services, inProject });
    each(one.deny ?? [], { purpose: 'deny', services, inProject });
  };
  reportCycles(groups, report);
  for (const { members } of groups.values()) each(members, { purpose: 'group', services: null, inProject: true });
  each(guardrails.deny, { purpose: 'guardrail', services: null, inProject: true });
  each(
    guardrails.except.map(({ to }) => to),
    { purpose: 'exception', services: null, inProject: true },
  );
  for (const project of projects) for (const one of [project, ...project.services]) block(one, null, true);
  for (const container of containers) block(container, null, false);
  for (const { from, allow, deny } of tests)
    each([...allow, ...deny], { purpose: 'test', services: null, inProject: from.kind === 'service' });
  checkTies(projects, containers, report);
  checkAllows(projects, containers, report);
  checkInherits(projects, containers, report);
  for (const { policy: file } of compose) {
    const services = servicesOf(file.project, compose);
    for (const one of composeBlocks(file)) block(one, services, true);
    checkNamed(composeBlocks(file), report);
    checkComposeLevels(file, services, projects, report);
  }
  checkComposeFiles(compose, report);
  checkWeight(entries, weigh, report);
  if (guardrails.deny.length > 0 && joined.guardrails !== undefined) {
    const message = 'guardrails hold for every container, so every Docker bridge is enrolled';
    report(diagnostic('enrolsAll', joined.guardrails, message));
  }
  const denying = joined.defaults.get('unmanaged');
  if (denying?.word === 'deny' && policy.defaults.labels === 'trusted') {
    const message =
      'who writes compose files undoes this by a label: labels of containers that nothing names are trusted';
    report(diagnostic('labelsAllow', denying.at, message, { fix: 'write "labels: narrow" beside it, or "ignore"' }));
  }
  return true;
}

/** The services of a compose project, over all its files; null when one of them takes in others. */
function servicesOf(project: string, compose: readonly ComposePart[]): ReadonlySet<string> | null {
  const lists = compose.filter(({ policy }) => policy.project === project).map(({ services }) => services);
  return lists.includes(null) ? null : new Set(lists.flatMap((list) => [...(list ?? [])]));
}

/** Two compose files of one project must not set the same key. */
function checkComposeFiles(compose: readonly ComposePart[], report: Report): void {
  compose.forEach(({ policy: later }, index) => {
    for (const { policy: earlier } of compose.slice(0, index)) {
      if (earlier.project !== later.project) continue;
      const path = `x-sluice of project ${later.project}`;
      if (earlier.top && later.top) twice(path, earlier.top.source, later.top.source, report);
      for (const kind of ['services', 'networks'] as const)
        for (const [name, block] of later[kind]) {
          const before = earlier[kind].get(name);
          if (before !== undefined) twice(`${path}, ${kind}.${name}`, before.source, block.source, report);
        }
    }
  });
}

function composeBlocks({ top, services, networks }: ComposePolicy): readonly Block[] {
  return [...(top === undefined ? [] : [top]), ...services.values(), ...networks.values()];
}

function destinationsOf(allow: AllowList | undefined): readonly Destination[] {
  return (allow?.items ?? []).flatMap((item) => (item.kind === 'destination' ? [item.destination] : []));
}

/** `complete`: nothing is in error, so that what a list lacks is known; an entry in error may have been meant to be it. */
function warn(policy: Policy, now: number, complete: boolean, report: Report): void {
  const { groups, guardrails, projects, containers, compose } = policy;
  const facts = groupFacts(groups);
  const list = (block: Block, above: readonly Block[]) => {
    if (block.allow === undefined) return;
    warnOfEntries(block.allow, facts, now, report);
    if (!complete) return;
    const inherits = block.allow.items.some(({ kind }) => kind === 'inherit');
    warnOfDns(block.allow, inherits ? above.flatMap(({ allow }) => allow ?? []) : [], groups, report);
  };
  for (const exception of guardrails.except) warnOfUntil(exception, now, report);
  for (const project of projects) {
    list(project, []);
    for (const service of project.services) list(service, above(project, projects));
  }
  for (const container of containers) list(container, []);
  for (const file of compose) {
    const outer = [
      ...(file.top === undefined ? [] : [file.top]),
      ...projects.filter(({ pattern }) => matches(pattern, file.project)),
    ];
    if (file.top !== undefined) list(file.top, []);
    for (const network of file.networks.values()) list(network, outer);
    for (const service of file.services.values()) list(service, [...file.networks.values(), ...outer]);
  }
}

/** The project blocks whose list a service of `project` may inherit. */
function above(project: ProjectBlock, projects: readonly ProjectBlock[]): readonly ProjectBlock[] {
  return project.allow !== undefined
    ? [project]
    : projects.filter(({ pattern }) => matches(pattern, project.pattern.text));
}

/** An alias makes one text stand in several places; what is wrong with it is said once. */
function unique(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Map(
    diagnostics.map((found) => {
      const { file, line, column } = found.source;
      return [JSON.stringify([file, line, column, found.code, found.message]), found];
    }),
  );
  return [...seen.values()];
}

function byPlace(a: Diagnostic, b: Diagnostic, order: ReadonlyMap<string, number>): number {
  const rank = ({ source }: Diagnostic) => order.get(source.file) ?? -1;
  return (
    rank(a) - rank(b) ||
    a.source.line - b.source.line ||
    a.source.column - b.source.column ||
    (a.code < b.code ? -1 : a.code > b.code ? 1 : 0)
  );
}
