import { type BridgeSwitches, cutForbidden, handToInet } from '../enforce/enforce.ts';
import type { Conntrack } from '../host/conntrack.ts';
import { applyState, destroyUnused, runSteps, type XtablesOptions } from '../iptables/backend.ts';
import { changeState, prepareChange, type StateChange, type Stood } from '../iptables/change.ts';
import { compared } from '../iptables/compare.ts';
import { digestsOfState } from '../iptables/digests.ts';
import { bridgeBetween, type Comings, noComings, withComings } from '../iptables/edit.ts';
import { NotHeldError } from '../iptables/errors.ts';
import type { HostFacts } from '../iptables/inet.ts';
import type { XState } from '../iptables/model.ts';
import { generationOf, Names } from '../iptables/names.ts';
import { namesIn, type Rendered, renderWhole } from '../iptables/render.ts';
import { readText } from '../iptables/standing.ts';
import type { Tools } from '../iptables/tools.ts';
import { touchedBetween, withoutTouched } from '../iptables/touched.ts';
import type { Barred, Ruleset } from '../ruleset/ruleset.ts';
import { isInterfaceName } from '../world/names.ts';
import { elementsChanged } from './comings.ts';
import type { Closed, Seated } from './guard/protocol.ts';
import type { Drift, Held, Holder } from './holder.ts';
import { type Seen, seeStanding } from './seen.ts';
import { finished, inSlices } from './slices.ts';
import { Turns } from './turns.ts';

/** What the holder does to the kernel. */
export interface XtablesPorts {
  readonly xtables: XtablesOptions;
  /** For what only looks, and may take its time. */
  readonly looking: XtablesOptions['run'];
  /** The same in a thread of its own, where there is much to read. */
  readonly lookApart: (tools: Tools) => Promise<Seen>;
  readonly facts: () => HostFacts;
  readonly bridges: BridgeSwitches;
  readonly conntrack: Conntrack;
}

/** What stands, and what it was rendered with. */
interface Standing {
  readonly rendered: Rendered;
  readonly stood: Stood;
}

/**
 * Keeps the kernel at a ruleset with iptables, ipset and ebtables. The guard finds out who comes and goes; here that is
 * done, in the order in which it was told, as much of it at once as has come together meanwhile. Those who come are denied
 * until then.
 */
export class XtablesHolder implements Holder {
  readonly #ports: XtablesPorts;
  /** Called when somebody who came or went could not be seen to: everything is to be made anew. */
  readonly #failed: (reason: string) => void;
  readonly #names = new Names();
  readonly #writing = new Turns();
  /** null: not known, so the next change makes everything anew. */
  #standing: Standing | null = null;
  /** What stood when that was last known; while a change is on its way, what that makes. */
  #last: Rendered | null = null;
  #doubts = 0;
  /** Who has come and gone, and is not seen to. */
  #waiting: readonly Comings[] = [];
  /** Who has come and gone since the ruleset was made that is on its way. */
  #since: readonly Comings[] = [];
  #stale: ReadonlySet<string> = new Set();
  /** What was found to be as it should, and after how many changes. */
  #seen: { readonly changes: number; readonly digest: string } | null = null;
  #changes = 0;
  /** While a look reads: the names of what has been changed since it began. */
  #touched: Set<string> | null = null;
  #proven: ReadonlySet<string>;
  /** What was rendered last, and of what. */
  #made: { readonly of: Ruleset; readonly facts: string; readonly rendered: Rendered } | null = null;

  constructor(ports: XtablesPorts, proven: ReadonlySet<string>, failed: (reason: string) => void) {
    this.#ports = ports;
    this.#proven = proven;
    this.#failed = failed;
  }

  get knows(): boolean {
    return this.#standing !== null;
  }

  doubt(): void {
    this.#doubts++;
    this.#standing = null;
  }

