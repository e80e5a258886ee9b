import { codes } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import type { RememberedNetwork, Ruleset } from '../ruleset/ruleset.ts';
import { Store } from '../state/store.ts';
import type { World } from '../world/world.ts';
import type { Context } from './context.ts';
import { showProblems } from './diagnostics.ts';
import { CliError } from './error.ts';
import { hasErrors, type LoadedPolicy, loadPolicy } from './loaded-policy.ts';
import { isMissing } from './ports.ts';
import { worldFor } from './worlds.ts';

/** A good policy, the world it is for, and what the kernel is to hold. */
export interface Situation {
  readonly loaded: LoadedPolicy;
  readonly policy: Policy;
  readonly world: World;
  readonly ruleset: Ruleset;
  /** Of compiling the policy for this world; those of its texts are in `loaded`. */
  readonly diagnostics: readonly Diagnostic[];
  /** How many tests of the policy fail: then it is to be looked at, and cannot be applied. */
  readonly failingTests: number;
}

/**
 * Reads the policy and the world, and compiles. Where the policy has errors they are shown, with `consequence` below.
 *
 * @param worldFile a saved world in place of the live host
 * @param tests whether a policy whose tests fail will do
 * @returns null when errors were shown
 */
export async function readSituation(
  context: Context,
  command: string,
  worldFile: string | undefined,
  consequence: string,
  tests: 'hold' | 'may fail' = 'hold',
): Promise<Situation | null> {
  const loaded = await loadPolicy(context);
  const inTheWay = tests === 'hold' ? loaded.diagnostics : loaded.diagnostics.filter((found) => !isFailingTest(found));
  if (loaded.policy === null || hasErrors(inTheWay)) {
    await showProblems(context, command, loaded, consequence);
    return null;
  }
  const world = await worldFor(context, worldFile);
  return compileFor(context, loaded, loaded.policy, world, worldFile !== undefined);
}

const isFailingTest = ({ code }: Diagnostic) => code === codes.failingTest.code;

/** What a policy makes of a world. @param saved whether the world is another host's, or of another time */
export async function compileFor(
  context: Context,
  loaded: LoadedPolicy,
  policy: Policy,
  world: World,
  saved: boolean,
): Promise<Situation> {
  const { compile } = await import('../ruleset/compile.ts');
  const remembered = saved ? [] : await rememberedNetworks(context);
  const { ruleset, diagnostics } = compile(policy, world, loaded.now, remembered);
  const failingTests = loaded.diagnostics.filter(isFailingTest).length;
  return { loaded, policy, world, ruleset, diagnostics, failingTests };
}

/** A world, and what a policy makes of it where there is a good one; else why there is not, as a sentence. */
export type Surroundings =
  | { readonly world: World; readonly situation: Situation; readonly why: null }
  | { readonly world: World; readonly situation: null; readonly why: string };

/** For commands that have something to say of a host without a policy, or with one that has errors. */
export async function readSurroundings(context: Context, worldFile: string | undefined): Promise<Surroundings> {
  const found = await policyIfAny(context);
  const world = await worldFor(context, worldFile);
  if (found.kind === 'none')
    return {
      world,
      situation: null,
      why: `there is no policy at ${context.settings.config}, so who is to be held is not known`,
    };
  if (found.kind === 'bad')
    return { world, situation: null, why: 'the policy has errors, so who it would hold is not known: sluice check' };
  return {
    world,
    situation: await compileFor(context, found.loaded, found.policy, world, worldFile !== undefined),
    why: null,
  };
}

/** The configured policy: there may be none, or it may have errors; tests of it may fail. */
type PolicyIfAny =
  | { readonly kind: 'none' }
  | { readonly kind: 'bad' }
  | { readonly kind: 'good'; readonly loaded: LoadedPolicy; readonly policy: Policy };

/** @throws CliError for one that cannot be read, and for a compose file of it that is not there */
export async function policyIfAny(context: Context): Promise<PolicyIfAny> {
  try {
    const loaded = await loadPolicy(context);
    const { policy, diagnostics } = loaded;
    const bad = policy === null || hasErrors(diagnostics.filter((found) => !isFailingTest(found)));
    return bad ? { kind: 'bad' } : { kind: 'good', loaded, policy };
  } catch (error) {
    if (error instanceof CliError && isMissing(error.cause) && (await isAbsent(context))) return { kind: 'none' };
    throw error;
  }
}

/** Whether it is the policy file itself that is missing, and not a compose file that it lists. */
async function isAbsent({ settings, ports }: Context): Promise<boolean> {
  try {
    await ports.files.read(settings.config, 64 * 1024 * 1024);
    return false;
  } catch (error) {
    return isMissing(error);
  }
}

/** Networks of named projects as they were: what was theirs stays held while they are down. */
async function rememberedNetworks({ settings, ports }: Context): Promise<readonly RememberedNetwork[]> {
  const reading = await new Store(settings.state, ports.files).readHost();
  return reading.kind === 'good' ? reading.value.networks : [];
}
