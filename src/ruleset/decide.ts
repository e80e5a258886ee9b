import { everyAddress } from '../ip/address-set.ts';
import { diagnostic } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { AllowList, Block, Destination, Mode, Policy } from '../policy/model.ts';
import type { SourceRef } from '../policy/source.ts';
import { workloadName } from '../world/workload.ts';
import type { Container } from '../world/world.ts';
import { endingBy, type Identities, permittedUntil } from './ceiling.ts';
import { canonical } from './clause.ts';
import { type Chain, composeChain, type FileBlocks, labelChain, mergeChains, type Origin } from './naming.ts';
import { entryText, type Resolver, type Subject } from './resolve.ts';
import type { Clause, Program } from './ruleset.ts';

/** What the blocks that name a container say of its traffic through one network, guardrails apart. */
export interface Decision {
  readonly standing: Exclude<Program['standing'], 'build'>;
  readonly mode: Mode;
  readonly deny: readonly Clause[];
  readonly allow: readonly Clause[];
  /** What decides where nothing matches. */
  readonly otherwise: SourceRef;
  readonly diagnostics: readonly Diagnostic[];
}

export interface LabelReading {
  readonly block: Block | null;
  readonly diagnostics: readonly Diagnostic[];
}

export interface Deciding {
  readonly policy: Policy;
  readonly blocks: FileBlocks;
  readonly resolver: Resolver;
  readonly identities: Identities;
  readonly labelsOf: (container: Container) => LabelReading;
}

interface Item {
  readonly destination: Destination;
  readonly origin: Origin;
}

/** The blocks that name what a container sends through a network (engine name), as far as they may be read. */
export function chainOf(container: Container, network: string | null, deciding: Deciding): Chain {
  const { policy, blocks, labelsOf } = deciding;
  const file = blocks.chain(container);
  const chain = mayRead(file, policy)
    ? mergeChains(file, composeChain(container, network, policy), labelChain(labelsOf(container).block))
    : file;
  if (container.unproven === undefined || chain.length > 0) return chain;
  return blocks.chain({ ...container, project: null, service: null }); // its name is the engine's word
}

/** policy.md, "Who may write what": labels and x-sluice narrow what the file names, or stand alone where it is silent. */
function mayRead(file: Chain, policy: Policy): boolean {
  const { labels } = policy.defaults;
  return labels === 'trusted' || (labels === 'narrow' && file.length > 0);
}

/**
 * What policy says of a container: the lists of the blocks that name it, by level (docs/decisions/0005-which-block-counts.md).
 *
 * @param network engine name of the network it sends through; null: on none, or where that does not matter
 */
export function decide(container: Container, network: string | null, subject: Subject, deciding: Deciding): Decision {
  const { policy, blocks, resolver, labelsOf } = deciding;
  const file = blocks.chain(container);
  const broken = mayRead(file, policy)
    ? labelsOf(container).diagnostics.filter(({ severity }) => severity === 'error')
    : [];
  const chain = chainOf(container, network, deciding);
  if (chain.length === 0 && broken.length === 0) return unmanaged(policy);

  const deny = resolver.clauses(
    chain.flatMap(({ blocks }) => blocks.flatMap((block) => block.deny ?? [])),
    subject,
    'forbid',
  );
  const mode = container.unproven ? unprovenMode : modeOf(container, chain, file);
  const refuse = (diagnostics: readonly Diagnostic[], otherwise: SourceRef): Decision => ({
    standing: 'refused',
    mode: mode.mode,
    deny,
    allow: [],
    otherwise,
    diagnostics: [...mode.diagnostics, ...diagnostics],
  });
  const nearest = chain[0]?.blocks[0]?.source;
  if (broken.length > 0) return refuse(broken, nearest ?? (broken[0] as Diagnostic).source);

  if (container.unproven) return refuse([withoutProof(container, nearest as SourceRef)], nearest as SourceRef);

  const list = allowOf(chain);
  if (list === undefined) return refuse([withoutAllow(container, nearest as SourceRef)], nearest as SourceRef);
  if (list.tie !== undefined) return refuse([tied(container, list.list, list.tie)], list.list.source);

  const items = expand(list, chain);
  const own = items.filter(({ origin }) => origin === 'file').map(({ destination }) => destination);
  const asked = items.filter(({ origin }) => origin !== 'file');
  const trusted = resolver.clauses(own, subject, 'permit');
  const named = (allow: readonly Clause[]): Decision => ({
    standing: 'named',
    mode: mode.mode,
    deny,
    allow,
    otherwise: list.list.source,
    diagnostics: mode.diagnostics,
  });
  if (asked.length === 0) return named(trusted);
  if (file.length === 0)
    return named(
      resolver.clauses(
        asked.map(({ destination }) => destination),
        subject,
        'permit',
      ),
    );
  const fileList = allowOf(file);
  const permitted = fileList === undefined ? [] : expand(fileList, file).map(({ destination }) => destination);
  const ceiling = resolver.clauses(permitted, subject, 'permit');
  const within = asked.map((item) => ({ item, clauses: inside(item, ceiling, subject, deciding) }));
  const excess = within.flatMap(({ item, clauses }) => (clauses === undefined ? [item] : []));
  if (excess.length > 0)
    return refuse(
      excess.map((item) => tooMuch(container, item, fileList?.list.source)),
      list.list.source,
    );
  return named(canonical([...trusted, ...within.flatMap(({ clauses }) => clauses ?? [])]));
}

