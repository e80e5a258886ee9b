import { Names } from '../../iptables/names.ts';
import type { Listing } from '../../packetpath/model.ts';
import type { Event, Outcome } from '../../packetpath/walk/result.ts';
import { workloadName } from '../../world/workload.ts';
import type { World } from '../../world/world.ts';

/** Finds which of Sluice's programs judged a packet on one of its ways: `app/app`; null where none did. */
export type ProgramOf = (outcome: Outcome) => string | null;

const chains = ['forward4', 'forward6', 'host4', 'host6'] as const;
/** What a program's id may be made of; listings and containers have names of any kind. */
const clean = /^[A-Za-z0-9_./-]{1,100}$/;
const programChain = /^(?:forward|host)[46]\/(.+)$/;
const deniedCounter = /^denied\/(.+)$/;

/**
 * In nftables a program's chains have its name. In iptables, whose names are short, they have a digest of it: so they are
 * found by the names that there may be, those that the rules count denials under and those of containers.
 */
export function programsOf(listing: Listing, world: World | null): ProgramOf {
  const names = new Names();
  const byChain = new Map<string, string>();
  const ids = new Set([...countedIn(listing), ...(world?.containers ?? []).map(workloadName)]);
  for (const id of [...ids].filter((one) => clean.test(one)))
    for (const start of chains) byChain.set(names.chain(`${start}/${id}`), id);
  const enteredBy = (event: Event): string | null => {
    if (event.kind !== 'rule' || (event.said.kind !== 'jump' && event.said.kind !== 'goto')) return null;
    const { family, name } = event.at.table;
    const { chain } = event.said;
    if (family === 'inet' && name === 'sluice') return programChain.exec(chain)?.[1] ?? null;
    return name === 'mangle' ? (byChain.get(chain) ?? null) : null;
  };
  return ({ events }) => events.map(enteredBy).find((found) => found !== null) ?? null;
}

function countedIn({ tables }: Listing): readonly string[] {
  return tables.flatMap((table) =>
    table.chains.flatMap(({ rules }) => rules.flatMap(({ comment }) => deniedCounter.exec(comment ?? '')?.[1] ?? [])),
  );
}
