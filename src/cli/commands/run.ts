import { resolve } from 'node:path';
import { takeState } from '../alone.ts';
import { askedBackend } from '../asked-backend.ts';
import type { Context } from '../context.ts';
import { CliError } from '../error.ts';
import type { Exit } from '../exit.ts';
import type { Given } from '../given.ts';
import { goBackAlone } from '../go-back.ts';
import { requireRoot } from '../root.ts';
import { safe } from '../text.ts';

/**
 * `sluice run`: the daemon, in the foreground, until SIGTERM or SIGINT or `sluice down` ends it; or until the first change of
 * all is to be taken back because nobody confirmed it, and whoever waited for that has not, as after a reboot.
 */
export async function run({ settings, ports }: Context, given: Given): Promise<Exit> {
  requireRoot(ports.user, 'keep rules in the kernel');
  const state = resolve(settings.state);
  const ended = await ports.runDaemon({
    config: resolve(settings.config),
    state,
    socket: resolve(settings.socket),
    host: settings.host,
    backend: askedBackend(given.text('backend')),
    watch: given.flag('watch'),
    log: (level, text) => {
      const time = new Date(ports.now()).toISOString();
      for (const line of text.split('\n')) ports.err.write(`${time} ${level.padEnd(7)} ${safe(line)}\n`);
    },
  });
  if (ended === 'told to') return 'ok';
  await using own = await takeState(state, ports);
  // between its end and this somebody may have confirmed it, or taken it back
  if (own.remembered.policy.pending === null)
    throw new CliError('unable', 'the change that was overdue does not wait any more', 'sluice run');
  await goBackAlone(own, 'confirm-expired', ports, settings.host);
  throw new CliError(
    'unable',
    'the policy was not confirmed in time, and nothing was in force before: its rules are taken away',
    'sluice apply --confirm 60s, and sluice confirm in time',
  );
}
