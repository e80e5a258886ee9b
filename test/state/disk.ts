import { dirname } from 'node:path';
import type { StateFiles } from '../../src/state/files.ts';
import { type Disk, replaceFile } from '../../src/state/replace.ts';

/** The machine went down at this step. */
export class Crash extends Error {}

export interface Fault {
  /** Which step from now on goes wrong, from 0. */
  readonly step: number;
  readonly kind: 'ENOSPC' | 'EIO' | 'crash';
  /** How much of a text that is being written reaches the disk: 0 to 1. */
  readonly torn: number;
  /** How many of the renames that were not synced yet reach the disk, when the machine goes down: 0 to 1. */
  readonly kept: number;
}

/**
 * A disk with a cache before it: names that were not synced may be lost in a crash, the latest first; a text that was
 * being written when something went wrong is there in part.
 */
export class FakeDisk implements Disk, StateFiles {
  #names = new Map<string, string>();
  /** The names as they were after each rename since the last sync, the synced ones first. */
  #unsynced: Map<string, string>[] = [new Map()];
  #fault: Fault | null = null;
  #steps = 0;
  #written = 0;

  /** Steps since {@link failAt}. */
  get steps(): number {
    return this.#steps;
  }

  failAt(fault: Fault | null): void {
    this.#fault = fault;
    this.#steps = 0;
  }

  /** The machine comes up again. */
  reboot(kept: number): void {
    const last = this.#unsynced.at(Math.floor(kept * (this.#unsynced.length - 1) + 0.5)) ?? new Map<string, string>();
    this.#names = new Map(last);
    this.#unsynced = [new Map(last)];
    this.failAt(null);
  }

  textOf(path: string): string | undefined {
    return this.#names.get(path);
  }
  put(path: string, text: string): void {
    this.#names.set(path, text);
    this.#keep();
  }
  get paths(): readonly string[] {
    return [...this.#names.keys()];
  }

  async makeDirectory(): Promise<void> {
    this.#step();
  }

  async writeThrough(path: string, text: string): Promise<void> {
    try {
      this.#step();
    } catch (error) {
      this.#names.set(path, text.slice(0, Math.floor(text.length * (this.#fault?.torn ?? 0))));
      this.#keep();
      throw error;
    }
    this.#names.set(path, text);
    this.#keep();
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step();
    const text = this.#names.get(from);
    if (text === undefined) throw systemError('ENOENT', 'rename');
    this.#names.delete(from);
    this.#names.set(to, text);
    this.#keep();
  }

  async syncDirectory(): Promise<void> {
    this.#step();
    this.#unsynced = [new Map(this.#names)];
  }

  async remove(path: string): Promise<boolean & void> {
    const had = this.#names.delete(path);
    this.#keep();
    return had as boolean & void;
  }

  async read(path: string): Promise<{ readonly text: string }> {
    const text = this.#names.get(path);
    if (text === undefined) throw systemError('ENOENT', 'open');
    return { text };
  }

  async list(path: string): Promise<readonly string[] | null> {
    return [...this.#names.keys()].filter((file) => dirname(file) === path).map((file) => file.slice(path.length + 1));
  }

  async replace(path: string, text: string): Promise<void> {
    this.#written += 1;
    await replaceFile(this, path, text, String(this.#written));
  }

  #keep(): void {
    this.#unsynced.push(new Map(this.#names));
  }

  #step(): void {
    const fault = this.#fault;
    const step = this.#steps++;
    if (fault === null || step < fault.step) return;
    if (fault.kind === 'crash') throw new Crash();
    if (step === fault.step) throw systemError(fault.kind, 'write');
  }
}

function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: ${syscall}`), { code, syscall });
}
