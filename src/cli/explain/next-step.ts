import { bits } from '../../ip/address.ts';
import { everyPort, hasPorts, protocolNumbers } from '../../ip/protocol.ts';
import { formatTarget } from '../../policy/format.ts';
import type { Destination } from '../../policy/model.ts';
import { formatSource } from '../../policy/source.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import type { Answer } from './answer.ts';
import { entryFor } from './entry.ts';

/** How to get the other verdict, or a closer answer; null where there is nothing to do. */
export function nextStep(answer: Answer, asked: Destination, index: WorldIndex): string | null {
  const { outcome, verdict, program, endpoint } = answer;
  if (outcome === 'partly')
    return `Ask for one packet to see why: sluice explain ${endpoint.workload} "${packetEntry(answer)}"`;
  if (outcome === 'allowed') return null;
  const deciding = verdict.steps.findLast((step) => step.kind !== 'mode');
  const entry = entryFor(asked, index);
  switch (deciding?.kind) {
    case 'guardrail':
      return entry === null
        ? null
        : `To allow it all the same: an exception under guardrails.except, from ${endpoint.workload} to ${quoted(entry)}.`;
    case 'deny':
      return `To allow it, take "${deciding.clause.entry}" out of the deny list at ${formatSource(deciding.clause.source)}.`;
    case 'nothing-allows':
      if (program.standing === 'refused')
        return 'Its labels or x-sluice are refused, so it may reach nothing until they are mended; sluice ps lists all that is.';
      if (program.standing === 'unmanaged')
        return `To allow it, name ${endpoint.workload} in the policy; what nothing names is denied by "defaults".`;
      return entry === null
        ? 'To allow it, allow whoever is to have that address, by name.'
        : `To allow it, add ${quoted(entry)} to the allow list at ${formatSource(deciding.otherwise)}.`;
    default:
      return null;
  }
}

/** The packet whose steps are told, as it can be asked for. */
function packetEntry({ packet: { to, protocol, port } }: Answer): string {
  const who = { kind: 'prefix', prefix: { address: to, length: bits(to.family) } } as const;
  const { icmp, icmpv6 } = protocolNumbers;
  const word = protocol === icmp || protocol === icmpv6 ? 'icmp' : protocol;
  return formatTarget([who], [{ protocol: word, ports: hasPorts(protocol) ? { low: port, high: port } : everyPort }]);
}

/** The long form has quotes of its own. */
function quoted(entry: string): string {
  return entry.startsWith('{') ? entry : `"${entry}"`;
}
