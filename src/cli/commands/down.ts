import { appliedPath, readApplied } from '../applied.ts';
import type { Context } from '../context.ts';
import type { Exit } from '../exit.ts';
import { requireRoot } from '../root.ts';
import { counted } from '../text.ts';

/** `sluice down`: takes away what we put into the kernel, and the memory of it. */
export async function down({ settings, ports, screen }: Context): Promise<Exit> {
  requireRoot(ports.user, 'take rules out of the kernel');
  const memory = await readApplied(settings.state, ports.files);
  const switched = memory.kind === 'applied' ? memory.applied.switched : new Map();
  const tables = await ports.kernel.release(switched);
  const forgotten = memory.kind !== 'none' && (await ports.files.remove(appliedPath(settings.state)));
  if (memory.kind === 'broken')
    screen.warn(
      `${memory.reason}: which bridges were switched is unknown, so their br_netfilter switches stay as they are`,
    );

  const removed = [
    ...(tables ? ['the nftables tables "inet sluice" and "bridge sluice"'] : []),
    ...(switched.size > 0
      ? [`our br_netfilter switches on ${counted(switched.size, 'bridge')}, which stand as before`]
      : []),
    ...(forgotten ? [`the record of the last apply, ${appliedPath(settings.state)}`] : []),
  ];
  screen.show({ command: 'down', version: 1, tables, bridges: [...switched.keys()], forgotten }, ({ paint }) =>
    removed.length === 0
      ? ['There was nothing of Sluice in the kernel.']
      : [
          paint.strong('Sluice is out of the kernel; containers may send what Docker lets them.'),
          ...removed.map((thing) => `  removed  ${thing}`),
          'To hold the policy again: sluice apply',
        ],
  );
  return 'ok';
}