  changed(leaving: readonly Seated[], coming: readonly Seated[], others: Iterable<Seated>): void {
    const back = new Set(coming.map(({ place }) => place.port.name));
    this.#note({
      ...noComings,
      ...elementsChanged(leaving, coming, others),
      leaving: leaving.map(({ place }) => place.port.name).filter((port) => !back.has(port)),
      coming: coming.map(({ place, rules }) => ({
        port: place.port.name,
        mac: place.mac,
        addresses: place.addresses,
        strict: rules.strict,
      })),
    });
  }

  closed({ bridge: { name } }: Closed): void {
    if (!isInterfaceName(name)) return; // by its number then, which takes a rule: with the next ruleset
    this.#note({ ...noComings, enrolled: [name] });
  }

  barred({ name }: Barred): void {
    this.#note({ ...noComings, barred: [name] });
  }

  #note(comings: Comings): void {
    this.#since = [...this.#since, comings];
    this.#waiting = [...this.#waiting, comings];
    void this.#writing.take(() => this.#seeToThem());
  }

  /** Everybody who waits, in one change. */
  async #seeToThem(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    // with nothing known the next ruleset, which reckons with them, is about to be held
    if (this.#standing === null) return this.#reckonWith(waiting);
    if (waiting.length === 0) return;
    try {
      const after = withAll(this.#standing.rendered, waiting);
      if (after === null) throw new NotHeldError('more than elements changes');
      if ((await this.#change(this.#standing, after)) === null) throw new NotHeldError('more than elements changes');
    } catch (error) {
      this.#reckonWith(waiting);
      this.doubt();
      this.#failed(error instanceof Error ? error.message : String(error));
    }
  }

  /** A repair before the next ruleset puts back those who have come, and not those who have gone. */
  #reckonWith(comings: readonly Comings[]): void {
    if (this.#last !== null) this.#last = comings.reduce(withOneMore, this.#last);
  }

  async hold(ruleset: Ruleset, standing: Ruleset, now: number): Promise<Held> {
    const rendered = this.#render(standing);
    this.#since = [];
    const switched = await handToInet(ruleset, this.#ports.bridges);
    const change = await this.#writing.take(() => this.#holdTo(rendered));
    if (this.#last !== null) this.#names.forgetBeside(namesIn(this.#last.state));
    const proven = new Set(ruleset.endpoints.map(({ port }) => port.name));
    const isQuiet = change === 'nothing' && [...proven].every((name) => this.#proven.has(name));
    const cut = isQuiet ? [] : cutForbidden(ruleset, this.#ports.conntrack, this.#proven, now);
    this.#proven = proven;
    // nobody waits for it, and a change that comes meanwhile works out what it needs
    if (change === 'all') void finished(prepareChange(rendered.state)).catch(() => {});
    return { change, cut, switched };
  }

  #render(of: Ruleset): Rendered {
    const known = this.#ports.facts();
    const facts = JSON.stringify([known.plainInterfaces, known.security]);
    if (this.#made?.of === of && this.#made.facts === facts) return this.#made.rendered;
    const rendered = renderWhole(of, known, this.#names, this.#last ?? undefined);
    this.#made = { of, facts, rendered };
    return rendered;
  }

  async #holdTo(rendered: Rendered): Promise<Held['change']> {
    // those who came after the ruleset was made are not taken out again
    const after = this.#since.reduce(withOneMore, rendered);
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#standing !== null) {
      try {
        const change = await this.#change(this.#standing, after);
        if (change !== null) return change.steps.length === 0 ? 'nothing' : change.isOfRules ? 'rules' : 'elements';
      } catch {
        // making everything anew depends on nothing
      }
    }
    try {
      await this.#all(after);
    } catch (error) {
      this.#reckonWith(waiting);
      throw error;
    }
    return 'all';
  }

  /** null: not to be said as a change. */
  async #change(before: Standing, after: Rendered): Promise<StateChange | null> {
    const used = [...this.#stale].flatMap((name) => generationOf(name)?.generation ?? []);
    const change = changeState(before.stood, after.state, bridgeBetween(before.rendered, after), used);
    if (change === null) return null;
    if (change.steps.length === 0) {
      this.#standing = { rendered: after, stood: change.stood };
      this.#last = after;
      return change;
    }
    await this.#during(after, async () => {
      await runSteps(change.steps, this.#ports.xtables);
      return change.stood;
    });
    if (change.stale.length > 0) this.#stale = new Set([...this.#stale, ...change.stale]);
    return change;
  }

  /** @param before null: not known */
  #touch(before: Standing | null, after: Rendered): void {
    if (this.#touched === null) return; // no look is under way, and newcomers wait for us
    const names = before === null ? [everything] : touchedBetween(before.rendered.state, after.state);
    for (const name of names) this.#touched.add(name);
  }

  async #all(after: Rendered): Promise<void> {
    this.#touched?.add(everything);
    await this.#during(after, async () => {
      const generation = await applyState(after.state, this.#ports.xtables);
      this.#stale = new Set();
      return { state: after.state, generations: new Map(after.state.sets.map(({ name }) => [name, generation])) };
    });
  }

  /** Does something that leaves this standing. */
  async #during(after: Rendered, work: () => Promise<Stood>): Promise<void> {
    const before = this.#standing?.rendered ?? this.#last;
    this.#touch(this.#standing, after);
    const doubts = this.#doubts;
    this.#standing = null;
    this.#last = after;
    this.#changes++;
    try {
      const stood = await work();
      if (doubts === this.#doubts) this.#standing = { rendered: after, stood }; // a doubt that came meanwhile stays
    } catch (error) {
      this.#last = before; // what was refused is not what a repair puts back: its policy is not in force
      throw error;
    } finally {
      this.#changes++;
    }
  }

  /** Making everything anew is no slower than shutting bridges first. */
  shut(): boolean {
    return false;
  }

  async repair(): Promise<boolean> {
    return this.#writing.take(async () => {
      if (this.#last === null) return false;
      await this.#all(this.#waiting.reduce(withOneMore, this.#last));
      this.#waiting = [];
      return true;
    });
  }

  async look(): Promise<Drift | null> {
    const standing = this.#standing;
    if (standing === null) return null;
    const { state } = standing.stood;
    const changes = this.#changes;
    const touched = new Set<string>();
    this.#touched = touched;
    try {
      const seen = await this.#see(state);
      if (touched.has(everything)) return null;
      // containers may come and go all the time: of what was read while we changed it the rest counts
      const isQuiet = changes === this.#changes;
      const whole = isQuiet ? await seen.whole() : '';
      if (isQuiet && this.#seen?.changes === changes && this.#seen.digest === whole) return null;
      const there = await seen.parts();
      const wanted = await finished(digestsOfState(state));
      if ([...wanted].some(([name, digest]) => !touched.has(name) && there.get(name) !== digest))
        return await this.#differing(state, touched);
      if (isQuiet && changes === this.#changes) {
        this.#seen = { changes, digest: whole };
        await this.#letGo();
      }
      return null;
    } finally {
      this.#touched = null;
    }
  }

  /** A thousand workloads have some 100,000 lines, and to read them makes garbage, whose collection newcomers would wait for. */
  async #see(state: XState): Promise<Seen> {
    const { looking: run, xtables, lookApart } = this.#ports;
    return isLarge(state) ? await lookApart(xtables.tools) : await seeStanding({ run, tools: xtables.tools });
  }

  /** Something is not as it was made: what, in words. null: it is again, or we have changed it meanwhile. */
  async #differing(state: XState, touched: ReadonlySet<string>): Promise<Drift | null> {
    const { looking: run, xtables } = this.#ports;
    const there = await finished((await readText({ run, tools: xtables.tools })).standing());
    if (touched.has(everything)) return null;
    const what = (await inSlices(compared(withoutTouched(state, touched), there, false))).flat();
    return what.length === 0 ? null : { what };
  }

  /** Sets that rules have turned away from; nf_tables lets go of them some time later. */
  async #letGo(): Promise<void> {
    if (this.#stale.size === 0) return;
    const asked = this.#stale;
    const left = await destroyUnused(asked, this.#ports.xtables.run);
    this.#stale = this.#stale.difference(asked).union(left); // others may have been let go meanwhile
  }

  /** What stands beside ours is in chains that nothing leads to; sets are looked at whole. */
  async lookForOthers(): Promise<void> {}

  atRest(): Promise<void> {
    return this.#writing.take(async () => {});
  }
}

/** No set's name, and no chain's: all of them were made anew. */
const everything = '*';

/** Rules and elements from which on a look is made in a thread of its own, which takes some 50 ms to start. */
const many = 20_000;

function isLarge({ sets, tables, bridge }: XState): boolean {
  const chains: readonly { readonly rules: readonly unknown[] }[] = [...tables[4], ...tables[6], ...bridge].flatMap(
    (table): readonly { readonly rules: readonly unknown[] }[] => table.chains,
  );
  const sizes = [...chains.map(({ rules }) => rules.length), ...sets.map(({ elements }) => elements.length)];
  return sizes.reduce((all, size) => all + size, 0) >= many;
}

/** Who has no place in another ruleset waits for the next one. */
function withOneMore(rendered: Rendered, comings: Comings): Rendered {
  try {
    return withComings(rendered, comings) ?? rendered;
  } catch (error) {
    if (error instanceof NotHeldError) return rendered;
    throw error;
  }
}

function withAll(rendered: Rendered, comings: readonly Comings[]): Rendered | null {
  let after: Rendered | null = rendered;
  for (const one of comings) {
    if (after === null) return null;
    after = withComings(after, one);
  }
  return after;
}
