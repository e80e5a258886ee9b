import type { Step, Verdict } from '../../evaluate/verdict.ts';
import { formatSource, type SourceRef } from '../../policy/source.ts';
import type { Clause } from '../../ruleset/ruleset.ts';
import { sourceJson } from '../diagnostics.ts';
import { entriesOf, fewOf } from '../reach.ts';
import { safe } from '../text.ts';

/** A step for people: what was looked at, what came of it, and where that is written. */
export interface StepText {
  readonly title: string;
  readonly text: string;
  readonly source: string | null;
}

/** A step of the evaluation in words, with the line of the policy that it comes from. */
export function stepText(step: Step): StepText {
  switch (step.kind) {
    case 'no-guardrail':
      return { title: 'guardrails', text: 'no match', source: null };
    case 'guardrail':
      return step.exception === null
        ? { title: 'guardrails', text: `${quoted(step.clause)} denies it`, source: place(step.clause.source) }
        : {
            title: 'guardrails',
            text: `${quoted(step.clause)} (${place(step.clause.source)}) would deny it; the exception ${quoted(step.exception)} lets it on`,
            source: place(step.exception.source),
          };
    case 'deny':
      return { title: 'deny', text: `${quoted(step.clause)} denies it`, source: place(step.clause.source) };
    case 'allow':
      if (isDefault(step.clause.source))
        return {
          title: 'default',
          text: `nothing names it, and "${step.clause.source.text}" stands in defaults`,
          source: null,
        };
      return { title: 'allow', text: `${quoted(step.clause)} allows it`, source: place(step.clause.source) };
    case 'nothing-allows': {
      if (isDefault(step.otherwise))
        return {
          title: 'default',
          text: `nothing names it, and "${step.otherwise.text}" stands in defaults`,
          source: null,
        };
      const entries = entriesOf(step.tried);
      const text = entries.length === 0 ? 'nothing is allowed' : `no match in ${fewOf(entries)}`;
      return { title: 'allow', text, source: place(step.otherwise) };
    }
    case 'mode':
      return step.mode === 'audit'
        ? { title: 'mode', text: 'audit: it passes, and is counted as denied', source: null }
        : { title: 'mode', text: 'off: what no guardrail denies passes', source: null };
  }
}

/** A step as `--json` prints it: what it looked at, by kind. */
export function stepJson(step: Step): object {
  switch (step.kind) {
    case 'guardrail':
      return {
        kind: step.kind,
        ...clauseJson(step.clause),
        exception: step.exception === null ? null : clauseJson(step.exception),
      };
    case 'deny':
    case 'allow':
      return { kind: step.kind, ...clauseJson(step.clause) };
    case 'nothing-allows':
      return { kind: step.kind, tried: entriesOf(step.tried), source: sourceJson(step.otherwise) };
    case 'no-guardrail':
      return { kind: step.kind };
    case 'mode':
      return { kind: step.kind, mode: step.mode };
  }
}

/** What the sender of a denied packet sees. `orSilence`: whether it may be nothing at all, as the engine has it. */
export function refusalText({ outcome, refusal }: Verdict, orSilence: boolean): string {
  if (outcome === 'audited') return 'passes, counted as denied';
  if (refusal === null) return '';
  const text = { reset: 'reset', 'icmp-error': 'ICMP error', silence: 'dropped in silence' }[refusal];
  return orSilence ? `${text}, or silence` : text;
}

function clauseJson({ entry, source }: Clause): object {
  return { entry, source: sourceJson(source) };
}

/** The value of a default, written or left out, has no line. */
function isDefault({ file, line }: SourceRef): boolean {
  return file === 'defaults' && line === 0;
}

function quoted({ entry }: Clause): string {
  return `"${safe(entry)}"`;
}

function place(source: SourceRef): string {
  return safe(formatSource(source));
}
