import type { ExplainedTable } from '../../packetpath/purpose/types.ts';
import type { World } from '../../world/world.ts';
import type { Check } from '../finding.ts';
import { type Placed, placedText } from '../rules.ts';

export const flowtable: Check = {
  code: 'flowtable',
  severity: 'warning',
  title: 'A flowtable takes conversations of containers past all rules',
  why: 'Packets of a conversation that is in it are forwarded where they come in: a policy that tightens is asked of them only when the kernel has taken it out again.',
  evidence:
    'a flowtable with a bridge of the engine or a port of one among its devices, and a rule that adds to it (kernel doc, nf_flowtable). Any listing: `--listing FILE`',
  find: ({ rules, world }) =>
    (rules?.tables ?? []).flatMap((one) =>
      (one.table.flowtables ?? []).flatMap(({ name, devices }) => {
        const concerned = devices.filter((device) => isContainers(device, world));
        const adding = addingTo(name, one);
        if (concerned.length === 0 || adding.length === 0) return [];
        return [
          {
            seen: [
              `flowtable ${name} of ${one.table.family} ${one.table.name} has ${concerned.join(', ')}`,
              ...adding.map(placedText),
            ],
            mend: {
              say: 'Leave the bridges of containers out of its devices, in the file that makes it.',
              lines: [],
            },
          },
        ];
      }),
    ),
};

/** Docker's bridges have such names also where nobody tells which networks there are. */
function isContainers(device: string, world: World | null): boolean {
  if (/^docker0$|^br-[0-9a-f]{12}$/.test(device)) return true;
  const bridges = world?.networks.some(({ bridge }) => bridge?.name === device) ?? false;
  return (
    bridges || (world?.containers.some(({ endpoints }) => endpoints.some((on) => on.port?.name === device)) ?? false)
  );
}

/** `flow add @NAME`, which nft up to 0.9.1 writes `flow offload @NAME`. */
function addingTo(name: string, { table, chains }: ExplainedTable): readonly Placed[] {
  return chains.flatMap(({ chain, rules }) =>
    rules.flatMap(({ rule }) =>
      [...rule.text.matchAll(/\bflow (?:add|offload) @([^\s;}]+)/g)].some(([, to]) => to === name)
        ? [{ table, chain, rule }]
        : [],
    ),
  );
}
