import type { Daemon } from '../../control/client.ts';
import { takeState } from '../alone.ts';
import type { Context } from '../context.ts';
import { CliError } from '../error.ts';
import type { Exit } from '../exit.ts';
import { requireRoot } from '../root.ts';
import { counted, safe } from '../text.ts';

/** `sluice down`: ends the daemon, takes away what we put into the kernel, and the memory of it. */
export async function down(context: Context): Promise<Exit> {
  const { settings, ports, screen } = context;
  requireRoot(ports.user, 'take rules out of the kernel');
  const daemon = await ports.daemon(settings.socket);
  const pid = daemon === null ? null : await stopped(daemon, context);
  await using own = await takeState(settings.state, ports); // which the daemon had until its end
  const { switched } = own.remembered.host;
  const removedRules = await ports.kernel.release(switched);
  const forgotten = await own.store.forget();
  for (const notice of own.notices) screen.warn(safe(notice));

  const removed = [
    ...removedRules.map((backend) =>
      backend === 'nftables'
        ? 'the nftables tables "inet sluice" and "bridge sluice"'
        : `our chains and sets of ${backend}, ipset and ebtables`,
    ),
    ...(switched.size > 0
      ? [`our br_netfilter switches on ${counted(switched.size, 'bridge')}, which stand as before`]
      : []),
    ...(forgotten ? [`what was remembered in ${safe(settings.state)}`] : []),
  ];
  screen.show(
    {
      command: 'down',
      version: 1,
      daemon: pid,
      tables: removedRules.length > 0,
      backends: removedRules,
      bridges: [...switched.keys()],
      forgotten,
    },
    ({ paint }) => [
      ...(pid === null ? [] : [paint.strong(`The daemon (pid ${pid}) was stopped.`)]),
      ...(removed.length === 0
        ? ['There was nothing of Sluice in the kernel.']
        : [
            paint.strong('Sluice is out of the kernel; containers may send what Docker lets them.'),
            ...removed.map((thing) => `  removed  ${thing}`),
            `To hold the policy again: ${pid === null ? 'sluice apply' : 'sluice run'}`,
          ]),
    ],
  );
  return 'ok';
}

const looks = 100;
const rest = 200; // ms

/** Tells the daemon to end, and waits until it has; its pid. Or it would put everything back. */
async function stopped(daemon: Daemon, { settings, ports, screen }: Context): Promise<number> {
  const { pid } = await daemon.status();
  screen.progress(`stopping the daemon (pid ${pid}) …`);
  await daemon.stop();
  for (let look = 0; look < looks; look++) {
    if ((await ports.daemon(settings.socket).catch(() => null)) === null) return pid;
    await ports.sleep(rest);
  }
  throw new CliError('unable', `the daemon (pid ${pid}) does not end`, `end it, and try again: kill ${pid}`);
}
