import { aligned, decodeAttributes, readText, readU32be } from './attribute.ts';
import { NetlinkError } from './error.ts';

/** A committed change of rules: which of the tables that are followed it touched, and who made it. */
export interface RuleChange {
  readonly inet: boolean;
  readonly bridge: boolean;
  readonly by: RuleChanger;
}

/** As NFT_MSG_NEWGEN tells (linux/netfilter/nf_tables.h). */
export interface RuleChanger {
  /** The netlink port id the change came from: the process id of an nft, in its own PID namespace. */
  readonly portId: number;
  /** NFTA_GEN_PROC_PID, in the initial PID namespace; 0 where the kernel does not tell (before Linux 4.9). */
  readonly process: number;
  /** NFTA_GEN_PROC_NAME: the thread's own, at most 15 characters, which it may choose. */
  readonly name: string;
}

const messageHead = 20; // struct nlmsghdr, struct nfgenmsg
const subsystem = 10; // NFNL_SUBSYS_NFTABLES
const newGeneration = 15; // NFT_MSG_NEWGEN
const generationAttributes = { process: 2, name: 3 } as const;
/** Attribute 1 is the table's name in every message but those of generations. */
const tableAttribute = 1;
/** linux/netfilter.h, NFPROTO_*. */
const families = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const;

/** Which tables are followed: those that judge IP packets, and those that see frames. */
interface Followed {
  readonly inet: { readonly families: readonly (keyof typeof families)[]; readonly tables: readonly string[] };
  readonly bridge: { readonly tables: readonly string[] };
}

/** Tables of one name in both families. */
export const tablesNamed = (name: string): Followed => ({
  inet: { families: ['inet'], tables: [name] },
  bridge: { tables: [name] },
});

/** The tables of iptables, ip6tables and ebtables where they are nf_tables'. */
export const tablesOfIptables: Followed = {
  inet: { families: ['ip', 'ip6'], tables: ['raw', 'mangle', 'filter', 'security'] },
  bridge: { tables: ['nat', 'filter'] },
};

/**
 * Follows what the kernel tells of changed rules, transaction by transaction. A load of 100,000 elements is as many
 * messages, so nothing is decoded but the length, family and table of each, and of the last one who it was.
 */
export class RuleEvents {
  /** Names of tables, by number of the family. */
  readonly #tables: ReadonlyMap<number, readonly Buffer[]>;
  #inet = false;
  #bridge = false;

  constructor(followed: Followed) {
    const names = (list: readonly string[]) => list.map((name) => Buffer.from(`${name}\0`));
    const { inet, bridge } = followed;
    this.#tables = new Map([
      ...inet.families.map((family) => [families[family], names(inet.tables)] as const),
      [families.bridge, names(bridge.tables)],
    ]);
  }

  /**
   * Reads the next datagram.
   *
   * @returns the transactions that ended in it, those of other tables too
   * @throws NetlinkError `malformed`
   */
  read(datagram: Buffer): readonly RuleChange[] {
    const changes: RuleChange[] = [];
    for (let at = 0; at < datagram.length; ) {
      const left = datagram.length - at;
      const length = left < messageHead ? 0 : datagram.readUInt32LE(at);
      if (length < messageHead || length > left)
        throw new NetlinkError('malformed', `nf_tables message of ${length} bytes where ${left} are left`);
      const type = datagram.readUInt16LE(at + 4);
      if (type === ((subsystem << 8) | newGeneration)) changes.push(this.#end(datagram.subarray(at, at + length)));
      else if (type >> 8 === subsystem) this.#note(datagram, at, at + length);
      at += aligned(length);
    }
    return changes;
  }

  /** Messages were lost: whatever is under way may have touched anything. */
  reset(): void {
    this.#inet = false;
    this.#bridge = false;
  }

  #note(datagram: Buffer, at: number, end: number): void {
    const family = datagram[at + 16];
    const tables = family === undefined ? undefined : this.#tables.get(family);
    if (tables === undefined) return;
    if (family === families.bridge) this.#bridge ||= this.#isOneOf(tables, datagram, at, end);
    else this.#inet ||= this.#isOneOf(tables, datagram, at, end);
  }

  #isOneOf(tables: readonly Buffer[], datagram: Buffer, start: number, end: number): boolean {
    for (let at = start + messageHead; at + 4 <= end; ) {
      const length = datagram.readUInt16LE(at);
      if (length < 4 || at + length > end)
        throw new NetlinkError('malformed', `netlink attribute of ${length} bytes where ${end - at} are left`);
      if (datagram.readUInt16LE(at + 2) === tableAttribute)
        return tables.some(
          (table) => length === 4 + table.length && datagram.compare(table, 0, undefined, at + 4, at + length) === 0,
        );
      at += aligned(length);
    }
    return false;
  }

  #end(message: Buffer): RuleChange {
    const attributes = decodeAttributes(message.subarray(messageHead));
    const change: RuleChange = {
      inet: this.#inet,
      bridge: this.#bridge,
      by: {
        portId: message.readUInt32LE(12),
        process: readU32be(attributes.get(generationAttributes.process)) ?? 0,
        name: readText(attributes.get(generationAttributes.name)) ?? '',
      },
    };
    this.reset();
    return change;
  }
}
