import type { Ruleset } from '../ruleset/ruleset.ts';
import type { HostState } from '../state/host-state.ts';
import { goneBack, type PolicyRecord } from '../state/policy-state.ts';
import type { World } from '../world/world.ts';
import { messageOf, type OwnState, rememberHeld } from './alone.ts';
import { CliError } from './error.ts';
import type { CutConversation, Ports } from './ports.ts';
import { liveWorld } from './worlds.ts';

/** How the kernel came to hold the policy before. */
export type WentBack =
  | { readonly kind: 'compiled'; readonly ruleset: Ruleset; readonly cut: readonly CutConversation[] }
  /** Without an engine: the rules that stood before the change were loaded again, as they were. */
  | { readonly kind: 'loaded' }
  /** Nothing was in force before, so nothing is now. */
  | { readonly kind: 'released' }
  | { readonly kind: 'nothing-before' };

/**
 * Goes back to the policy before without a daemon, and reads the kernel to see that it did. The state changes last: cut
 * short, it still says that there is something to go back from.
 *
 * @param own the state directory, taken
 * @throws CliError and errors of parts when the kernel does not hold it afterwards, or nothing could be done
 */
export async function goBackAlone(
  own: OwnState,
  by: 'rollback' | 'confirm-expired',
  ports: Ports,
  host: string | undefined,
): Promise<WentBack> {
  const { store, remembered } = own;
  const next = goneBack(remembered.policy, by, ports.now());
  if (next === null) return { kind: 'nothing-before' };
  if (next.current === null) {
    await ports.kernel.release(remembered.host.switched);
    if ((await ports.kernel.standing()) === true) throw unverified();
    await store.forgetRules();
    await store.writeHost({ ...remembered.host, switched: new Map() });
    await store.writePolicy(next);
    return { kind: 'released' };
  }
  const compiled = await compiledAgain(next.current, remembered.host.networks, ports, host).catch((error: unknown) => {
    if (by === 'rollback' || remembered.rulesBefore === null) throw error;
    return messageOf(error); // a change that was never confirmed goes back whatever the engine is doing
  });
  if (typeof compiled === 'string') {
    const text = remembered.rulesBefore?.text ?? '';
    await ports.kernel.load(text);
    if (!(await ports.kernel.standsAs(text))) throw unverified();
    await store.forgetRules();
    await store.writePolicy(next);
    return { kind: 'loaded' };
  }
  const { ruleset, world } = compiled;
  const { cut, switched } = await ports.kernel.apply(ruleset, ports.now(), null);
  if (!(await ports.kernel.holds(ruleset))) throw unverified();
  await rememberHeld(own, { policy: next, ruleset, engine: world.engine.version, switched }, ports);
  return { kind: 'compiled', ruleset, cut };
}

function unverified(): CliError {
  return new CliError(
    'unable',
    'the kernel does not hold what it was given',
    'look for another program that changes its rules',
  );
}

/** What a policy that was in force before means for what runs now. Its tests are not run: it was good once. */
export async function compiledAgain(
  { texts }: Pick<PolicyRecord, 'texts'>,
  networks: HostState['networks'],
  ports: Ports,
  host: string | undefined,
): Promise<{ readonly ruleset: Ruleset; readonly world: World }> {
  const [{ readPolicy }, { compile }] = await Promise.all([
    import('../policy/read.ts'),
    import('../ruleset/compile.ts'),
  ]);
  const now = ports.now();
  const { policy } = readPolicy(texts, { now });
  if (policy === null) throw new CliError('unable', 'the policy before cannot be read any more');
  const world = await liveWorld(ports, host);
  return { ruleset: compile(policy, world, now, networks).ruleset, world };
}
