import { setOfAddresses } from '../ip/address-set.ts';
import { setKey } from '../ruleset/clause.ts';
import type { EnrolledBridge, Ruleset } from '../ruleset/ruleset.ts';
import type { HostState } from '../state/host-state.ts';
import type { RulesState } from '../state/rules-state.ts';
import { encodeAhead } from '../state/ruleset-text.ts';
import { type DaemonPorts, messageOf } from './ports.ts';
import { inSlices } from './slices.ts';
import type { Troubles } from './troubles.ts';
import { Turns } from './turns.ts';

/** What stands, and what the next start wants to know of it. */
export interface Standing {
  readonly ruleset: Ruleset;
  /** The same with the programs that stand ready for whoever may come again. */
  readonly standing: Ruleset;
  /** The engine's version. */
  readonly engine: string;
  readonly host: HostState;
}

type KeeperPorts = Pick<DaemonPorts, 'memory' | 'boot' | 'now' | 'onCalm'> & {
  readonly kernel: Pick<DaemonPorts['kernel'], 'loadable'>;
};

/** Milliseconds after the last change: writing waits so long, or so long at most; giving memory back waits longer. */
const calm = { least: 1_000, most: 5_000, quiet: 15_000 };

/** Writes down what stands, for the next start and for commands. */
export class Keeper {
  readonly #ports: KeeperPorts;
  readonly #troubles: Troubles;
  /** What is written later says what was so later. */
  readonly #writing = new Turns();
  #standing: Standing | null = null;
  /** Whether something is still to be written down. */
  #unsaved = false;
  #waiting: NodeJS.Timeout | null = null;
  #resting: NodeJS.Timeout | null = null;
  /** Of the oldest change that is not written, as performance.now() counts. */
  #since: number | null = null;
  #endpoints: Ruleset['endpoints'] = [];
  /** Whose rules were written down last: large, and seldom others. */
  #written: Ruleset | null = null;
  #rules: RulesState | null;
  /** What could not be written when it was last tried. */
  readonly #failing = new Set<string>();

  constructor(ports: KeeperPorts, troubles: Troubles, rules: RulesState | null) {
    this.#ports = ports;
    this.#troubles = troubles;
    this.#rules = rules;
  }

  /** Rules that keep everybody off until more is known; null while there are none. */
  get rules(): RulesState | null {
    return this.#rules;
  }

  /** Takes in what stands now; it is written once things are calm, where it is news. */
  keep(standing: Standing, isChange: boolean): void {
    this.#standing = standing;
    if (isChange || !isSameList(standing.ruleset.endpoints, this.#endpoints)) this.#unsaved = true;
    if (!this.#unsaved) return;
    if (this.#resting !== null) clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#ports.onCalm(), calm.quiet);
    const now = performance.now();
    this.#since ??= now;
    // what writes a lot must not come in between two containers that start one after the other
    const rest = Math.max(0, Math.min(calm.least, this.#since + calm.most - now));
    if (this.#waiting !== null) clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => void this.save(), rest);
  }

  /**
   * Writes now. Much of it is made in slices, since newcomers come meanwhile.
   *
   * @returns what could not be written
   */
  save(): Promise<readonly string[]> {
    return this.#writing.take(() => this.#save());
  }

  async #save(): Promise<readonly string[]> {
    this.#callOff();
    if (this.#standing === null) return [];
    const { ruleset, standing, engine, host } = this.#standing;
    const { memory, boot, now } = this.#ports;
    this.#unsaved = false; // unless something comes meanwhile
    const failed = await this.attempt('what stands', async () => {
      await memory.writeHost(host);
      await inSlices(encodeAhead(ruleset));
      await memory.writeApplied({ at: now(), engine, boot, ruleset });
      this.#endpoints = ruleset.endpoints;
      if (this.#written !== null && isSameWithoutSenders(this.#written, standing)) return;
      const text = (await inSlices(this.#ports.kernel.loadable(withoutSenders(standing)))).join('\n');
      const rules = { boot, text };
      await memory.writeRules(rules);
      this.#written = standing;
      this.#rules = rules;
    });
    if (failed.length > 0) this.#unsaved = true; // then with the next look, which comes
    return failed;
  }

  /** Writes what waits, and waits for nothing more. */
  async end(): Promise<void> {
    const isDue = this.#unsaved;
    this.#callOff();
    if (this.#resting !== null) clearTimeout(this.#resting);
    if (isDue) await this.save();
    await this.#writing.take(async () => {});
  }

  /**
   * A state that cannot be written is told, and is no reason to hold nothing.
   *
   * @returns what went wrong
   */
  async attempt(what: string, write: () => Promise<void>): Promise<readonly string[]> {
    try {
      await write();
      this.written(what);
      return [];
    } catch (error) {
      this.#failing.add(what);
      const message = `${what} could not be remembered: ${messageOf(error)}`;
      this.#troubles.add('state-broken', message, 'make room under the state directory');
      return [message];
    }
  }

  /** That it could be written after all. */
  written(what: string): void {
    this.#failing.delete(what);
    if (this.#failing.size === 0) this.#troubles.end('state-broken', 'the state is written again');
  }

  #callOff(): void {
    if (this.#waiting !== null) clearTimeout(this.#waiting);
    this.#waiting = null;
    this.#since = null;
  }
}

/** At the next start nobody has the place he has now: programs stand ready, and everybody is denied until known. */
function withoutSenders(ruleset: Ruleset): Ruleset {
  const groups = ruleset.groups.map((group) => ({ ...group, members: [], addresses: setOfAddresses([]) }));
  const { barred: _, unlisted: __, ...rest } = ruleset; // by their index, which means nobody then
  return { ...rest, endpoints: [], groups };
}

function isSameList<Item>(a: readonly Item[], b: readonly Item[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at]);
}

/** Whether the rules that stand while nobody is known are the same. */
function isSameWithoutSenders(a: Ruleset, b: Ruleset): boolean {
  const bridgesOf = ({ bridges, knownBridges }: Ruleset) => [...bridges.map(bridgeText), '', ...knownBridges].join();
  return (
    a.unknownBridges === b.unknownBridges &&
    a.denied === b.denied &&
    isSameList(a.programs, b.programs) &&
    bridgesOf(a) === bridgesOf(b) &&
    setKey(a.held) === setKey(b.held) &&
    setKey(a.hostAddresses) === setKey(b.hostAddresses)
  );
}

/** All that rules say of a bridge. */
function bridgeText({ name, gateways, broadcasts, unknown }: EnrolledBridge): string {
  const strangers = unknown.kind === 'drop' ? [] : [unknown.program, setKey(unknown.places)];
  return [name, setKey(gateways), setKey(broadcasts), unknown.kind, ...strangers].join(' ');
}
