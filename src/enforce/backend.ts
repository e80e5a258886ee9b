import type { Narrower } from '../ruleset/narrower.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';

/** In what the kernel holds a ruleset: nf_tables by nft, or iptables in one of its variants, with ipset and ebtables. */
export const backendNames = ['nftables', 'iptables-nft', 'iptables-legacy'] as const;
export type BackendName = (typeof backendNames)[number];

/** What may be asked for; `iptables` is the variant that holds Docker's chains. */
export const backendChoices = ['nftables', 'iptables', 'iptables-nft', 'iptables-legacy'] as const;
export type BackendChoice = (typeof backendChoices)[number];

/** One way to hold a ruleset. Errors are NftError or XtablesError, and NotHeldError where it cannot be held exactly. */
export interface Backend {
  readonly name: BackendName;
  /** Makes the kernel hold exactly this ruleset: until its rules change, those before stand as they were. */
  apply(ruleset: Ruleset): Promise<void>;
  /** Names of the bridge ports whose senders the standing rules prove; none when no rules of ours stand. */
  provenPorts(): Promise<ReadonlySet<string>>;
  /**
   * Takes everything of ours away. True when there was anything to take.
   *
   * @param beside what stands in its place: what the two have in common stays
   */
  remove(beside?: Backend): Promise<boolean>;
  /** Reads the kernel: whether what stands is what a ruleset says; there may be elements more. */
  holds(ruleset: Ruleset): Promise<boolean>;
  /** The rules as text that {@link Backend.load} takes whatever stands. */
  loadable(ruleset: Ruleset): Promise<string>;
  load(text: string): Promise<void>;
  /** Reads the kernel: whether what stands is what a text of {@link Backend.loadable} says. */
  standsAs(text: string): Promise<boolean>;
  /** What it holds more narrowly than a ruleset says. */
  narrower(ruleset: Ruleset): readonly Narrower[];
  /** The rules, as text for people. */
  text(ruleset: Ruleset): Promise<string>;
}
