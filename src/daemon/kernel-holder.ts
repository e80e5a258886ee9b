import type { LastLineState } from '../control/protocol.ts';
import { type BridgeSwitches, cutForbidden, handToInet } from '../enforce/enforce.ts';
import type { Conntrack } from '../host/conntrack.ts';
import { NetlinkError } from '../netlink/error.ts';
import type { Guarded } from '../netlink/last-line.ts';
import { applyTables } from '../nftables/backend.ts';
import { type Change, changeTables, withElements } from '../nftables/change.ts';
import type { SetElement } from '../nftables/endpoint-elements.ts';
import { judgedBridgesSet } from '../nftables/inet-table.ts';
import type { Table } from '../nftables/model.ts';
import { mustNft, NftError, type RunNft } from '../nftables/nft.ts';
import { renderRuleset } from '../nftables/render.ts';
import { readStanding } from '../nftables/standing.ts';
import { refillText, replaceText, standsAlone } from '../nftables/transaction.ts';
import type { Barred, Ruleset } from '../ruleset/ruleset.ts';
import { elementsChanged } from './comings.ts';
import { barring, closure, enrolment } from './guard/closing.ts';
import type { Closed, Seated } from './guard/protocol.ts';
import type { Held, Holder } from './holder.ts';

/** What the holder does to the kernel. */
export interface HolderPorts {
  readonly nft: RunNft;
  /** Takes elements out of our sets and puts others in, in one transaction. Throws a NetlinkError. */
  readonly setElements: (remove: readonly SetElement[], add: readonly SetElement[]) => void;
  /** Drops what comes from bridges until our tables are filled again. Throws a NetlinkError. */
  readonly shut: (bridges: readonly string[]) => void;
  /** What stands even where somebody flushes all rules. */
  readonly lastLine: LastLinePort;
  readonly bridges: BridgeSwitches;
  readonly conntrack: Conntrack;
}

export interface LastLinePort {
  readonly state: LastLineState;
  /** Makes it hold these bridges and no others. Its trouble is nobody else's: it says it itself. */
  hold(guarded: Guarded): void;
  /** Lets go of the bridges that are not among these. */
  narrow(guarded: Guarded): void;
}

/**
 * Keeps the kernel at a ruleset with nftables. It remembers what stands, so that a change says only what differs, and
 * counts in what the guard does meanwhile. One change at a time; the guard's come whenever they come.
 */
export class KernelHolder implements Holder {
  readonly #ports: HolderPorts;
  /** What stands; null: not known, so the next change fills everything anew. */
  #standing: readonly Table[] | null = null;
  /** What stood when that was last known; while a change is on its way, what that makes. */
  #last: readonly Table[] | null = null;
  /** How often it was doubted what stands. */
  #doubts = 0;
  #isChanging = false;
  /** What the guard changed while a transaction of ours was on its way. */
  #meanwhile: Parameters<typeof withElements>[1][] = [];
  /** Repairs so far, and those after which it was found out whether something of others stands beside ours. */
  #repairs = { made: 0, lookedAfter: 0 };
  /** Names of ports whose senders have been proven, and whose older conversations have been looked at. */
  #proven: ReadonlySet<string>;

  /** @param proven names of the ports that standing rules prove, from before our time */
  constructor(ports: HolderPorts, proven: ReadonlySet<string>) {
    this.#ports = ports;
    this.#proven = proven;
  }

  /** Whether it is known what stands. */
  get knows(): boolean {
    return this.#standing !== null;
  }

  /** Somebody else may have changed anything: the next change fills everything anew. */
  doubt(): void {
    this.#doubts++;
    this.#standing = null;
  }

  /**
   * The guard has put senders in and taken others out.
   *
   * @param others who stands beside them: what they have in common with those who leave stays
   */
  changed(leaving: readonly Seated[], coming: readonly Seated[], others: Iterable<Seated>): void {
    this.#note(elementsChanged(leaving, coming, others));
  }

