import type { NeverReached } from '../../packetpath/walk/never-reached.ts';
import { safe, wrap } from '../text.ts';
import type { View } from '../view.ts';
import { chainText, ruleName, ruleText } from './asked-text.ts';

/** What is said of a filter that an accept outranks, and what mends it. */
export function fixLines(found: NeverReached, { paint, width }: View): readonly string[] {
  const { chain, call, by, would } = found;
  const said = [
    `NEVER REACHED: ${chain} is called by ${ruleName(call)}, behind ${ruleName(by)}, which has let the packet pass.`,
    ...(would === null ? [] : [`There ${ruleName(would)} would stop it: ${ruleText(would)}`]),
  ];
  return [
    ...said.flatMap((text) => wrap(safe(text), width)).map(paint.bad),
    ...fixTexts(found).flatMap((text) => wrap(safe(text), width)),
  ];
}

/** The next steps, as instructions. */
export function fixTexts({ chain, call }: NeverReached): readonly string[] {
  const program = call.table.family === 'ip6' ? 'ip6tables' : 'iptables';
  const table = call.table.name === 'filter' ? '' : ` -t ${call.table.name}`;
  return [
    `now:  ${program}${table} -D ${call.chain.name} -j ${chain}; ${program}${table} -I ${call.chain.name} 1 -j ${chain}   (until Docker makes the next network: it then puts its own rules before ${chainText(call)} rule 1)`,
    "for good:  sluice apply, which stands where no rule of Docker's can outrank it; or the network kept, with a fixed subnet",
  ];
}
