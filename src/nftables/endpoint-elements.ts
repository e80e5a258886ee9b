import type { Address, Family } from '../ip/address.ts';
import type { GroupId } from '../ruleset/ruleset.ts';
import type { Element, KeyType, TableFamily, Verdict } from './model.ts';
import type { Plane } from './program.ts';

/** What the standing rules hold ready for a sender: everything but where it sends from. */
export interface SeatRules {
  readonly bridge: { readonly name: string; readonly index: number };
  /** Whether sources that nobody knows are dropped there; not so on docker0 while builds are allowed. */
  readonly strict: boolean;
  /** Where its packets go first, by plane and family. */
  readonly entries: Readonly<Record<`${Plane}${Family}`, Verdict>>;
  /** Groups that have its addresses as members. */
  readonly groups: readonly GroupId[];
}

/** Where a sender is: the host's end of its veth, its MAC, and every address it may use, the link-local one among them. */
export interface SenderPlace {
  readonly port: { readonly name: string; readonly index: number };
  /** Lower case with colons. */
  readonly mac: string;
  readonly addresses: readonly Address[];
}

/** One element of one of our sets, with what is needed to say it to the kernel. */
export interface SetElement {
  readonly table: TableFamily;
  readonly set: string;
  readonly key: readonly KeyType[];
  readonly element: Element;
}

/** The elements that make a container at a place a proven sender, in both tables. */
export declare function endpointElements(rules: SeatRules, place: SenderPlace): readonly SetElement[];
