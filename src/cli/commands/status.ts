import type { Status } from '../../control/protocol.ts';
import type { Ruleset } from '../../ruleset/ruleset.ts';
import { Store } from '../../state/store.ts';
import { readApplied } from '../applied.ts';
import { clockText } from '../clock.ts';
import type { Context } from '../context.ts';
import type { Exit } from '../exit.ts';
import { narrowerLines } from '../narrower-text.ts';
import { requireRoot } from '../root.ts';
import { reachesByWorkload } from '../status/reaches.ts';
import { statusLines } from '../status/screen.ts';
import { safe, sentence } from '../text.ts';

/** `sluice status`: whether the policy is held, and what is in its way. */
export async function status(context: Context): Promise<Exit> {
  const { settings, ports, screen } = context;
  requireRoot(ports.user, 'ask the daemon');
  const daemon = await ports.daemon(settings.socket);
  if (daemon === null) return withoutDaemon(context);
  const facts = await daemon.status();
  const reaches = await reachesByWorkload(settings.state, ports.files);
  screen.show({ command: 'status', running: true, ...facts, reaches: Object.fromEntries(reaches) }, (view) =>
    statusLines(facts, reaches, ports.now(), view),
  );
  return exitOf(facts);
}

function exitOf({ state, troubles }: Status): Exit {
  if (troubles.some(({ code }) => code === 'denying-all')) return 'denying';
  return state === 'degraded' ? 'degraded' : 'ok';
}

/** What the kernel and the state directory tell while nobody keeps them true. */
async function withoutDaemon({ settings, ports, screen }: Context): Promise<Exit> {
  const standing = await ports.kernel.standing();
  const reading = await new Store(settings.state, ports.files).readPolicy();
  const policy = reading.kind === 'good' ? reading.value : null;
  const { current, pending } = policy ?? { current: null, pending: null };
  const backend = (await ports.kernel.backends())[0] ?? null;
  const applied = backend === null || backend === 'nftables' ? null : await lastApplied(settings.state, ports);
  // nobody tells of changes to iptables
  const isIntact = applied === null ? null : await ports.kernel.holds(applied);
  const narrower = applied === null ? [] : await ports.kernel.narrower(applied, backend);
  const now = ports.now();
  screen.show(
    {
      command: 'status',
      version: 1,
      running: false,
      standing,
      backend,
      intact: isIntact,
      narrower,
      policy: current === null ? null : { digest: current.digest, since: current.since, by: current.by },
      pending: pending === null ? null : { digest: pending.digest, until: pending.until },
      problem: reading.kind === 'broken' || reading.kind === 'newer' ? reading.reason : null,
    },
    (view) => {
      const { paint, width } = view;
      const what =
        current === null
          ? 'rules of ours stand'
          : `the rules of ${clockText(current.since, now)} (${current.digest.slice(0, 4)}…) stand`;
      const lines =
        standing === false
          ? sentence('not running   no daemon, and nothing of Sluice is in the kernel', paint.bad, width)
          : sentence(`not running   no daemon; ${what} in the kernel`, paint.doubtful, width);
      const more =
        standing === false
          ? ['Containers may send what Docker lets them.']
          : [
              'What runs is held as before. Containers that start now, or get another address, are denied on held bridges; on docker0 only with `build: deny`.',
            ];
      return [
        ...lines,
        ...more.flatMap((line) => sentence(line, (text) => text, width)),
        ...(reading.kind === 'broken' || reading.kind === 'newer'
          ? sentence(safe(reading.reason), paint.bad, width)
          : []),
        ...(pending === null ? [] : sentence(pendingText(pending.until, now), paint.doubtful, width)),
        ...(isIntact === false
          ? sentence(
              `Somebody has changed them: they are not as they were made. Make them so: sluice apply`,
              paint.bad,
              width,
            )
          : []),
        ...(backend === null || backend === 'nftables' ? [] : [`They are held with ${backend}.`]),
        ...narrowerLines(narrower, view),
        'To keep it true: sluice run',
      ];
    },
  );
  return standing === false ? 'open' : 'unattended';
}

/** What the last apply put in force; null where nobody remembers that. */
async function lastApplied(state: string, { files }: Context['ports']): Promise<Ruleset | null> {
  const memory = await readApplied(state, files);
  return memory.kind === 'applied' ? memory.applied.ruleset : null;
}

function pendingText(until: number, now: number): string {
  return until >= now
    ? `The change goes back at ${clockText(until, now)} unless you keep it: sluice confirm`
    : `The change was to go back at ${clockText(until, now)} and has not: sluice rollback, or sluice confirm`;
}
