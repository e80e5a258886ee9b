import type { Family } from '../../ip/address.ts';
import { icmpv6 } from '../../ip/icmpv6.ts';
import { igmp } from '../../ip/igmp.ts';
import { prefixOf } from '../../ip/prefix.ts';
import type { Barred } from '../../ruleset/ruleset.ts';
import { bits } from '../marks.ts';
import type { Match, Target, XChain, XRule, XTable } from '../model.ts';
import { mainChain } from '../names.ts';
import { type Translation, translateChain } from '../translate.ts';
import { icmpv6Rules } from './icmpv6-rules.ts';
import type { References } from './references.ts';

/** The chain of ours in mangle PREROUTING. */
export const arrivalChain = `${mainChain}-PRE`;

const drop: Target = { kind: 'drop' };
const back: Target = { kind: 'return' };
const isProven: Match = { kind: 'mark', value: bits.proven, mask: bits.proven };

/** `raw`, before conntrack: from an enrolled bridge only what is proven, and from bridges nobody knows what they may. */
export function rawTable(references: References, barred: readonly Barred[]): XTable {
  const t = unjudged(references);
  return {
    name: 'raw',
    jumps: [{ hook: 'PREROUTING', chain: mainChain }],
    chains: [
      {
        name: mainChain,
        rules: [
          ...fromBarred(barred),
          { matches: [references.from('bridges')], target: references.goto('proof') },
          { matches: [references.from('plain-interfaces')], target: back },
          // a frame to 01:80:c2:00:00:0x comes up on the port itself, past every hook of the bridge's; Docker's ports
          // are called veth…
          {
            matches: [{ kind: 'in', name: 'veth', starts: true }, { kind: 'link-multicast' }],
            target: drop,
            counts: 'unproven',
          },
          { matches: [], target: references.goto('unenrolled') },
        ],
      },
      references.chain('proof', [
        ...(references.family === 6 ? neighbourRules() : [optionsRule, listenerRule]),
        { matches: [isProven], target: back },
        { matches: [], target: references.goto('unproven') },
      ]),
      translateChain(references.neutralChain('unproven'), t),
      translateChain(references.neutralChain('unenrolled'), t),
    ],
  };
}

/**
 * The same once more in `mangle` PREROUTING, for what a rule of others accepted in raw; the proof's mark ends here. And what
 * comes from a bridge in a name that the host finds elsewhere gets the bit of doubtful conversations, since rpfilter works nowhere later;
 * so does what is said over link-local addresses, which of enrolled bridges FORWARD and INPUT see to.
 */
export function arrivalChains(references: References, barred: readonly Barred[], doubtful: number): readonly XChain[] {
  return [
    {
      name: arrivalChain,
      rules: [
        ...fromBarred(barred),
        { matches: [references.notFrom('bridges')], target: references.goto('from-others') },
        { matches: [isNew, { kind: 'reverse-path-missing' }], target: doubt(doubtful) },
        { matches: [isProven], target: references.goto('arrived') },
        { matches: [], target: references.goto('unproven') },
      ],
    },
    references.chain('from-others', [
      { matches: [references.from('plain-interfaces')], target: back },
      { matches: [isNew, { kind: 'reverse-path-missing' }], target: doubt(doubtful) },
      ...linkLocalDoubts(references.family, doubtful),
    ]),
    references.chain('arrived', [{ matches: [], target: { kind: 'set-mark', value: 0, mask: bits.proven } }]),
    translateChain(references.neutralChain('unproven'), unjudged(references)),
  ];
}

const isNew: Match = { kind: 'ct-state', states: ['NEW'] };

function doubt(bit: number): Target {
  return { kind: 'set-connmark', value: bit, mask: bit };
}

/** What nftables does in its chains `forward` and `input` (src/nftables/inet-table.ts, linkLocalDoubts). */
export function linkLocalDoubts(family: Family, doubtful: number): readonly XRule[] {
  if (family === 4) return [];
  const prefix = prefixOf('fe80::/10');
  return (['source', 'destination'] as const).map((kind) => ({
    matches: [{ kind, prefix }, isNew],
    target: doubt(doubtful),
  }));
}

/** Here nobody is judged yet: what is accepted goes on to the next hook. */
function unjudged(references: References): Translation {
  return references.translation({ accept: back, refuse: drop, decided: null });
}

/** A bridge whose name no rule can carry is known by its number; of a port ebtables drops the frames (layer2.ts). */
function fromBarred(barred: readonly Barred[]): readonly XRule[] {
  return barred.map(({ index }) => ({ matches: [{ kind: 'in-index', index }], target: drop, counts: 'unproven' }));
}

/**
 * By its options a packet may name the way it goes (RFC 791, source routes), and a kernel that goes by them sends on what was
 * judged as going to the host (so IPv6 by routing headers, below). The only ones a container needs are those of IGMP's reports, which go to a group.
 */
const optionsRule: XRule = {
  matches: [{ kind: 'destination', prefix: prefixOf('224.0.0.0/4'), not: true }, { kind: 'ip-options' }],
  target: drop,
  counts: 'spoofed',
};

/**
 * Who asks a bridge for its listeners is believed to be a router there, whomever the question goes to. ebtables sees no type
 * of IGMP; the bridge itself reads the packet only behind this table, and fragments have been put together by then.
 */
const listenerRule: XRule = {
  matches: [{ kind: 'protocol', protocol: igmp.protocol }, { kind: 'igmp-question' }],
  target: drop,
  counts: 'spoofed',
};

/**
 * RFC 4861: who routes is not a container's to say, nor who asks for listeners (RFC 2710); it advertises what it has as its
 * source, which is proven. Where it has no address yet, ebtables has looked at what it asks. All of it is asked for here once
 * more, because ebtables finds nothing behind headers that a fragment cuts off.
 */
function neighbourRules(): readonly XRule[] {
  const unspecified: Match = { kind: 'source', prefix: { ...prefixOf('::'), length: 128 } };
  const advert: Match = { kind: 'icmp', type: icmpv6.neighbourAdvert };
  return [
    { matches: [{ kind: 'routing-header' }], target: drop, counts: 'spoofed' },
    ...icmpv6Rules([icmpv6.mldQuery, icmpv6.routerAdvert, icmpv6.redirect], drop).map((rule) => ({
      ...rule,
      counts: 'spoofed',
    })),
    { matches: [advert, { kind: 'nd-target-is-another' }], target: drop, counts: 'spoofed' },
    // the host would send to a neighbour what is the sender's: answers of third ones, and errors that quote what it had sent
    ...[icmpv6.routerSolicit, icmpv6.neighbourSolicit, icmpv6.neighbourAdvert].map(
      (type): XRule => ({
        matches: [{ kind: 'icmp', type }, { kind: 'nd-link-is-another' }],
        target: drop,
        counts: 'spoofed',
      }),
    ),
    { matches: [unspecified, advert], target: drop, counts: 'spoofed' },
  ];
}
