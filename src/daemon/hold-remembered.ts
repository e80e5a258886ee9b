import type { RulesState } from '../state/rules-state.ts';
import { type DaemonPorts, messageOf } from './ports.ts';

/** Where no rules of ours stand, those that are remembered keep everybody off until more is known. */
export async function holdRemembered(
  { kernel, log }: Pick<DaemonPorts, 'kernel' | 'log'>,
  rules: RulesState | null,
): Promise<void> {
  try {
    if (rules === null || (await kernel.standing())) return;
    await kernel.load(rules.text);
    log('info', 'the remembered rules stand; nothing leaves a held bridge until the engine has told who is who');
  } catch (error) {
    log('warning', `the remembered rules could not be loaded: ${messageOf(error)}`);
  }
}
