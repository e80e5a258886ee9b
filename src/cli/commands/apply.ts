import { whoCanUndo } from '../../doctor/undoing.ts';
import { codes } from '../../policy/codes.ts';
import type { Diagnostic } from '../../policy/diagnostic.ts';
import { enforcedContainers } from '../../ruleset/enforced.ts';
import { readApplied } from '../applied.ts';
import { askedBackend } from '../asked-backend.ts';
import { changesBetween } from '../changes.ts';
import type { Context } from '../context.ts';
import { countsText, diagnosticJson, diagnosticLines } from '../diagnostics.ts';
import { inText, parseConfirm } from '../duration.ts';
import type { Exit } from '../exit.ts';
import type { Given } from '../given.ts';
import { narrowerLines } from '../narrower-text.ts';
import { changeJson, changeLines, cutJson } from '../plan-text.ts';
import { bringIntoForce, type PutInForce } from '../put-in-force.ts';
import { requireRoot } from '../root.ts';
import { readSituation, type Situation } from '../situation.ts';
import { counted, safe, sentence } from '../text.ts';
import { undoingLines } from '../undoing-text.ts';
import { unheldJson, unheldLines } from '../unheld-text.ts';
import { nothingChanged } from './check.ts';

/** `sluice apply`: makes the kernel hold the policy, or says what that would change. */
export async function apply(context: Context, given: Given): Promise<Exit> {
  const { settings, ports, screen } = context;
  const dryRun = given.flag('dryRun');
  const limit = given.text('confirm');
  const confirm = limit === undefined ? null : parseConfirm(limit);
  const backend = askedBackend(given.text('backend'));
  if (!dryRun) requireRoot(ports.user, 'change rules in the kernel');
  const unchanged = await nothingChanged(context, ports.now());
  const situation = await readSituation(context, 'apply', undefined, unchanged);
  if (situation === null) return 'no';
  const { ruleset, diagnostics } = situation;
  const lines = await diagnosticLines(diagnostics, situation.loaded.texts);
  if (diagnostics.some(({ code }) => code === codes.notEnforceable.code)) {
    screen.show(
      {
        command: 'apply',
        version: 1,
        good: false,
        diagnostics: allDiagnostics(situation).map(diagnosticJson),
        unheld: ruleset.unheld.map(unheldJson),
      },
      (view) => [
        ...lines(view),
        ...sentence(`A container that the policy enforces cannot be held. ${unchanged}`, view.paint.strong, view.width),
      ],
    );
    return 'no';
  }

  const memory = await readApplied(settings.state, ports.files);
  if (memory.kind === 'broken') screen.warn(`${safe(memory.reason)}: everything counts as new below`);
  const last = memory.kind === 'applied' ? memory.applied : null;
  const changes = changesBetween(
    (await isInForce(context)) ? (last?.ruleset ?? null) : null,
    ruleset,
    situation.loaded.now,
    situation.world,
  );
  const done = dryRun ? nothingDone : await bringIntoForce(context, situation, { confirm, backend });
  const { cut, pending } = done;
  for (const warning of done.warnings) screen.warn(safe(warning));
  const canUndo = whoCanUndo(enforcedContainers(ruleset, situation.world));
  const narrower = await ports.kernel.narrower(ruleset, done.backend ?? backend);
  const rules = given.flag('rules') ? await ports.kernel.rules(ruleset, backend) : null;
  screen.show(
    {
      command: 'apply',
      version: 1,
      good: true,
      applied: !dryRun,
      changes: changes.map(changeJson),
      by: dryRun ? null : done.by,
      backend: done.backend,
      cut: cut.map(cutJson),
      pending,
      unheld: ruleset.unheld.map(unheldJson),
      canUndo,
      narrower,
      diagnostics: allDiagnostics(situation).map(diagnosticJson),
      rules,
    },
    (view) => [
      ...lines(view),
      ...changeLines(changes, cut, view),
      ...unheldLines(ruleset.unheld, view),
      ...undoingLines(canUndo, view),
      ...narrowerLines(narrower, view),
      ...(rules === null ? [] : ['', ...rules.trimEnd().split('\n'), '']),
      ...sentence(verdictText(changes, done, dryRun, situation), view.paint.strong, view.width),
      ...(pending === null
        ? []
        : sentence(
            `It goes back ${inText(pending.until - ports.now())} unless you keep it: sluice confirm`,
            view.paint.doubtful,
            view.width,
          )),
    ],
  );
  return 'ok';
}

/** What was remembered counts only while our tables are there: another tool, or a reboot, may have taken them. */
async function isInForce({ ports }: Context): Promise<boolean> {
  return (await ports.kernel.standing()) !== false;
}

const nothingDone: PutInForce = { by: 'command', backend: null, cut: [], pending: null, warnings: [] };

/** What the texts are warned of, which check shows, and what compiling them for this host found. */
function allDiagnostics({ loaded, diagnostics }: Situation): readonly Diagnostic[] {
  return [...loaded.diagnostics, ...diagnostics];
}

function verdictText(
  changes: ReturnType<typeof changesBetween>,
  { by, backend, cut }: PutInForce,
  dryRun: boolean,
  situation: Situation,
): string {
  const found = countsText(allDiagnostics(situation));
  const shown = situation.loaded.diagnostics.length === 0 ? '' : ' (sluice check)';
  const count = changes
    .filter(({ kind }) => kind !== 'unchanged')
    .reduce((sum, { containers }) => sum + containers.length, 0);
  const parts = [
    count === 0 ? 'no container changes' : `${counted(count, 'container')} ${count === 1 ? 'changes' : 'change'}`,
    ...(cut.length === 0 ? [] : [`${counted(cut.length, 'connection')} ${cut.length === 1 ? 'was' : 'were'} cut`]),
    ...(found === '' ? [] : [`${found}${shown}`]),
  ];
  const text = parts.join(', ');
  const told = text.charAt(0).toUpperCase() + text.slice(1);
  if (dryRun) return `${told}. Apply with: sluice apply`;
  const held = `The kernel holds the policy${backend === null || backend === 'nftables' ? '' : ` with ${backend}`}`;
  return by === 'daemon'
    ? `${told}. ${held}, and the daemon keeps it true.`
    : `${told}. ${held} for what runs now; sluice run keeps it true.`;
}
