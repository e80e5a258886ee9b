import { formatAddress } from '../ip/address.ts';
import { programEntry } from '../nftables/program.ts';
import { formatSource } from '../policy/source.ts';
import type { Narrower } from '../ruleset/narrower.ts';
import type { Clause, Program, Ruleset } from '../ruleset/ruleset.ts';
import { crowdedAddresses } from './crowded.ts';
import type { HostFacts } from './inet.ts';
import { nowhere } from './marks.ts';
import { mostInterfaces } from './sets.ts';
import { lastSecond } from './translate.ts';

/** Numbers that programs may have: one below {@link nowhere} is that of whoever may send everything. */
const mostPrograms = nowhere - 2;

/** What iptables holds more narrowly than a ruleset says, on a host like that; docs/decisions/0012 says why. */
export function narrowerInIptables(ruleset: Ruleset, { security }: Pick<HostFacts, 'security'>): readonly Narrower[] {
  return [
    ...endsEarly(ruleset.programs),
    ...withoutNumber(ruleset.programs),
    ...(security || ruleset.denied === 'drop' ? [] : [noReject]),
    ...crowded(ruleset),
  ];
}

function endsEarly(programs: readonly Program[]): readonly Narrower[] {
  // what is written once may be of several programs
  const late = new Set(programs.flatMap(({ allow, except }) => [...allow, ...except].filter(isLate).map(writtenAs)));
  const [first, ...more] = late;
  if (first === undefined) return [];
  const day = new Date(lastSecond * 1000).toISOString().slice(0, 10);
  const what = more.length === 0 ? `${first} is` : `${first} and ${more.length} more are`;
  return [{ code: 'until', message: `iptables knows no time after ${day}: ${what} allowed until then only` }];
}

function writtenAs({ entry, source }: Clause): string {
  return `"${entry}" (${formatSource(source)})`;
}

/** Whether a permission is to end when iptables can say no more. */
function isLate({ until }: Clause): boolean {
  return until !== undefined && Math.ceil(until / 1000) > lastSecond + 1;
}

function withoutNumber(programs: readonly Program[]): readonly Narrower[] {
  const numbered = programs.filter((program) => programEntry(program, 'forward', 4).kind !== 'accept').length;
  if (numbered <= mostPrograms) return [];
  return [
    {
      code: 'programs',
      message: `with iptables ${mostPrograms} programs have a number, and here are ${numbered}: who is judged by one of the other ${numbered - mostPrograms} is denied everything`,
    },
  ];
}

const noReject: Narrower = {
  code: 'no-reject',
  message:
    'iptables has no table security on this host: denied packets are dropped, and who sent them is not told, although `denied` is reject',
};

function crowded(ruleset: Ruleset): readonly Narrower[] {
  const [first, ...more] = crowdedAddresses(ruleset);
  if (first === undefined) return [];
  return [
    {
      code: 'crowded',
      message: `a set of ipset takes an address on ${mostInterfaces} bridges, and ${formatAddress(first.address)} is on ${first.bridges}${more.length === 0 ? '' : ` (and ${more.length} more are on too many)`}: who sends from it is denied, and nobody sends to it`,
    },
  ];
}
