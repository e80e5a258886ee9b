import { join } from 'node:path';
import { type AppliedState, appliedPart } from './applied-state.ts';
import type { StateFiles } from './files.ts';
import { firstOf, type HostState, hostPart, noHost } from './host-state.ts';
import { type Part, type Reading, readPart, StateError, setAside, writePart } from './part.ts';
import { noPolicy, type PolicyState, policyPart } from './policy-state.ts';
import { type RepairsState, repairsPart } from './repairs-state.ts';
import { temporaryPrefix } from './replace.ts';
import { currentRules, previousRules, type RulesState } from './rules-state.ts';

/** What the state directory said when it was opened; what could not be believed counts as not there. */
export interface Remembered {
  readonly policy: PolicyState;
  readonly applied: AppliedState | null;
  readonly host: HostState;
  readonly rules: RulesState | null;
  readonly rulesBefore: RulesState | null;
  readonly repairs: RepairsState;
  /** For the operator: what was set aside, and why. */
  readonly notices: readonly string[];
}

/**
 * The state directory. Each file is replaced whole and checked when it is read, so that no crash and no full disk leaves
 * anything between old and new. Every write throws StateError: then the old value stands, unless the message says that the
 * new one does.
 */
export class Store {
  readonly directory: string;
  readonly #files: StateFiles;

  constructor(directory: string, files: StateFiles) {
    this.directory = directory;
    this.#files = files;
  }

  /** Policies in force and before, and whether the change goes back: by far the most important, and small. */
  readPolicy(): Promise<Reading<PolicyState>> {
    return this.#read(policyPart);
  }
  writePolicy(value: PolicyState): Promise<void> {
    return this.#write(policyPart, value);
  }

  /** Large: as many rules as there are. */
  readApplied(): Promise<Reading<AppliedState>> {
    return this.#read(appliedPart);
  }
  writeApplied(value: AppliedState): Promise<void> {
    return this.#write(appliedPart, value);
  }

  readHost(): Promise<Reading<HostState>> {
    return this.#read(hostPart);
  }
  writeHost(value: HostState): Promise<void> {
    return this.#write(hostPart, value);
  }

  /** Large. */
  readRules(): Promise<Reading<RulesState>> {
    return this.#read(currentRules);
  }
  writeRules(value: RulesState): Promise<void> {
    return this.#write(currentRules, value);
  }

  readRulesBefore(): Promise<Reading<RulesState>> {
    return this.#read(previousRules);
  }
  writeRulesBefore(value: RulesState): Promise<void> {
    return this.#write(previousRules, value);
  }

  /** Those of another change would be the wrong ones to go back to. */
  async forgetRulesBefore(): Promise<void> {
    await this.#files.remove(join(this.directory, previousRules.name));
  }

  writeRepairs(value: RepairsState): Promise<void> {
    return this.#write(repairsPart, value);
  }

  /**
   * Reads everything, brings what an older version wrote into today's form, and sets aside what cannot be believed. Only
   * for one who may change the state: nobody else should be writing at the same time.
   *
   * @param now milliseconds since the epoch
   */
  async open(now: number): Promise<Remembered> {
    const notices: string[] = [];
    const take = async <T>(part: Part<T>, absent: T): Promise<T> => {
      const reading = await this.#read(part);
      const notice = await setAside(this.directory, part, reading, this.#files, now);
      if (notice !== null) notices.push(notice);
      return reading.kind === 'good' ? reading.value : absent;
    };
    await this.#sweep();
    const policy = await take(policyPart, noPolicy);
    const applied = await take<AppliedState | null>(appliedPart as Part<AppliedState | null>, null);
    const host = await take(hostPart, noHost);
    const rules = await take<RulesState | null>(currentRules as Part<RulesState | null>, null);
    const rulesBefore = await take<RulesState | null>(previousRules as Part<RulesState | null>, null);
    const repairs = await take(repairsPart, []);
    const old = applied?.switched;
    if (applied === null || old === undefined) return { policy, applied, host, rules, rulesBefore, repairs, notices };
    const both = { ...host, switched: firstOf(old, host.switched) };
    try {
      // first, since without it `down` could not set the bridges back
      await this.writeHost(both);
      await this.writeApplied(applied);
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      notices.push(error.message);
    }
    return { policy, applied, host: both, rules, rulesBefore, repairs, notices };
  }

  /** Forgets the rules and keeps the policies: what stands is no longer what they say. */
  async forgetRules(): Promise<void> {
    for (const { name } of [appliedPart, currentRules, previousRules])
      await this.#files.remove(join(this.directory, name));
  }

  /** Forgets everything but what was set aside; whether there was anything. */
  async forget(): Promise<boolean> {
    let had = false;
    for (const { name } of allParts) had = (await this.#files.remove(join(this.directory, name))) || had;
    return had;
  }

  /** Takes away what a crash left half written. */
  async #sweep(): Promise<void> {
    for (const name of (await this.#files.list(this.directory)) ?? [])
      if (name.startsWith(temporaryPrefix)) await this.#files.remove(join(this.directory, name)).catch(() => false);
  }

  #read<T>(part: Part<T>): Promise<Reading<T>> {
    return readPart(this.directory, part, this.#files);
  }

  #write<T>(part: Part<T>, value: T): Promise<void> {
    return writePart(this.directory, part, value, this.#files);
  }
}

const allParts = [policyPart, appliedPart, hostPart, currentRules, previousRules, repairsPart];
