import type { Step, Value } from '../../packetpath/model.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { bridgeCalls, type Family, familiesOf, neighboursOf, subnetsOf } from '../neighbours.ts';
import { type Placed, placedText, stops } from '../rules.ts';

export const bridgeRulesIdle: Check = {
  code: 'bridge-rules-idle',
  severity: 'warning',
  title: 'Rules that part neighbours on a bridge are never asked',
  why: 'Frames between containers of one bridge pass these rules only with br_netfilter, which is off for it: they reach each other.',
  evidence:
    'a rule of iptables, or of nftables in a table ip, ip6 or inet, that stops what goes from a bridge to itself, and neither the sysctl nor the bridge’s own switch on: by its interfaces (as `icc: false` makes them), or by addresses that lie in the subnets of one network on both sides; or a rule that stops what passes a bridge port (`-m physdev`), and no bridge’s switch on',
  find: (facts) => {
    const idle = (facts.rules?.tables ?? []).flatMap(({ table, chains }) =>
      chains
        .filter(({ hooks }) => hooks.includes('forward'))
        .flatMap(({ chain, rules }) =>
          rules.flatMap(({ rule, purpose }) => {
            const at = { table, chain, rule };
            const families = purpose.maker === 'sluice' || !stops(rule) ? [] : idleFamilies(at, facts);
            return families.length === 0 ? [] : [{ at, families }];
          }),
        ),
    );
    if (idle.length === 0) return [];
    const switches = [...new Set(idle.flatMap(({ families }) => families))]
      .toSorted()
      .map((family) => `net.bridge.bridge-nf-call-${family === 6 ? 'ip6tables' : 'iptables'}`);
    const missing = facts.world?.host.bridgeNetfilter === null;
    return [
      {
        seen: [
          ...idle.map(({ at }) => placedText(at)),
          missing ? 'br_netfilter is not loaded' : switches.map((name) => `${name} = 0`).join(', '),
        ],
        mend: {
          say: 'Turn br_netfilter on, and keep it on in /etc/sysctl.d.',
          lines: [
            ...(missing ? [{ kind: 'run' as const, text: 'modprobe br_netfilter' }] : []),
            ...switches.map((name) => ({ kind: 'run' as const, text: `sysctl -w ${name}=1` })),
          ],
        },
      },
    ];
  },
};

/** Of which packets between neighbours a rule that stops them is never asked. */
function idleFamilies(at: Placed, facts: Facts): readonly Family[] {
  const families = familiesOf(at);
  const isOff = (bridge: string, family: Family) => bridgeCalls(facts, bridge, family) === false;
  const bridge = neighboursOf(at, facts.world);
  if (bridge !== null) {
    const network = facts.world?.networks.find((one) => one.bridge?.name === bridge);
    return families.filter(
      (family) =>
        isOff(bridge, family) &&
        // a table of both families says nothing of a network that has one
        (families.length === 1 || network === undefined || subnetsOf(network, family).length > 0),
    );
  }
  // of a port nobody says here whose it is
  const bridges = [...(facts.bridgeCalls?.keys() ?? [])];
  if (bridges.length === 0 || !at.rule.steps.some(asksForPort)) return [];
  return families.filter((family) => bridges.every((one) => isOff(one, family)));
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
