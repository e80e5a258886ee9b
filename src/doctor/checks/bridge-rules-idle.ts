import type { Step, Value } from '../../packetpath/model.ts';
import { shapeOf } from '../../packetpath/purpose/terms.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { type Placed, placedText, stops } from '../rules.ts';

export const bridgeRulesIdle: Check = {
  code: 'bridge-rules-idle',
  severity: 'warning',
  title: 'Rules that part neighbours on a bridge are never asked',
  why: 'Frames between containers of one bridge pass these rules only with br_netfilter, which is off for it: they reach each other.',
  evidence:
    'a rule that stops what comes in by a bridge and goes out by the same (as `icc: false` makes them), and neither the sysctl nor the bridge’s own switch on; or one that stops what passes a bridge port (`-m physdev`), and no bridge’s switch on',
  find: (facts) => {
    const idle = (facts.rules?.tables ?? []).flatMap(({ table, chains }) =>
      chains
        .filter(({ hooks }) => hooks.includes('forward'))
        .flatMap(({ chain, rules }) =>
          rules.flatMap(({ rule }) => {
            const at = { table, chain, rule };
            return isIdle(at, facts) ? [at] : [];
          }),
        ),
    );
    if (idle.length === 0) return [];
    const families = [...new Set(idle.map(({ table }) => (table.family === 'ip6' ? 'ip6tables' : 'iptables')))];
    const missing = facts.world?.host.bridgeNetfilter === null;
    return [
      {
        seen: [
          ...idle.map(placedText),
          missing
            ? 'br_netfilter is not loaded'
            : families.map((name) => `net.bridge.bridge-nf-call-${name} = 0`).join(', '),
        ],
        mend: {
          say: 'Turn br_netfilter on, and keep it on in /etc/sysctl.d.',
          lines: [
            ...(missing ? [{ kind: 'run' as const, text: 'modprobe br_netfilter' }] : []),
            ...families.map((name) => ({
              kind: 'run' as const,
              text: `sysctl -w net.bridge.bridge-nf-call-${name}=1`,
            })),
          ],
        },
      },
    ];
  },
};

function isIdle(at: Placed, facts: Facts): boolean {
  if (!stops(at.rule)) return false;
  const { family } = at.table;
  const bridge = neighboursOf(at);
  if (bridge !== null) return isOff(facts, bridge, family);
  // of a port nobody says here whose it is
  const bridges = [...(facts.bridgeCalls?.keys() ?? [])];
  return at.rule.steps.some(asksForPort) && bridges.length > 0 && bridges.every((one) => isOff(facts, one, family));
}

/** Whether a step holds for nothing but what passes a bridge port, which rules know by br_netfilter alone. */
function asksForPort(step: Step): boolean {
  if (step.kind !== 'condition' || step.condition.kind !== 'among') return false;
  const { fields, not, values } = step.condition;
  const isPort = fields.length === 1 && fields.some(({ field }) => field === 'physin' || field === 'physout');
  if (!isPort || 'set' in values) return false;
  const hasNone = values.some(([value]) => value !== undefined && isNone(value));
  return hasNone === not;
}

/** Whether a name of a port is that of one that is not there. */
function isNone(value: Value): boolean {
  return value.kind === 'word' ? value.word === '' : value.kind !== 'prefix' || value.prefix === '';
}

/** The bridge of a rule that stops what goes from it to itself. */
function neighboursOf({ table, rule }: Placed): string | null {
  const { terms } = shapeOf(rule, table.family);
  const nameOf = (key: 'in' | 'out') => {
    const [term, ...more] = terms.filter((one) => one.key === key);
    return more.length === 0 && term?.operand.kind === 'words' && !term.not && term.operand.words.length === 1
      ? term.operand.words[0]
      : undefined;
  };
  const name = nameOf('in');
  return name !== undefined && name === nameOf('out') ? name : null;
}

/** Whether no switch hands the bridge's frames to the rules of a family; false where that is not known. */
function isOff({ world, bridgeCalls }: Facts, bridge: string, family: string): boolean {
  const own = bridgeCalls?.get(bridge);
  if (world === null || own === undefined || (family !== 'ip' && family !== 'ip6')) return false;
  return !own[family] && world.host.bridgeNetfilter?.[family] !== true;
}