  /** The guard has shut a bridge. */
  closed({ bridge, why }: Closed): void {
    this.#note({ remove: [], add: [closure(bridge, why)] });
    if (!this.#isChanging && this.#last !== null) this.#ports.lastLine.hold(guardedBy(this.#last));
  }

  /** The guard has barred a port. */
  barred({ index }: Barred): void {
    this.#note({ remove: [], add: barring(index) });
  }

  #note(change: Parameters<typeof withElements>[1]): void {
    if (this.#isChanging) this.#meanwhile.push(change);
    if (this.#standing !== null) this.#standing = withElements(this.#standing, change);
    if (this.#last !== null) this.#last = this.#standing ?? withElements(this.#last, change);
  }

  /**
   * First the bridges hand their frames to inet, then one transaction, then what lives on and is now forbidden ends.
   *
   * @throws NftError, NetlinkError, or the bridge switches' error; what stands is then doubted
   */
  async hold(ruleset: Ruleset, standing: Ruleset, now: number): Promise<Held> {
    const tables = renderRuleset(standing);
    const switched = await handToInet(ruleset, this.#ports.bridges);
    const change = await this.#change(tables);
    const proven = new Set(ruleset.endpoints.map(({ port }) => port.name));
    const isQuiet = change === 'nothing' && [...proven].every((name) => this.#proven.has(name));
    const cut = isQuiet ? [] : cutForbidden(ruleset, this.#ports.conntrack, this.#proven, now);
    this.#proven = proven;
    return { change, cut, switched };
  }

  async #change(tables: readonly Table[]): Promise<Held['change']> {
    const before = this.#standing;
    const change = before === null ? 'all' : changeTables(before, tables);
    if (change === null) {
      this.#standing = tables; // the same in meaning, and with the objects that the next comparison is short with
      this.#ports.lastLine.hold(guardedBy(tables)); // what was in its way may be gone
      return 'nothing';
    }
    try {
      if (change !== 'all') return await this.#changeBy(change, tables);
    } catch (error) {
      // what the guard did meanwhile may cross a change; filling everything anew depends on nothing
      if (!(error instanceof NftError || error instanceof NetlinkError)) throw error;
    }
    await this.#during(tables, () => applyTables(tables, this.#ports.nft));
    this.#repairs = { ...this.#repairs, lookedAfter: this.#repairs.made };
    return 'all';
  }

  async #changeBy(change: Change, tables: readonly Table[]): Promise<'elements' | 'rules'> {
    if (change.kind === 'elements') {
      await this.#during(tables, async () => this.#ports.setElements(change.remove, change.add));
      return 'elements';
    }
    await this.#during(tables, async () => {
      if (change.before !== '') await mustNft(this.#ports.nft, ['-f', '-'], change.before);
      await mustNft(this.#ports.nft, ['-f', '-'], change.text);
    });
    return 'rules';
  }

  /**
   * Runs a change that leaves `tables` standing, beside what the guard does while it runs. What the guard does may be
   * undone by a filling of everything; it hears by the next plan that it was not reckoned with, and does it again.
   */
  async #during(tables: readonly Table[], work: () => Promise<void>): Promise<void> {
    const before = this.#standing ?? this.#last;
    const doubts = this.#doubts;
    this.#meanwhile = [];
    this.#isChanging = true;
    this.#standing = null;
    this.#last = tables;
    const { lastLine } = this.#ports;
    lastLine.narrow(guardedBy(tables)); // what is no longer enrolled is never proven again
    try {
      await work();
      this.#last = this.#meanwhile.reduce(withElements, tables);
      this.#standing = doubts === this.#doubts ? this.#last : null; // a doubt that came meanwhile stays
      lastLine.hold(guardedBy(this.#last));
    } catch (error) {
      // what was refused is not what a repair puts back: its policy is not in force
      this.#last = before === null ? null : this.#meanwhile.reduce(withElements, before);
      if (this.#last !== null) lastLine.hold(guardedBy(this.#last));
      throw error;
    } finally {
      this.#isChanging = false;
      this.#meanwhile = [];
    }
  }

  /**
   * Lets nothing from an enrolled bridge pass until {@link repair}, or whatever else fills everything, has been. It waits
   * for nothing, not even for a change that is under way: filling takes nft a while, and this a millisecond.
   *
   * @returns false when nothing ever stood
   * @throws NetlinkError
   */
  shut(): boolean {
    const standing = this.#standing ?? this.#last;
    if (standing === null) return false;
    this.#ports.shut(namesIn(standing, bridgesSet));
    return true;
  }

  /**
   * Puts everything back as it stood, at once: one call of nft that needs to read nothing first.
   *
   * @returns false when nothing ever stood
   * @throws NftError
   */
  async repair(): Promise<boolean> {
    const standing = this.#standing ?? this.#last;
    if (standing === null) return false;
    await this.#during(standing, async () => {
      const answer = await this.#ports.nft(['-f', '-'], refillText(standing));
      // somebody may have put a chain or set of another type in the place of ours
      if (answer.code !== 0) await mustNft(this.#ports.nft, ['-f', '-'], replaceText(standing));
    });
    this.#repairs = { ...this.#repairs, made: this.#repairs.made + 1 };
    return true;
  }

  /**
   * After a repair: whether somebody has put something beside ours, which the next change then takes away with everything
   * else. It only reads, so it needs no turn, and no repair waits for it.
   */
  async lookForOthers(): Promise<void> {
    const { made, lookedAfter } = this.#repairs;
    const standing = this.#standing;
    if (made === lookedAfter || standing === null) return;
    const isAlone = await this.#standAlone(standing);
    if (made !== this.#repairs.made) return; // a look is due after that one
    this.#repairs = { made, lookedAfter: made };
    if (!isAlone) this.doubt();
  }

  /** The guard has done what it tells of. */
  async atRest(): Promise<void> {}

  async #standAlone(tables: readonly Table[]): Promise<boolean> {
    try {
      const alone = tables.map(async (table) => {
        const standing = await readStanding(this.#ports.nft, table.family, table.name);
        return standing !== null && standsAlone(table, standing);
      });
      return (await Promise.all(alone)).every(Boolean);
    } catch (error) {
      if (error instanceof NftError) return false; // filling everything anew depends on nothing
      throw error;
    }
  }
}

/** The set of enrolled bridges, see {@link enrolment}. */
const bridgesSet = enrolment('').set;

function namesIn(tables: readonly Table[], name: string): readonly string[] {
  const found = tables.flatMap(({ sets }) => sets.filter((set) => set.name === name));
  return found.flatMap(({ elements }) =>
    elements.flatMap(({ key: [part] }) => (part !== undefined && 'name' in part ? [part.name] : [])),
  );
}

/** The bridges that tables demand a proof of. */
function guardedBy(tables: readonly Table[]): Guarded {
  const enrolled = namesIn(tables, bridgesSet);
  const judged = namesIn(tables, judgedBridgesSet);
  return { enrolled, strict: enrolled.filter((name) => !judged.includes(name)) };
}
