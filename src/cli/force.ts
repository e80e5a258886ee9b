import { readApplied } from './applied.ts';
import type { Context } from './context.ts';
import { pendingContainers } from './pending.ts';
import type { Situation } from './situation.ts';
import { counted, wrap } from './text.ts';
import type { View } from './view.ts';

/** Whether the kernel holds what the policy says now. */
export interface Force {
  /** Whether rules of ours are in the kernel; null where that cannot be told. */
  readonly inForce: boolean | null;
  /** Names of containers that it holds otherwise, or not yet; null where that is not known. */
  readonly pending: ReadonlySet<string> | null;
}

/** What a list begins with where what it shows is not held now, or nobody can tell; null where it is. */
export function notInForce({ inForce }: Force, { paint, width }: View): readonly string[] | null {
  if (inForce === null) return wrap('whether it is in force, only root can tell', width).map(paint.doubtful);
  return inForce ? null : wrap('not in force, this is what would be: to hold them, sluice apply', width).map(paint.bad);
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
