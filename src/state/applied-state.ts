import type { Ruleset } from '../ruleset/ruleset.ts';
import type { Switched } from './host-state.ts';
import type { Part } from './part.ts';
import { decodeRuleset, encodeRuleset } from './ruleset-text.ts';

/** What was put into the kernel last. */
export interface AppliedState {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The engine's version. */
  readonly engine: string;
  /** Boot in which it was applied (/proc/sys/kernel/random/boot_id): interfaces are others in another one. */
  readonly boot: string | null;
  readonly ruleset: Ruleset;
  /** Of format 1 only, which kept them here. */
  readonly switched?: Switched;
}

/** A line of facts, then the rules. Format 1 had the switched bridges among the facts, and no boot. */
export const appliedPart: Part<AppliedState> = {
  name: 'applied.json',
  encode({ at, engine, boot, ruleset }) {
    return `${JSON.stringify({ at, engine, boot })}\n${encodeRuleset(ruleset)}\n`;
  },
  decode(body, format) {
    const end = body.indexOf('\n');
    const { at, engine, boot, switched } = JSON.parse(body.slice(0, end)) as Facts;
    const ruleset = decodeRuleset(body.slice(end + 1));
    if (format === 1)
      return {
        at,
        engine,
        boot: null,
        ruleset: { ...sinceFormat2, ...ruleset },
        switched: new Map(Object.entries(switched ?? {})),
      };
    return { at, engine, boot: boot ?? null, ruleset };
  },
};

/** What rulesets did not have when format 1 was written. */
const sinceFormat2: Pick<Ruleset, 'seats' | 'unknownBridges' | 'knownBridges' | 'held' | 'heldNetworks'> = {
  seats: [],
  unknownBridges: 'allow',
  knownBridges: [],
  held: { v4: [], v6: [] },
  heldNetworks: [],
};

interface Facts {
  readonly at: number;
  readonly engine: string;
  readonly boot?: string | null;
  readonly switched?: Readonly<Record<string, { readonly ip: boolean; readonly ip6: boolean }>>;
}
