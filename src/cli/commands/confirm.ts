import { confirmed } from '../../state/policy-state.ts';
import { Store } from '../../state/store.ts';
import { takeState } from '../alone.ts';
import { clockText } from '../clock.ts';
import type { Context } from '../context.ts';
import type { Exit } from '../exit.ts';
import { requireRoot } from '../root.ts';
import { safe, sentence } from '../text.ts';

/** `sluice confirm`: what `apply --confirm` put in force stays. */
export async function confirm(context: Context): Promise<Exit> {
  const { settings, ports, screen } = context;
  requireRoot(ports.user, 'confirm a change');
  const daemon = await ports.daemon(settings.socket);
  const kept = daemon === null ? await confirmAlone(context) : (await daemon.confirm()).confirmed;
  const went = kept ? null : await wentBack(context);
  screen.show({ command: 'confirm', version: 1, confirmed: kept, wentBack: went }, ({ paint, width }) =>
    kept
      ? sentence('Confirmed: the policy stays in force.', paint.good, width)
      : sentence(
          went === null
            ? 'Nothing waits to be confirmed.'
            : `Too late: the change went back at ${clockText(went, ports.now())}. To make it again: sluice apply --confirm 60s`,
          paint.strong,
          width,
        ),
  );
  return kept ? 'ok' : 'no';
}

async function confirmAlone({ settings, ports, screen }: Context): Promise<boolean> {
  await using own = await takeState(settings.state, ports);
  for (const notice of own.notices) screen.warn(safe(notice));
  const next = confirmed(own.remembered.policy);
  if (next === null) return false;
  await own.store.writePolicy(next);
  return true;
}

/** When the last change went back because nobody confirmed it; null when the last one did not. */
async function wentBack({ settings, ports }: Context): Promise<number | null> {
  const reading = await new Store(settings.state, ports.files).readPolicy();
  const current = reading.kind === 'good' ? reading.value.current : null;
  return current?.by === 'confirm-expired' ? current.since : null;
}
