import type { Family } from '../../ip/address.ts';
import { icmpv6 } from '../../ip/icmpv6.ts';
import { beforeDefragChain } from '../../nftables/hooks.ts';
import type { Chain } from '../../nftables/model.ts';
import { errorsChain } from '../../nftables/program.ts';
import type { Barred } from '../../ruleset/ruleset.ts';
import { bits, judgement } from '../marks.ts';
import type { Match, XChain, XRule, XTable } from '../model.ts';
import { mainChain } from '../names.ts';
import { type Translation, untilDecided } from '../translate.ts';
import { icmpv6Rules } from './icmpv6-rules.ts';
import { arrivalChain, arrivalChains, linkLocalDoubts } from './proof.ts';
import type { References } from './references.ts';
import { translatedChain } from './translated.ts';

const inputChain = `${mainChain}-IN`;

/**
 * `mangle`: PREROUTING lets in what is proven; FORWARD and INPUT judge it, and write the judgement into its mark, since no
 * rule of others may be passed over.
 *
 * @param tells whether who is denied is told so, and dropped, by tables after this one
 */
export function mangleTable(references: References, barred: readonly Barred[], tells: boolean): XTable {
  const t = references.translation({
    accept: references.goto('pass'),
    refuse: tells ? references.goto('deny') : { kind: 'drop' },
    decided: bits.passed | bits.denied,
  });
  const programs = references.inet.chains
    .filter((chain) => !writtenHere.has(chain.name) && !isOfOther(chain, references.family))
    .map((chain) => translatedChain(chain, t));
  const forward = forwardChain(references, t);
  const input = inputOf(references, t);
  return {
    name: 'mangle',
    jumps: [
      { hook: 'PREROUTING', chain: arrivalChain },
      { hook: 'FORWARD', chain: mainChain },
      { hook: 'INPUT', chain: inputChain },
    ],
    chains: [
      ...arrivalChains(references, barred, doubtfulBit(references)),
      forward,
      references.chain('from-elsewhere', [
        {
          matches: [references.towards('bridges'), { kind: 'ct-state', states: ['NEW'] }],
          target: references.goto('inbound'),
        },
      ]),
      input,
      judged(references, 'pass', bits.passed),
      ...(tells ? [judged(references, 'deny', bits.denied)] : []),
      ...programs,
      ...references.chains,
    ],
  };
}

function forwardChain(references: References, t: Translation): XChain {
  return {
    name: mainChain,
    rules: [
      { matches: [references.notFrom('bridges')], target: references.goto('from-elsewhere') },
      ...beginning(references, t),
      // hop limit 255: it was never routed, so it stays on its bridge
      ...(t.family === 6 ? icmpv6Rules([icmpv6.neighbourSolicit, icmpv6.neighbourAdvert], t.accept, 255) : []),
      ...linkLocalDoubts(t.family, doubtfulBit(references)),
      ...t.perSender(`forward${t.family}`),
      { matches: [], target: references.goto('unknown-forward') },
    ],
  };
}

function inputOf(references: References, t: Translation): XChain {
  return {
    name: inputChain,
    rules: [
      { matches: [references.notFrom('bridges')], target: { kind: 'return' } },
      ...beginning(references, t),
      ...(t.family === 6
        ? [
            ...icmpv6Rules([icmpv6.neighbourSolicit, icmpv6.neighbourAdvert, icmpv6.routerSolicit], t.accept, 255),
            ...icmpv6Rules([icmpv6.mldReport, icmpv6.mldDone, icmpv6.mldv2Report], t.accept),
          ]
        : []),
      ...linkLocalDoubts(t.family, doubtfulBit(references)),
      ...t.perSender(`host${t.family}`),
      { matches: [], target: references.goto('unknown-host') },
    ],
  };
}

/**
 * No mark that somebody else left is a judgement of ours; replies are free, but those of doubtful conversations, and errors
 * are where they quote what the sender got.
 */
function beginning(references: References, { accept, family }: Translation): readonly XRule[] {
  const isReply: Match = { kind: 'ct-direction', direction: 'REPLY' };
  const isClear: Match = { kind: 'connmark', value: 0, mask: doubtfulBit(references) };
  return [
    { matches: [], target: { kind: 'set-mark', value: 0, mask: judgement } },
    { matches: [isReply, { kind: 'ct-state', states: ['ESTABLISHED'] }, isClear], target: accept },
    { matches: [isReply, { kind: 'ct-state', states: ['RELATED'] }], target: references.jump(errorsChain(family)) },
    untilDecided(bits.passed | bits.denied),
  ];
}

/** The bit of the conntrack mark that the neutral rules set on a conversation whose replies are judged. */
function doubtfulBit(references: References): number {
  const { name, rules } = references.neutralChain('inbound');
  const marked = rules.flat().find((statement) => statement.kind === 'change-mark');
  if (marked === undefined) throw new TypeError(`chain ${name} marks nothing`);
  return marked.bit;
}

function judged(references: References, name: string, bit: number): XChain {
  return references.chain(name, [{ matches: [], target: { kind: 'set-mark', value: bit, mask: judgement } }]);
}

/** Chains that are written here instead: they have hooks, or stand in another table. */
const writtenHere: ReadonlySet<string> = new Set([
  beforeDefragChain,
  'prerouting',
  'unproven',
  'unenrolled',
  'forward',
  'input',
]);

/** Chains of one family say so in their names: `forward6/app/app`, `errors6`. */
function isOfOther({ name }: Chain, family: Family): boolean {
  return name.split('/', 1)[0]?.endsWith(family === 4 ? '6' : '4') === true;
}
