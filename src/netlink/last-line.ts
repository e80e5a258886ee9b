import { attribute, nest, text, u32be } from './attribute.ts';
import { type BatchMessage, create, sendBatch } from './batch.ts';
import { describeErrno, errnos, NetlinkError } from './error.ts';
import {
  cameByOneOf,
  change,
  counted,
  dropped,
  hasMark,
  nameBytes,
  newPrerouting,
  newRule,
  ownTable,
  setMark,
} from './rule-bytes.ts';
import type { NetlinkSocket } from './socket.ts';

/** Bridges by their names. */
export interface Guarded {
  /** Whatever comes from them must have been proven. */
  readonly strict: readonly string[];
  /** Those whose proven packets must have been taken on by the judging table; `strict` among them. */
  readonly enrolled: readonly string[];
}

/** What the line stands around: the chain that takes over what the bridge has proven. */
export interface Around {
  /** Packet mark that the proof sets and that chain clears. */
  readonly proven: number;
  /** One that nobody else uses: what came without proof, until that chain has dropped it. */
  readonly unproven: number;
  /** Its priority in prerouting. */
  readonly priority: number;
}

/** No table of this name is anybody else's. */
export const lastLineTable = 'sluice-last';

/** linux/netfilter/nf_tables.h */
const messages = { newSet: 9, addElements: 12, removeElements: 14 } as const;
const owned = 0x2; // NFT_TABLE_F_OWNER
const set = { table: 1, name: 2, flags: 3, keyType: 4, keyLength: 5, id: 10, userData: 13 } as const;
const list = { table: 1, set: 2, elements: 3 } as const;
const listElement = 1;
const element = { key: 1 } as const;
const dataValue = 1;
const nftsInterfaceName = { type: 41, length: 16 } as const; // nft's own number of the type (include/datatype.h)
/** For nft to list names: the key's byte order is the host's (libnftnl udata.h, NFTNL_UDATA_SET_KEYBYTEORDER). */
const hostOrder = Buffer.from([0, 4, 1, 0, 0, 0]);

/**
 * A table that only this socket may change, which even `nft flush ruleset` passes over, and which is gone with the socket
 * (NFT_TABLE_F_OWNER, Linux 5.12; net/netfilter/nf_tables_api.c, nft_flush and nft_rcv_nl_event). It says what our own
 * tables say first of all: from an enrolled bridge nothing passes that was not proven, and nothing that was proven and then
 * not taken on. So who flushes our tables, or removes them, stops what comes from there instead of opening it.
 */
export class LastLine {
  readonly #netlink: Pick<NetlinkSocket, 'sendTogether'>;
  readonly #around: Around;
  /** What it holds now; null: it does not stand. */
  #guarded: Guarded | null = null;
  #isUnknown = false;

  constructor(netlink: Pick<NetlinkSocket, 'sendTogether'>, around: Around) {
    this.#netlink = netlink;
    this.#around = around;
  }

  /**
   * Makes it hold these bridges and no others, in one transaction.
   *
   * @returns false where the kernel knows no owned tables
   * @throws NetlinkError, of which {@link isTaken} tells whether a table of this name stands that is not ours
   */
  hold(guarded: Guarded): boolean {
    if (this.#isUnknown) return false;
    const before = this.#guarded;
    if (before !== null && isSame(before, guarded)) return true;
    const made = before === null ? this.#make() : sets.map((name) => elements(messages.removeElements, name, null));
    const filled = sets.flatMap((name) =>
      guarded[name].length === 0 ? [] : [elements(messages.addElements, name, guarded[name])],
    );
    const [refusal] = sendBatch(this.#netlink, [...made, ...filled]);
    if (refusal === undefined) {
      this.#guarded = guarded;
      return true;
    }
    // a flag that a kernel does not know is EOPNOTSUPP, or EINVAL by its netlink policy
    this.#isUnknown = before === null && (refusal.errno === errnos.EOPNOTSUPP || refusal.errno === errnos.EINVAL);
    if (this.#isUnknown) return false;
    const why = describeErrno(refusal.errno);
    throw new NetlinkError('refused', `the kernel refused a change of inet ${lastLineTable}: ${why}`, refusal.errno);
  }

  /** Lets go of the bridges that are not among these; what comes from the others stays held. @throws NetlinkError */
  narrow({ strict, enrolled }: Guarded): void {
    const before = this.#guarded;
    if (before === null) return;
    this.hold({
      strict: before.strict.filter((name) => strict.includes(name)),
      enrolled: before.enrolled.filter((name) => enrolled.includes(name)),
    });
  }

  #make(): readonly BatchMessage[] {
    const { proven, unproven, priority } = this.#around;
    const before = { table: lastLineTable, chain: 'before' };
    const behind = { table: lastLineTable, chain: 'behind' };
    return [
      ownTable(lastLineTable, owned),
      ...sets.map(newSet),
      newPrerouting(before, priority - 1),
      newPrerouting(behind, priority + 1),
      // only told here: the table in between drops it, and counts it as what it is
      newRule(before, ...hasMark(proven, false), ...cameByOneOf('strict'), ...setMark(unproven)),
      newRule(behind, ...hasMark(proven | unproven, true), ...cameByOneOf('enrolled'), counted, dropped),
    ];
  }
}

/** Whether somebody else has made a table of this name: ours comes once theirs is gone. */
export function isTaken(error: unknown): boolean {
  return error instanceof NetlinkError && (error.errno === errnos.EEXIST || error.errno === errnos.EPERM);
}

const sets = ['strict', 'enrolled'] as const;

function isSame(a: Guarded, b: Guarded): boolean {
  return sets.every((name) => a[name].length === b[name].length && a[name].every((one) => b[name].includes(one)));
}

function newSet(name: string, index: number): BatchMessage {
  return change(
    messages.newSet,
    create,
    attribute(set.table, text(lastLineTable)),
    attribute(set.name, text(name)),
    attribute(set.flags, u32be(0)),
    attribute(set.keyType, u32be(nftsInterfaceName.type)),
    attribute(set.keyLength, u32be(nftsInterfaceName.length)),
    attribute(set.id, u32be(index + 1)),
    attribute(set.userData, hostOrder),
  );
}

/** Elements of a set; null: all that it has. */
function elements(type: number, name: string, names: readonly string[] | null): BatchMessage {
  const keys = (names ?? []).map((one) => nest(listElement, nest(element.key, attribute(dataValue, nameBytes(one)))));
  return change(
    type,
    names === null ? 0 : create,
    attribute(list.table, text(lastLineTable)),
    attribute(list.set, text(name)),
    ...(names === null ? [] : [nest(list.elements, ...keys)]),
  );
}
