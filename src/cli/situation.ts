import { codes } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import type { RememberedNetwork, Ruleset } from '../ruleset/ruleset.ts';
import { Store } from '../state/store.ts';
import type { World } from '../world/world.ts';
import type { Context } from './context.ts';
import { showProblems } from './diagnostics.ts';
import { hasErrors, type LoadedPolicy, loadPolicy } from './loaded-policy.ts';
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
  const isFailingTest = ({ code }: Diagnostic) => code === codes.failingTest.code;
  const inTheWay = tests === 'hold' ? loaded.diagnostics : loaded.diagnostics.filter((found) => !isFailingTest(found));
  if (loaded.policy === null || hasErrors(inTheWay)) {
    await showProblems(context, command, loaded, consequence);
    return null;
  }
  const world = await worldFor(context, worldFile);
  const { compile } = await import('../ruleset/compile.ts');
  const remembered = worldFile === undefined ? await rememberedNetworks(context) : [];
  const { ruleset, diagnostics } = compile(loaded.policy, world, loaded.now, remembered);
  const failingTests = loaded.diagnostics.filter(isFailingTest).length;
  return { loaded, policy: loaded.policy, world, ruleset, diagnostics, failingTests };
}

/** Networks of named projects as they were: what was theirs stays held while they are down. */
async function rememberedNetworks({ settings, ports }: Context): Promise<readonly RememberedNetwork[]> {
  const reading = await new Store(settings.state, ports.files).readHost();
  return reading.kind === 'good' ? reading.value.networks : [];
}
