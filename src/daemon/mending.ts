import type { Repair, Status } from '../control/protocol.ts';
import type { RuleChanger } from '../netlink/rule-events.ts';
import type { TableFamily } from '../nftables/model.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import { type RepairsState, withRepair } from '../state/repairs-state.ts';
import { DriftLooks } from './drift-looks.ts';
import type { Drift, Holder } from './holder.ts';
import type { Keeper } from './keeper.ts';
import { type DaemonPorts, messageOf } from './ports.ts';
import type { Seatings } from './seatings.ts';
import { Turns } from './turns.ts';
import { uptime } from './uptime.ts';

/** The parts of the daemon that mending has to do with. */
interface MendingParts {
  /** In which the kernel is changed, one after the other. */
  readonly changes: Turns;
  readonly holder: Holder;
  readonly seatings: Seatings;
  readonly keeper: Keeper;
}

/** What it asks of the daemon. */
interface MendingHooks {
  /** What was put into the kernel last; null before. */
  readonly ruleset: () => Ruleset | null;
  /** Puts in what is remembered, where nothing stood yet. */
  readonly holdFromMemory: () => Promise<void>;
  /** Looks at everything again. */
  readonly wake: () => void;
}

/** Puts back what others change of our rules, and remembers who it was. */
export class Mending {
  readonly #ports: Pick<DaemonPorts, 'kernel' | 'log' | 'memory' | 'now'>;
  readonly #parts: MendingParts;
  readonly #hooks: MendingHooks;
  /** Where the kernel does not tell of every change. */
  readonly #looks: DriftLooks | null;
  #repairs: RepairsState;
  /** What is written later has the later repair, too. */
  readonly #writing = new Turns();
  /** Changes of others since the last repair began. */
  #intrusions = 0;
  #ended = false;

  constructor(
    ports: Pick<DaemonPorts, 'kernel' | 'log' | 'memory' | 'now'>,
    parts: MendingParts,
    hooks: MendingHooks,
    repairs: RepairsState,
  ) {
    this.#ports = ports;
    this.#parts = parts;
    this.#hooks = hooks;
    this.#repairs = repairs;
    this.#looks = this.#looksBy(parts.holder.look?.bind(parts.holder));
  }

  /** The latest repairs, this boot's and those before it. */
  get repairs(): RepairsState {
    return this.#repairs;
  }

  /** How it is found out that others have changed something. */
  get drift(): Status['drift'] {
    return this.#looks === null ? { kind: 'told' } : { kind: 'looked-for', ...this.#looks.pace };
  }

  begin(): void {
    this.#looks?.begin();
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#looks?.end();
  }

  /**
   * Somebody has changed our tables, or others that may be between: then it is looked for.
   *
   * @param at as {@link uptime} counts
   */
  told(by: RuleChanger, families: readonly TableFamily[], at: number): void {
    if (this.#ended || this.#ports.kernel.isOwn(by.portId)) return;
    if (this.#looks !== null) return this.#looks.told(by);
    void this.#mend(
      by,
      families.map((family) => `${family} sluice`),
      at,
    );
  }

  /** First nothing passes, then what was changed is put back, and then it is looked at in peace. */
  async #mend(by: RuleChanger, tables: readonly string[], at: number): Promise<void> {
    const { changes, holder, keeper } = this.#parts;
    this.#shut();
    this.#intrusions++;
    if (this.#intrusions > 1) return; // the repair that waits already puts back this, too
    const isBack = await changes
      .take(() => this.#putBack())
      .catch((error) => {
        this.#ports.log('error', `the rules could not be put back: ${messageOf(error)}`);
        return false;
      });
    const took = uptime() - at; // the clock may be set meanwhile
    const repair: Repair = {
      at: Math.round(this.#ports.now() - took),
      took: Math.round(took),
      by: { process: by.process, name: by.name },
      tables,
    };
    const who = by.process === 0 ? 'somebody' : `${by.name} (process ${by.process})`;
    const what = `${who} changed ${repair.tables.join(' and ')}`;
    this.#ports.log('warning', `${what}: ${isBack ? `put back in ${repair.took} ms` : 'putting them back'}`);
    this.#repairs = withRepair(this.#repairs, repair);
    if (!isBack) holder.doubt();
    this.#hooks.wake(); // what was put beside ours is taken away, too
    const write = () => this.#ports.memory.writeRepairs(this.#repairs);
    await keeper.attempt('the repair', () => this.#writing.take(write));
  }

  #shut(): void {
    try {
      this.#parts.holder.shut();
    } catch (error) {
      this.#ports.log('warning', `until the rules are back some of them are missing: ${messageOf(error)}`);
    }
  }

  async #putBack(): Promise<boolean> {
    const { holder, seatings } = this.#parts;
    this.#intrusions = 0;
    const { heard } = seatings;
    const isBack = await holder.repair();
    if (!isBack) await this.#hooks.holdFromMemory();
    const ruleset = this.#hooks.ruleset();
    if (ruleset !== null) seatings.tell(ruleset, heard);
    return isBack;
  }

  #looksBy(look: (() => Promise<Drift | null>) | undefined): DriftLooks | null {
    if (look === undefined) return null;
    return new DriftLooks({
      look,
      found: ({ what }, by) => {
        this.#ports.log('warning', `not as it was made: ${what.slice(0, 3).join('; ')}`);
        const names = what.map((one) => one.split(/ has | is |:/, 1)[0] ?? one);
        return this.#mend(by, [...new Set(names)], uptime());
      },
      failed: (reason) => this.#ports.log('warning', `could not look for what others change: ${reason}`),
    });
  }
}
