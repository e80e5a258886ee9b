import type { SetElement } from '../nftables/endpoint-elements.ts';
import { create, sendBatch } from './batch.ts';
import { type ElementList, encodeElements, listElements } from './element-bytes.ts';
import { describeErrno, errnos, NetlinkError } from './error.ts';
import type { NetlinkSocket, Refusal } from './socket.ts';

/** linux/netfilter/nf_tables.h: NFT_MSG_*SETELEM. */
const types = { add: 12, remove: 14, destroy: 30 } as const;

/**
 * How elements are removed that may not be there: `destroy` does not mind (Linux 6.3), `delete` has the kernel say which
 * ones are missing, and does without them.
 */
export type Removal = 'destroy' | 'delete';

/** Tries of one change; with `delete` each tells more of what is missing, and others may change the set meanwhile. */
const attempts = 6;

/** Changes sets of our tables over a netfilter socket, whose port id the kernel names as the author. */
export class ElementWriter {
  readonly #netlink: Pick<NetlinkSocket, 'sendTogether'>;
  #removal: Removal;

  constructor(netlink: Pick<NetlinkSocket, 'sendTogether'>, removal: Removal = 'destroy') {
    this.#netlink = netlink;
    this.#removal = removal;
  }

  /**
   * One transaction: all of it, or nothing. Afterwards what is in `remove` is not there, whether or not it was, and what
   * is in `add` is. An element may be in both: with another verdict it is replaced.
   *
   * @param remove single values and verdicts only, no sets with intervals; as `add`
   * @throws NetlinkError `refused`, with the set and the error number: EEXIST or EBUSY when a key to add has another
   *   verdict, ENOENT when there is no such table, set or chain
   * @throws RangeError for a key that is not what its types say
   */
  set(remove: readonly SetElement[], add: readonly SetElement[]): void {
    const additions = listElements(add).map((list): Piece => ({ action: 'add', list }));
    let removals = listElements(remove).map((list): Piece => ({ action: 'remove', list }));
    for (let attempt = 0; attempt < attempts; attempt++) {
      const pieces = [...removals, ...additions];
      const refusals = this.#send(pieces);
      if (refusals.length === 0) return;
      const [fatal] = refusals.filter((refusal) => !this.#isMissing(pieces, refusal));
      if (fatal === undefined) {
        removals = withoutMissing(removals, new Set(refusals.map(({ position }) => position)));
      } else if (this.#removal === 'destroy' && pieces[fatal.position]?.action === 'remove' && isUnknownType(fatal)) {
        this.#removal = 'delete';
      } else throw refused(pieces[fatal.position], fatal);
    }
    throw new NetlinkError('refused', 'the kernel refused: its sets changed during each try');
  }

  /** A removal of what is not there, be it element, set or table. */
  #isMissing(pieces: readonly Piece[], { position, errno }: Refusal): boolean {
    return errno === errnos.ENOENT && pieces[position]?.action === 'remove';
  }

  /** Sends one batch; positions of refusals are the pieces', or -1 for all of them. */
  #send(pieces: readonly Piece[]): readonly Refusal[] {
    if (pieces.length === 0) return [];
    return sendBatch(
      this.#netlink,
      pieces.map(({ action, list }) => ({
        type: action === 'add' ? types.add : this.#removal === 'destroy' ? types.destroy : types.remove,
        flags: action === 'add' ? create : 0,
        payload: encodeElements(list, action === 'add'),
      })),
    );
  }
}

interface Piece {
  readonly action: 'add' | 'remove';
  readonly list: ElementList;
}

/** Of the lists in which something was missing: each element on its own, and what was alone already is left out. */
function withoutMissing(removals: readonly Piece[], missing: ReadonlySet<number>): Piece[] {
  return removals.flatMap((piece, index): Piece[] => {
    if (!missing.has(index)) return [piece];
    const { table, set, elements } = piece.list;
    return elements.length === 1
      ? []
      : elements.map((element) => ({ action: 'remove', list: { table, set, elements: [element] } }));
  });
}

/** net/netfilter/nfnetlink.c: what a subsystem has no handler for is EINVAL. */
function isUnknownType({ errno }: Refusal): boolean {
  return errno === errnos.EINVAL || errno === errnos.EOPNOTSUPP;
}

function refused(piece: Piece | undefined, { errno }: Refusal): NetlinkError {
  const what =
    piece === undefined
      ? 'a change of sets'
      : `to ${piece.action} ${piece.list.elements.length} element(s) ${piece.action === 'add' ? 'to' : 'from'} set ${piece.list.table} sluice ${piece.list.set}`;
  const hint = hints.get(errno);
  return new NetlinkError(
    'refused',
    `the kernel refused ${what}: ${describeErrno(errno)}${hint === undefined ? '' : ` (${hint})`}`,
    errno,
  );
}

const hints: ReadonlyMap<number, string> = new Map([
  [errnos.ENOENT, 'there is no such table, set or chain'],
  [errnos.EEXIST, 'it is there with another verdict'],
  [errnos.EBUSY, 'it is there with another verdict'],
  [errnos.EINVAL, 'the set has another kind of key'],
]);
