import { readApplied } from './applied.ts';
import type { Context } from './context.ts';
import { pendingContainers } from './pending.ts';
import type { Situation } from './situation.ts';
import { counted } from './text.ts';

/** Whether the kernel holds what the policy says now. */
export interface Force {
  /** Whether rules of ours are in the kernel; null where that cannot be told. */
  readonly inForce: boolean | null;
  /** Names of containers that it holds otherwise, or not yet; null where that is not known. */
  readonly pending: ReadonlySet<string> | null;
}

/** Asks the kernel of this host, and the memory of the last apply. */
export async function readForce({ settings, ports }: Context, situation: Situation): Promise<Force> {
  const inForce = await ports.kernel.standing();
  if (inForce !== true) return { inForce, pending: null };
  return { inForce, pending: pendingContainers(await readApplied(settings.state, ports.files), situation) };
}

/** What stands in the way of a policy of which some tests fail, as a sentence. */
export function failingTestsText(failing: number): string {
  const which = `${counted(failing, 'test')} of it ${failing === 1 ? 'fails' : 'fail'}`;
  return `The policy cannot be applied while ${which}: sluice test`;
}
