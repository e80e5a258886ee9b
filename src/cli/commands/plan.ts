import { whoCanUndo } from '../../doctor/undoing.ts';
import { codes } from '../../policy/codes.ts';
import { enforcedContainers } from '../../ruleset/enforced.ts';
import { policyInForce, readApplied } from '../applied.ts';
import { type Change, changesBetween } from '../changes.ts';
import type { Context } from '../context.ts';
import { defaultLines, defaultsBetween } from '../default-changes.ts';
import { diagnosticJson, diagnosticLines } from '../diagnostics.ts';
import type { Exit } from '../exit.ts';
import { narrowerLines } from '../narrower-text.ts';
import { changeJson, changeLines, cutJson } from '../plan-text.ts';
import { policyChangeLines, policyChanges, untold } from '../policy-changes.ts';
import type { LiveConversation } from '../ports.ts';
import { readSituation, type Situation } from '../situation.ts';
import { counted, safe, sentence } from '../text.ts';
import { undoingLines } from '../undoing-text.ts';
import { unheldJson, unheldLines } from '../unheld-text.ts';
import { nothingChanged } from './check.ts';

/** `sluice plan`: what applying the files would change, and the live connections it would cut. */
export async function plan(context: Context): Promise<Exit> {
  const { settings, ports, screen } = context;
  const situation = await readSituation(context, 'plan', undefined, await nothingChanged(context, ports.now()));
  if (situation === null) return 'no';
  const { ruleset, diagnostics, loaded } = situation;
  const memory = await readApplied(settings.state, ports.files);
  if (memory.kind === 'broken') screen.warn(`${safe(memory.reason)}: everything counts as new below`);
  const standing = await ports.kernel.standing();
  const last = standing !== false && memory.kind === 'applied' ? memory.applied.ruleset : null;
  const changes = changesBetween(last, ruleset, loaded.now, situation.world);
  const defaults = defaultsBetween(last, ruleset);
  const inForce = last === null ? null : await policyInForce(settings.state, ports.files);
  const policy = inForce === null ? [] : policyChanges(inForce, situation.policy);
  const cut = await wouldBeCut(context, situation, last);
  const blocked = diagnostics.some(({ code }) => code === codes.notEnforceable.code);
  const canUndo = whoCanUndo(enforcedContainers(ruleset, situation.world));
  const narrower = await ports.kernel.narrower(ruleset, null);
  const lines = await diagnosticLines(diagnostics, loaded.texts);
  screen.show(
    {
      command: 'plan',
      version: 1,
      good: !blocked,
      changes: changes.map(changeJson),
      defaults,
      policy: policy.map(({ name }) => name),
      cut: cut?.map((one) => ({ ...cutJson(one), since: one.since })) ?? null,
      unheld: ruleset.unheld.map(unheldJson),
      canUndo,
      narrower,
      diagnostics: [...loaded.diagnostics, ...diagnostics].map(diagnosticJson),
    },
    (view) => [
      ...lines(view),
      ...changeLines(changes, cut ?? [], view, ports.now()),
      ...defaultLines(defaults, view),
      ...policyChangeLines(untold(policy, changes, defaults.length), view),
      ...unheldLines(ruleset.unheld, view),
      ...undoingLines(canUndo, view),
      ...narrowerLines(narrower, view),
      ...sentence(verdictText(changes, defaults.length + policy.length, cut, blocked), view.paint.strong, view.width),
    ],
  );
  if (blocked) return 'no';
  return changing(changes) + defaults.length + policy.length + (cut ?? []).length > 0 ? 'changes' : 'ok';
}

/** Live connections that are allowed now and would not be; null where they cannot be read. */
async function wouldBeCut(
  { ports }: Context,
  { ruleset, loaded }: Situation,
  last: Situation['ruleset'] | null,
): Promise<readonly LiveConversation[] | null> {
  const after = await ports.kernel.forbidden(ruleset, loaded.now);
  if (after === null || last === null) return after;
  const already = new Set((await ports.kernel.forbidden(last, loaded.now))?.map(({ id }) => id));
  return after.filter(({ id }) => !already.has(id));
}

function changing(changes: readonly Change[]): number {
  return changes.reduce((sum, { kind, containers }) => sum + (kind === 'unchanged' ? 0 : containers.length), 0);
}

function verdictText(
  changes: readonly Change[],
  others: number,
  cut: readonly LiveConversation[] | null,
  blocked: boolean,
): string {
  if (blocked) return 'It cannot be applied: a container that the policy enforces cannot be held.';
  const count = changing(changes);
  const unknown = cut === null ? ' Which live connections it would cut only root can see.' : '';
  if (count === 0 && others > 0 && (cut ?? []).length === 0)
    return `No container that runs changes; the policy does.${unknown} Apply with: sluice apply`;
  if (count === 0 && (cut ?? []).length === 0) return `No container changes.${unknown}`;
  const cuts =
    cut === null || cut.length === 0
      ? ''
      : `, ${counted(cut.length, 'connection')} ${cut.length === 1 ? 'is' : 'are'} cut`;
  return `${counted(count, 'container')} ${count === 1 ? 'changes' : 'change'}${cuts}.${unknown} Apply with: sluice apply`;
}
