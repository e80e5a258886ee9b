import { outranked } from '../../packetpath/purpose/outranked.ts';
import type { ExplainedTable } from '../../packetpath/purpose/types.ts';
import type { Check, Sighting } from '../finding.ts';
import { calledChain, chainNamed, isEmpty, placedText, programFor, tableText, wayOutText, xtables } from '../rules.ts';

const name = 'DOCKER-USER';

export const dockerUserBypassed: Check = {
  code: 'docker-user-bypassed',
  severity: 'critical',
  title: 'Rules in DOCKER-USER are not reached',
  why: 'What somebody wrote there to stop containers stops nothing: FORWARD does not lead there, or only after an accept.',
  evidence:
    'DOCKER-USER has rules, and FORWARD is shown without a jump to it, or with one behind an accept of everything, or of everything that a network sends. Any listing: `--listing FILE`',
  find: ({ rules }) => (rules === null ? [] : xtables(rules, 'filter').flatMap(sightingsOf)),
};

function sightingsOf(table: ExplainedTable): readonly Sighting[] {
  const forward = chainNamed(table, 'FORWARD');
  const user = chainNamed(table, name);
  const own = user?.rules.find(({ rule }) => !isEmpty(rule));
  if (forward === undefined || user === undefined || own === undefined) return [];
  const written = placedText({ table: table.table, chain: user.chain, rule: own.rule });
  const program = programFor(table.table);
  const mend = {
    say: 'Put the jump on top of FORWARD.',
    lines: [{ kind: 'run' as const, text: `${program} -I FORWARD 1 -j ${name}` }],
  };
  const jump = forward.rules.find(({ rule }) => calledChain(rule) === name);
  if (jump === undefined) {
    if (user.hooks.includes('forward')) return []; // reached in another way
    return [{ seen: [`${tableText(table.table)} FORWARD has no jump to ${name}`, written], mend }];
  }
  const before = outranked(jump, forward.waysOut);
  return before.length === 0
    ? []
    : [
        {
          seen: [
            ...before.map((way) => wayOutText(way, { ...forward, table: table.table })),
            `${placedText({ table: table.table, chain: forward.chain, rule: jump.rule })} comes after that`,
            written,
          ],
          mend: { ...mend, lines: [{ kind: 'run', text: `${program} -D FORWARD -j ${name}` }, ...mend.lines] },
        },
      ];
}
