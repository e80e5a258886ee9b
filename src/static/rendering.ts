import type { Family } from '../ip/address.ts';
import type { StaticPlan } from './plan.ts';
import { noteRemarks, remark } from './text.ts';

/** What a policy is rendered as. */
export const forms = ['systemd-dropin', 'iptables-script', 'iptables-restore', 'nft'] as const;
export type Form = (typeof forms)[number];

/** A file of a rendering. */
export interface RenderedFile {
  /** Relative to the folder that is named: `docker.service.d/override.conf`. */
  readonly name: string;
  readonly text: string;
}

export interface Rendering {
  /** The first is the one that holds the policy; the rest go with it. Never empty. */
  readonly files: readonly [RenderedFile, ...RenderedFile[]];
  /** Whether the first does it alone, or all of them are needed. */
  readonly needsAll: boolean;
}

/** The families of which a plan has rules. */
export function familiesIn(plan: StaticPlan): readonly Family[] {
  return ([4, 6] as const).filter((family) => plan.families[family]);
}

/** The command for a family. */
export function iptablesOf(family: Family): 'iptables' | 'ip6tables' {
  return family === 4 ? 'iptables' : 'ip6tables';
}

/** What every file that is rendered has in its text: another file is somebody else's. */
export const renderMark = '"sluice render"';

/** What every form says at its head. */
export function aboutPlan(plan: StaticPlan): readonly string[] {
  return [
    ...remark(
      'Written by "sluice render" from the policy. It works without Sluice, and knows less: senders are told by their source address alone, and what static rules cannot say is denied, with a NOTE where it matters. It does not follow containers, networks or the policy: render it again when they change.',
    ),
    '#',
    ...remark(
      plan.families[6]
        ? 'IPv4 and IPv6. A link-local source (fe80::/10) is denied by the name of its bridge, where one stands below.'
        : 'IPv4 only: no network of the policy has IPv6 addresses, so IPv6 is NOT COVERED. Render it again before you enable it.',
    ),
    ...remark(
      'Not held: containers on the network of the host, macvlan and ipvlan; who forges the address of a neighbour; what an image is built from (docker build) apart from what else is on docker0. Nothing is recorded.',
    ),
    ...plan.notes.flatMap(noteRemarks),
  ];
}
