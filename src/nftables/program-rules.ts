import type { Program, Ruleset } from '../ruleset/ruleset.ts';
import type { Chain, NftSet } from './model.ts';
import { programChains } from './program.ts';
import { joinShared, type SharedSet, SharedSets } from './shared-sets.ts';

/** What judges the packets of all programs' senders. */
export interface ProgramRules {
  readonly chains: readonly Chain[];
  /** Each program's own sets. */
  readonly sets: readonly NftSet[];
  /** Those that several may share. */
  readonly shared: readonly NftSet[];
}

/** The rules of each program; one that was rendered before is the same objects again. */
export function programRules({ programs, denied }: Pick<Ruleset, 'programs' | 'denied'>): ProgramRules {
  const rendered = programs.map((program) => renderedAlone(program, denied));
  const shared = joinShared(rendered.map((one) => one.shared));
  if (shared === null) return renderedTogether(programs, denied);
  return {
    chains: rendered.flatMap(({ chains }) => chains),
    sets: rendered.flatMap(({ sets }) => sets),
    shared,
  };
}

interface Rendered extends Omit<ProgramRules, 'shared'> {
  readonly denied: Ruleset['denied'];
  readonly shared: readonly SharedSet[];
}

const known = new WeakMap<Program, Rendered>();

function renderedAlone(program: Program, denied: Ruleset['denied']): Rendered {
  let rendered = known.get(program);
  if (rendered?.denied !== denied) {
    const shared = new SharedSets();
    rendered = { denied, ...programChains(program, denied, shared), shared: shared.contents() };
    known.set(program, rendered);
  }
  return rendered;
}

/** Names of shared sets are digests of 64 bits, and whoever writes labels may look for two that collide. */
function renderedTogether(programs: readonly Program[], denied: Ruleset['denied']): ProgramRules {
  const shared = new SharedSets();
  const rendered = programs.map((program) => programChains(program, denied, shared));
  return {
    chains: rendered.flatMap(({ chains }) => chains),
    sets: rendered.flatMap(({ sets }) => sets),
    shared: shared.all(),
  };
}
