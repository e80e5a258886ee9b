import { formatAddress } from '../../ip/address.ts';
import { setIncludes } from '../../ip/address-set.ts';
import { hasPorts, protocolNumbers } from '../../ip/protocol.ts';
import { formatSource } from '../../policy/source.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import { workloadName } from '../../world/workload.ts';
import { protocolText } from '../boxes.ts';
import type { Answer } from './answer.ts';

/** How to get the other verdict, or a closer answer; null where there is nothing to do. */
export function nextStep(answer: Answer, asked: string, index: WorldIndex): string | null {
  const { outcome, verdict, program, endpoint } = answer;
  if (outcome === 'partly')
    return `Ask for one packet to see why: sluice explain ${endpoint.workload} "${entryFor(answer, index)}"`;
  if (outcome === 'allowed') return null;
  const deciding = verdict.steps.findLast((step) => step.kind !== 'mode');
  switch (deciding?.kind) {
    case 'guardrail':
      return `To allow it all the same: an exception under guardrails.except, from ${endpoint.workload} to "${entryFor(answer, index)}".`;
    case 'deny':
      return `To allow it, take "${deciding.clause.entry}" out of the deny list at ${formatSource(deciding.clause.source)}.`;
    case 'nothing-allows': {
      if (program.standing === 'refused')
        return 'Its labels or x-sluice are refused, so it may reach nothing until they are mended: sluice ps says what is wrong.';
      if (program.standing === 'unmanaged')
        return `To allow it, name ${endpoint.workload} in the policy; what nothing names is denied by "defaults".`;
      const entry = answer.one ? entryFor(answer, index) : asked;
      return `To allow it, add "${entry}" to the allow list at ${formatSource(deciding.otherwise)}.`;
    }
    default:
      return null;
  }
}

/** The packet as an entry of a policy: containers by who they are, the host by what it is. */
function entryFor({ packet: { to, protocol, port } }: Answer, index: WorldIndex): string {
  const suffix = layer4(protocol, port);
  const holder = index.containers.find((container) => setIncludes(index.addressesOf(container), to));
  if (holder !== undefined && suffix.startsWith(':')) {
    const name = workloadName(holder);
    return `${name.startsWith('container/') ? '' : 'project/'}${name}${suffix}`;
  }
  if (setIncludes(index.hostAddresses, to)) return `host${suffix}`;
  return `${to.family === 6 ? `[${formatAddress(to)}]` : formatAddress(to)}${suffix}`;
}

function layer4(protocol: number, port: number): string {
  const { tcp, icmpv6 } = protocolNumbers;
  if (protocol === tcp) return `:${port}`;
  return hasPorts(protocol)
    ? `:${port}/${protocolText(protocol)}`
    : `/${protocol === icmpv6 ? 'icmp' : protocolText(protocol)}`;
}
