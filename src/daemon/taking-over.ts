import type { Choice } from '../enforce/choose-backend.ts';
import type { HeldIn } from './holder.ts';

/**
 * A backend that takes over from others whose rules stand: with the first ruleset that is held theirs go, once the new
 * ones stand. Until then both hold, and what either denies is denied.
 */
export function takingOver(heldIn: HeldIn, { backend, replaced, between }: Choice): HeldIn {
  if (replaced.length === 0) return heldIn;
  let isDone = false;
  return {
    ...heldIn,
    standing: async () => true,
    proven: async () => {
      const all = await Promise.all([heldIn.proven(), ...replaced.map((other) => other.provenPorts())]);
      return new Set(all.flatMap((ports) => [...ports]));
    },
    takeOver: async (ruleset, hold) => {
      if (isDone) return hold();
      if (between !== undefined) {
        await between.apply(ruleset);
        for (const other of replaced) await other.remove();
      }
      const held = await hold();
      if (between !== undefined) await between.remove();
      else for (const other of replaced) await other.remove(backend);
      isDone = true;
      return held;
    },
  };
}
