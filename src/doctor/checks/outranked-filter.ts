import { outranked, type WayOut } from '../../packetpath/purpose/outranked.ts';
import type { ExplainedChain, ExplainedRule, ExplainedTable } from '../../packetpath/purpose/types.ts';
import type { World } from '../../world/world.ts';
import type { Check, MendLine, Sighting } from '../finding.ts';
import {
  bridgesOf,
  calledChain,
  chainNamed,
  firstStop,
  isPlain,
  mayConcern,
  type Placed,
  placedText,
  programFor,
  ruleText,
  stops,
  wayOutText,
} from '../rules.ts';

/** Chains that others than the engine fill to stop what containers send; others' firewalls have rules of many sorts. */
const ours = ['operator', 'outbound-filter', 'unknown'];

export const outrankedFilter: Check = {
  code: 'outranked-filter',
  severity: 'critical',
  title: 'A filter of what containers send is never reached',
  why: 'An accept above it has let the packets out before, as happens to every rule on top of FORWARD when Docker makes a network (up to 27) or starts (28 and later).',
  evidence:
    'a rule that stops, or calls a chain that does, behind an accept of everything, or of everything that a network sends, in the same chain; DOCKER-USER is `docker-user-bypassed`. Any listing: `--listing FILE`',
  find: ({ rules, world }) =>
    (rules?.tables ?? []).flatMap((table) =>
      table.chains
        .filter(({ chain }) => chain.base?.hook === 'forward')
        .flatMap((chain) => chain.rules.flatMap((one) => sightingsOf(one, chain, table, world))),
    ),
};

function sightingsOf(
  one: ExplainedRule,
  within: ExplainedChain,
  table: ExplainedTable,
  world: World | null,
): readonly Sighting[] {
  const { rule, purpose } = one;
  const { chain } = within;
  const before = outranked(one, within.waysOut);
  if (before.length === 0 || !ours.includes(purpose.maker)) return [];
  const called = calledChain(rule);
  if (called === 'DOCKER-USER' || (called === null && !stops(rule))) return [];
  const hidden = called !== null && chainNamed(table, called) === undefined;
  // of a chain that is not shown its name alone would tell, and only the article's tells enough
  if (hidden && purpose.maker !== 'outbound-filter') return [];
  const at = { table: table.table, chain, rule };
  const concerned = before.flatMap((by): readonly Hidden[] => {
    const bridges = by.network === null ? [...bridgesOf(table, world)] : [by.network.bridge];
    const own = bridges.filter((bridge) => mayConcern(rule, table.table, bridge, world));
    if (called === null || hidden) return own.length === 0 ? [] : [{ by, stop: null }];
    const stop = own.map((bridge) => firstStop(table, called, bridge, world)).find((found) => found !== null);
    return stop === undefined ? [] : [{ by, stop }];
  });
  if (concerned.length === 0) return [];
  const accepts = concerned.map(({ by }) => wayOutText(by, { ...within, table: table.table }));
  const stop = concerned.find((hit) => hit.stop !== null)?.stop ?? null;
  return [
    {
      seen: [
        ...accepts,
        `${placedText(at)} comes after that`,
        ...(stop === null ? [] : [`${placedText(stop)} would stop some of it`]),
        ...(hidden ? [`the listing does not show what is in ${called}`] : []),
      ],
      mend: {
        say: "Put it on top again, which holds until Docker next changes its rules; Sluice's own are where nothing of Docker's comes before them.",
        lines: linesOf(at),
      },
    },
  ];
}

interface Hidden {
  readonly by: WayOut;
  readonly stop: Placed | null;
}

function linesOf({ table, chain, rule }: Placed): readonly MendLine[] {
  const text = ruleText(chain, rule);
  const called = calledChain(rule);
  const bare = called !== null && rule.steps.every(({ kind }) => kind === 'verdict' || kind === 'action');
  const spec = bare ? `-j ${called}` : text.startsWith('-') ? text : null;
  if (spec === null || !isPlain(spec) || table.name !== 'filter' || (table.family !== 'ip' && table.family !== 'ip6'))
    return [{ kind: 'file', text: `move rule ${rule.place.number} of ${chain.name} to its top: ${text}` }];
  const program = programFor(table);
  return [
    { kind: 'run', text: `${program} -D ${chain.name} ${spec}` },
    { kind: 'run', text: `${program} -I ${chain.name} 1 ${spec}` },
  ];
}
