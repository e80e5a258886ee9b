import { evaluate } from '../../evaluate/evaluate.ts';
import type { Outcome } from '../../evaluate/verdict.ts';
import type { Ruleset } from '../../ruleset/ruleset.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import { senderOf } from '../explain/sender.ts';
import type { Attempt } from './attempts.ts';
import type { LiveResult } from './prober.ts';

/** What a live probe came to. */
export interface Finding {
  readonly attempt: Attempt;
  /**
   * `holds`: evaluator and kernel agree and the test is met. `fails`: they agree and it is not met. `differs`: they
   * disagree. `elsewhere`: somebody else's rules stopped the packet before ours, as the test wants. `unproven`: nothing
   * is known, which is never a pass.
   */
  readonly kind: 'holds' | 'fails' | 'differs' | 'elsewhere' | 'unproven';
  readonly evaluator: Outcome | null;
  readonly kernel: Outcome | null;
  /** What there is to say beyond that. */
  readonly note: string | null;
}

/** Compares what the kernel did with what the evaluator says and the test wants. Modes are read as enforce there. */
export function findingOf(
  attempt: Attempt,
  result: LiveResult,
  ruleset: Ruleset,
  index: WorldIndex,
  now: number,
): Finding {
  const unknown = { attempt, kind: 'unproven', evaluator: null, kernel: null } as const;
  if (result.kind === 'not-sent') return { ...unknown, note: `not sent: ${result.reason}` };
  const { endpoints } = senderOf(attempt.container, index, ruleset);
  const endpoint = endpoints.find(({ addresses }) =>
    addresses.some(({ family, value }) => family === result.source.family && value === result.source.value),
  );
  if (endpoint === undefined) return { ...unknown, note: 'it was sent from an address that the engine does not know' };
  const { to, protocol, port, wanted } = attempt;
  const evaluator = evaluate(ruleset, { from: endpoint, to, protocol, port }, now).outcome;
  const met = (outcome: Outcome) => (outcome === 'allowed') === (wanted === 'allow');
  switch (result.verdict) {
    case 'not-seen':
      return { ...unknown, evaluator, note: 'the kernel traced nothing of it' };
    case 'not-judged':
      return wanted === 'deny'
        ? { attempt, kind: 'elsewhere', evaluator, kernel: null, note: "other rules than Sluice's stopped it" }
        : {
            attempt,
            kind: 'fails',
            evaluator,
            kernel: null,
            note: "other rules than Sluice's stopped it, such as Docker's own",
          };
    case 'stopped':
      return {
        ...unknown,
        evaluator,
        note: "it was stopped, it has no mark of Sluice's, and legacy tables do not tell by whom",
      };
    case 'let-pass':
      if (evaluator === 'audited')
        return { ...unknown, evaluator, note: 'it passed, and legacy tables do not tell whether audit counted it' };
      return compared('allowed');
    default:
      return compared(result.verdict === 'accepted' ? 'allowed' : result.verdict);
  }
  function compared(kernel: Outcome): Finding {
    if (kernel !== evaluator) return { attempt, kind: 'differs', evaluator, kernel, note: null };
    return { attempt, kind: met(kernel) ? 'holds' : 'fails', evaluator, kernel, note: null };
  }
}
