import type { Destination, GuardrailException, Mode, Policy } from '../policy/model.ts';
import type { SourceRef } from '../policy/source.ts';
import type { Container } from '../world/world.ts';
import { canonical, clauseKey, counts, meaningKey, sourceKey } from './clause.ts';
import { anything, type Decision } from './decide.ts';
import type { Resolver, Subject } from './resolve.ts';
import type { Program } from './ruleset.ts';
import { selects } from './workload.ts';

/** A program that has no id yet. */
export type Draft = Omit<Program, 'id'>;

/** Guardrails and the exceptions from them, ready to be asked for each sender. */
export interface Guard {
  readonly policy: Policy;
  readonly resolver: Resolver;
  readonly exceptions: readonly { readonly exception: GuardrailException; readonly to: Destination }[];
}

/** @param now milliseconds since the epoch: exceptions whose `until` has passed are left out */
export function prepareGuard(policy: Policy, resolver: Resolver, now: number): Guard {
  const exceptions = policy.guardrails.except
    .filter((exception) => counts(exception, now))
    .map((exception) => ({ exception, to: endingWith(exception) }));
  return { policy, resolver, exceptions };
}

function endingWith({ to, until }: GuardrailException): Destination {
  return until === undefined || (to.until !== undefined && to.until <= until) ? to : { ...to, until };
}

/** How one container's packets through one network are judged. An exception is a permission, and resolved like one. */
export function draftProgram(
  container: Container,
  workload: string,
  subject: Subject,
  decision: Decision,
  guard: Guard,
): Draft {
  const excepted = guard.exceptions.filter(({ exception }) => exception.from.some((from) => selects(from, container)));
  return {
    workload,
    mode: decision.mode,
    standing: decision.standing,
    guard: guard.resolver.clauses(guard.policy.guardrails.deny, subject, 'forbid'),
    except: guard.resolver.clauses(
      excepted.map(({ to }) => to),
      subject,
      'permit',
    ),
    deny: decision.deny,
    allow: decision.allow,
    otherwise: decision.otherwise,
  };
}

/** `docker build`: containers that nobody can name, on docker0. Only guardrails hold for them. */
export function draftBuild(subject: Subject, guard: Guard): Draft {
  const source: SourceRef = { file: 'defaults', line: 0, column: 0, text: 'build: allow' };
  return {
    workload: 'build',
    mode: 'enforce',
    standing: 'build',
    guard: guard.resolver.clauses(guard.policy.guardrails.deny, subject, 'forbid'),
    except: [],
    deny: [],
    allow: anything(source),
    otherwise: source,
  };
}

/** Text that two drafts share when they judge every packet alike, whoever wrote them. */
export function judgementKey({ mode, guard, except, deny, allow }: Draft): string {
  return [[mode], ...[guard, except, deny, allow].map((list) => [...new Set(list.map(meaningKey))].toSorted())]
    .map((list) => list.join('\n'))
    .join('\n\n');
}

/** Text that two drafts share when they are the same in every word that people see. */
export function draftKey(draft: Draft): string {
  const { workload, mode, standing, guard, except, deny, allow, otherwise } = draft;
  const lists = [guard, except, deny, allow].map((list) => list.map(clauseKey).join('\n'));
  return [workload, mode, standing, ...lists, sourceKey(otherwise)].join('\n\n');
}

/** Whether a program has all guardrails of who shares its namespace, and no exception that is not that one’s as well. */
export function isNoLooser(owner: Draft, sharer: Draft): boolean {
  const guarded = meanings(owner.guard);
  const excepted = meanings(sharer.except);
  return (
    sharer.guard.every((clause) => guarded.has(meaningKey(clause))) &&
    owner.except.every((clause) => excepted.has(meaningKey(clause)))
  );
}

/** Whether nothing but guardrails denies anything. */
export function passesByDefault({ mode, deny, allow }: Draft): boolean {
  return mode !== 'enforce' || (deny.length === 0 && allow.length > 0);
}

const meanings = (list: Draft['guard']): ReadonlySet<string> => new Set(list.map(meaningKey));

const tightness: readonly Mode[] = ['off', 'audit', 'enforce'];

/** The owner's program where who shares the namespace has guardrails of its own, or lacks exceptions: those of both hold. */
export function guardedAs(owner: Draft, sharers: readonly Draft[]): Draft {
  const excepted = sharers.map(({ except }) => meanings(except));
  return {
    ...owner,
    guard: canonical([owner, ...sharers].flatMap(({ guard }) => guard)),
    except: owner.except.filter((clause) => excepted.every((its) => its.has(meaningKey(clause)))),
  };
}

/** What is left where several policies would have to hold for one namespace: every prohibition, no permission. */
export function irreconcilable(drafts: readonly [Draft, ...Draft[]]): Draft {
  const all = (list: (draft: Draft) => Draft['guard']) => canonical(drafts.flatMap(list));
  const tightest = Math.max(...drafts.map(({ mode }) => tightness.indexOf(mode)));
  return {
    ...drafts[0],
    standing: 'refused',
    mode: tightness[tightest] as Mode,
    guard: all(({ guard }) => guard),
    except: [],
    deny: all(({ deny }) => deny),
    allow: [],
  };
}