/** An entry's clauses, ending no later than what permits them; undefined when they are not inside the ceiling. */
function inside(
  { destination }: Item,
  ceiling: readonly Clause[],
  subject: Subject,
  { resolver, identities }: Deciding,
): readonly Clause[] | undefined {
  const clauses = resolver
    .clauses([destination], subject, 'permit')
    .map((clause) => ({ clause, end: permittedUntil(clause, ceiling, identities) }));
  if (clauses.some(({ end }) => end === undefined)) return undefined;
  return clauses.map(({ clause, end }) => endingBy(clause, end as number));
}

interface Chosen {
  readonly step: number;
  readonly list: AllowList;
  /** Another list that is as specific: two compose files of one project. */
  readonly tie?: AllowList;
}

/** The allow list that counts: of the first step, from `from` on, that has one. */
function allowOf(chain: Chain, from = 0): Chosen | undefined {
  for (let step = from; step < chain.length; step++) {
    const { blocks = [], origin } = chain[step] ?? {};
    const [list, other] = blocks.flatMap(({ allow }) => allow ?? []);
    if (list === undefined) continue;
    return origin === 'compose' && other !== undefined ? { step, list, tie: other } : { step, list };
  }
  return undefined;
}

/** A list with every `inherit` replaced by the entries of the next level that has a list. */
function expand(chosen: Chosen, chain: Chain): readonly Item[] {
  const { origin } = chain[chosen.step] as Chain[number];
  return chosen.list.items.flatMap((item) => {
    if (item.kind === 'destination') return [{ destination: item.destination, origin }];
    const next = allowOf(chain, chosen.step + 1);
    return next === undefined ? [] : expand(next, chain);
  });
}

const tightness: readonly Mode[] = ['off', 'audit', 'enforce'];
const looser = (a: Mode, b: Mode) => tightness.indexOf(a) < tightness.indexOf(b);

/** The mode of the most specific block that has one; what narrows may tighten it and never loosen it. */
function modeOf(
  container: Container,
  chain: Chain,
  file: Chain,
): { readonly mode: Mode; readonly diagnostics: readonly Diagnostic[] } {
  const compose = chain.filter(({ origin }) => origin === 'compose');
  const labels = chain.filter(({ origin }) => origin === 'labels');
  const [base = [], ...narrower] = [file, compose, labels].filter((part) => part.length > 0);
  const diagnostics: Diagnostic[] = [];
  let mode: Mode = firstMode(base)?.mode ?? 'enforce';
  for (const part of narrower) {
    const block = firstMode(part);
    if (block?.mode === undefined) continue;
    if (looser(block.mode, mode)) diagnostics.push(loosening(container, block, mode));
    else mode = block.mode;
  }
  return { mode, diagnostics };
}

function firstMode(chain: Chain): Block | undefined {
  return chain.flatMap(({ blocks }) => blocks).find(({ mode }) => mode !== undefined);
}

function unmanaged(policy: Policy): Decision {
  const { unmanaged: what } = policy.defaults;
  const source: SourceRef = { file: 'defaults', line: 0, column: 0, text: `unmanaged: ${what}` };
  return {
    standing: 'unmanaged',
    mode: what === 'audit' ? 'audit' : 'enforce',
    deny: [],
    allow: what === 'allow' ? anything(source) : [],
    otherwise: source,
    diagnostics: [],
  };
}

/** Clauses that match every packet. */
export function anything(source: SourceRef): readonly Clause[] {
  return (['forward', 'host'] as const).map((plane) => ({
    plane,
    to: { kind: 'addresses', set: everyAddress },
    l4: 'any',
    entry: 'any',
    source,
  }));
}

/** Whatever the block that it claims says: another container may be meant. */
const unprovenMode = { mode: 'enforce', diagnostics: [] } as const;

function withoutProof(container: Container, source: SourceRef): Diagnostic {
  return diagnostic(
    'unproven',
    source,
    `${container.name}: its image cannot be read, so nobody can tell its labels from its image's: it may reach nothing`,
    { fix: 'make it anew from an image that is there, and that "docker image inspect" shows' },
  );
}

function withoutAllow(container: Container, source: SourceRef): Diagnostic {
  return diagnostic(
    'noAllow',
    source,
    `${workloadName(container)} is named and nothing gives it an allow list: it may reach nothing`,
    {
      fix: 'add an allow list: "any" leaves everything open, "none" denies everything',
    },
  );
}

function tied(container: Container, first: AllowList, second: AllowList): Diagnostic {
  return diagnostic(
    'tie',
    second.source,
    `${workloadName(container)} has allow lists in two compose files: it may reach nothing`,
    {
      fix: 'keep the x-sluice block in one of the files',
      related: [first.source],
    },
  );
}

function tooMuch(container: Container, { destination }: Item, ceiling: SourceRef | undefined): Diagnostic {
  return diagnostic(
    'asksTooMuch',
    destination.source,
    `"${entryText(destination)}" is more than the policy file allows ${workloadName(container)}: it may reach nothing until this is mended`,
    {
      fix: 'take the entry away, or allow it in the policy file',
      ...(ceiling === undefined ? {} : { related: [ceiling] }),
    },
  );
}

function loosening(container: Container, block: Block, mode: Mode): Diagnostic {
  return diagnostic(
    'loosensMode',
    block.modeSource ?? block.source,
    `mode "${block.mode}" would loosen the "${mode}" of ${workloadName(container)}: it stays "${mode}"`,
    { fix: `take the mode away, or set it in the policy file` },
  );
}
