import { Store } from '../../state/store.ts';
import { takeState } from '../alone.ts';
import { readApplied } from '../applied.ts';
import { changesBetween } from '../changes.ts';
import type { Context } from '../context.ts';
import { CliError } from '../error.ts';
import type { Exit } from '../exit.ts';
import { compiledAgain, goBackAlone } from '../go-back.ts';
import { changeJson, changeLines, cutJson } from '../plan-text.ts';
import type { CutConversation } from '../ports.ts';
import { cutOf } from '../put-in-force.ts';
import { requireRoot } from '../root.ts';
import { safe, sentence } from '../text.ts';

/** `sluice rollback`: the policy before is in force again. */
export async function rollback(context: Context): Promise<Exit> {
  const { settings, ports, screen } = context;
  requireRoot(ports.user, 'change rules in the kernel');
  const before = await readApplied(settings.state, ports.files);
  const back = await goBack(context);
  if (back === null) {
    screen.show({ command: 'rollback', version: 1, good: false }, ({ paint, width }) =>
      sentence(
        'There is no policy before this one to go back to. Nothing was changed. The way on is forward: sluice apply',
        paint.strong,
        width,
      ),
    );
    return 'no';
  }
  const store = new Store(settings.state, ports.files);
  const reading = await store.readPolicy();
  const current = reading.kind === 'good' ? reading.value.current : null;
  const host = await store.readHost();
  const networks = host.kind === 'good' ? host.value.networks : [];
  const now = current === null ? null : await compiledAgain(current, networks, ports, settings.host).catch(() => null);
  const changes =
    now === null || before.kind !== 'applied'
      ? []
      : changesBetween(before.applied.ruleset, now.ruleset, ports.now(), now.world);
  screen.show(
    {
      command: 'rollback',
      version: 1,
      good: true,
      by: back.by,
      digest: current?.digest ?? null,
      changes: changes.map(changeJson),
      cut: back.cut.map(cutJson),
    },
    (view) => [
      ...changeLines(changes, back.cut, view),
      ...sentence(
        current === null
          ? 'Nothing was in force before, so nothing is now: containers may send what Docker lets them.'
          : `The policy before is in force again (${current.digest.slice(0, 4)}…). The files still say the other one, which is not loaded again until they change or you apply it.`,
        view.paint.strong,
        view.width,
      ),
    ],
  );
  return 'ok';
}

interface Back {
  readonly by: 'daemon' | 'command';
  readonly cut: readonly CutConversation[];
}

/** @returns null when there is nothing to go back to */
async function goBack({ settings, ports, screen }: Context): Promise<Back | null> {
  const daemon = await ports.daemon(settings.socket);
  if (daemon !== null) {
    const answer = await daemon.rollback({ by: 'rollback' });
    if (answer.ok) {
      for (const warning of answer.warnings) screen.warn(safe(warning));
      return { by: 'daemon', cut: answer.cut.map(cutOf) };
    }
    if (answer.code === 'nothing-before') return null;
    throw new CliError(
      'unable',
      `the daemon did not go back: ${answer.message}`,
      'what was in force still is; sluice status',
    );
  }
  await using own = await takeState(settings.state, ports);
  for (const notice of own.notices) screen.warn(safe(notice));
  const went = await goBackAlone(own, 'rollback', ports, settings.host);
  if (went.kind === 'nothing-before') return null;
  return { by: 'command', cut: went.kind === 'compiled' ? went.cut : [] };
}
