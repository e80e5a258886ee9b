import { resolve } from 'node:path';
import { askedBackend } from '../asked-backend.ts';
import type { Context } from '../context.ts';
import type { Exit } from '../exit.ts';
import type { Given } from '../given.ts';
import { requireRoot } from '../root.ts';
import { safe } from '../text.ts';

/** `sluice run`: the daemon, in the foreground, until SIGTERM or SIGINT or `sluice down` ends it. */
export async function run({ settings, ports }: Context, given: Given): Promise<Exit> {
  requireRoot(ports.user, 'keep rules in the kernel');
  await ports.runDaemon({
    config: resolve(settings.config),
    state: resolve(settings.state),
    socket: resolve(settings.socket),
    host: settings.host,
    backend: askedBackend(given.text('backend')),
    watch: given.flag('watch'),
    log: (level, text) => {
      const time = new Date(ports.now()).toISOString();
      for (const line of text.split('\n')) ports.err.write(`${time} ${level.padEnd(7)} ${safe(line)}\n`);
    },
  });
  return 'ok';
}
