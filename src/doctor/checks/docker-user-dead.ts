import type { ExplainedChain, ExplainedTable } from '../../packetpath/purpose/types.ts';
import type { Check, MendLine, Sighting } from '../finding.ts';
import { endsEverything, isEmpty, isPlain, placedText, programFor, ruleText, xtables } from '../rules.ts';

export const dockerUserDead: Check = {
  code: 'docker-user-dead',
  severity: 'warning',
  title: 'Rules stand behind the end of their chain',
  why: 'Docker up to 28.2.1 ends DOCKER-USER with a RETURN and nobody takes it away later, so what is appended there is never looked at.',
  evidence:
    'rules of DOCKER-USER or DOCKER-OUTBOUND-FILTER behind one that has no condition and lets nothing past. Any listing: `--listing FILE`',
  find: ({ rules }) =>
    rules === null
      ? []
      : xtables(rules, 'filter').flatMap((table) =>
          table.chains
            .filter(({ maker }) => maker === 'operator' || maker === 'outbound-filter')
            .flatMap((chain) => sightingsOf(chain, table)),
        ),
};

function sightingsOf({ chain, rules }: ExplainedChain, { table }: ExplainedTable): readonly Sighting[] {
  const at = rules.findIndex(({ rule }) => endsEverything(rule));
  const dead = at < 0 ? [] : rules.slice(at + 1).filter(({ rule }) => !isEmpty(rule));
  const end = rules[at];
  if (end === undefined || dead.length === 0) return [];
  const program = programFor(table);
  const lines = dead.toReversed().flatMap(({ rule }): readonly MendLine[] => {
    const text = ruleText(chain, rule);
    if (!text.startsWith('-') || !isPlain(text))
      return [{ kind: 'file', text: `move rule ${rule.place.number} before rule ${end.rule.place.number}: ${text}` }];
    return [
      { kind: 'run', text: `${program} -D ${chain.name} ${text}` },
      { kind: 'run', text: `${program} -I ${chain.name} 1 ${text}` },
    ];
  });
  return [
    {
      seen: [
        `${placedText({ table, chain, rule: end.rule })} lets nothing past`,
        ...dead.map(({ rule }) => `${placedText({ table, chain, rule })} is behind it`),
      ],
      mend: { say: 'Insert rules (`-I`), never append them (`-A`).', lines },
    },
  ];
}
