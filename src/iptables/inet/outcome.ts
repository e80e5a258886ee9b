import { protocolNumbers } from '../../ip/protocol.ts';
import { bits } from '../marks.ts';
import type { Match, XRule, XTable } from '../model.ts';
import { mainChain } from '../names.ts';
import type { References } from './references.ts';

const jumps = (['FORWARD', 'INPUT'] as const).map((hook) => ({ hook, chain: mainChain }));

/** `filter`: who is denied is told so, by a reset where it is TCP. */
export function filterTable(references: References): XTable {
  const told = (answer: 'tcp-reset' | 'admin-prohibited', ...matches: readonly Match[]): XRule => ({
    matches,
    target: { kind: 'reject', with: answer },
  });
  return {
    name: 'filter',
    jumps,
    chains: [
      {
        name: mainChain,
        rules: [
          {
            matches: [
              { kind: 'mark', value: bits.denied, mask: bits.denied | bits.passed },
              references.from('bridges'),
            ],
            target: references.goto('tell'),
          },
        ],
      },
      references.chain('tell', [
        told('tcp-reset', { kind: 'protocol', protocol: protocolNumbers.tcp }),
        told('admin-prohibited'),
      ]),
    ],
  };
}

/** `security`, after every table of others: what comes from an enrolled bridge passes when it was let pass. */
export function securityTable(references: References): XTable {
  const passed: Match = { kind: 'mark', value: bits.passed, mask: bits.passed };
  return {
    name: 'security',
    jumps,
    chains: [
      {
        name: mainChain,
        rules: [
          { matches: [references.notFrom('bridges')], target: { kind: 'return' } },
          { matches: [passed], target: references.goto('passed') },
          { matches: [], target: { kind: 'drop' } },
        ],
      },
      references.chain('passed', [
        { matches: [], target: { kind: 'set-mark', value: 0, mask: bits.passed | bits.bridged } },
      ]),
    ],
  };
}
