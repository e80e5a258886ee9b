/** The Docker host as a machine: its programs and files, before any engine runs on it. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Cell, Place } from './cell.ts';
import { Daemon, type DaemonOptions } from './daemon.ts';
import type { Finished, RunOptions } from './exec.ts';
import { hostAddress } from './world.ts';

export const checkout = join(import.meta.dirname, '..');

export class Machine {
  readonly cell: Cell;
  readonly v4: string = hostAddress.v4;
  readonly v6: string = hostAddress.v6;

  constructor(cell: Cell) {
    this.cell = cell;
  }

  /** Runs a command on the host to its end; never throws for a bad exit. */
  run(command: readonly string[], options: RunOptions & Place = {}): Promise<Finished> {
    return this.cell.run(command, options);
  }

  /** Runs a command on the host; throws when it ends badly. Returns its standard output. */
  must(command: readonly string[], options: RunOptions & Place = {}): Promise<string> {
    return this.cell.must(command, options);
  }

  /** Starts a command on the host. */
  spawn(command: readonly string[], options: { env?: Record<string, string> } = {}): ChildProcessWithoutNullStreams {
    return this.cell.spawn(command, options);
  }

  /** Writes a file on the host, with the folders on its way. */
  write(path: string, text: string | Uint8Array, mode = 0o644): void {
    this.cell.write(path, text, mode);
  }

  read(path: string): string {
    return this.cell.read(path);
  }

  /** Sets kernel keys of the host's network. */
  sysctl(values: Record<string, string | number>): Promise<void> {
    return this.cell.sysctl(values);
  }

  /** Sets whether frames between neighbours on one bridge pass the host's IP hooks. An engine start turns it on. */
  async setBrNetfilter(on: boolean): Promise<void> {
    const value = on ? 1 : 0;
    const bridge = 'net.bridge.bridge-nf-call-';
    await this.sysctl({ [`${bridge}iptables`]: value, [`${bridge}ip6tables`]: value, [`${bridge}arptables`]: value });
  }

  /** Loads rules with the host's own nft; throws with nft's words. Returns its output. */
  nft(text: string): Promise<string> {
    return this.must(['nft', '-f', '-'], { input: text });
  }

  /** Shows a file or folder of the machine on the host, read-only unless told. */
  bind(machinePath: string, inside: string, mode: 'ro' | 'rw' = 'ro'): Promise<void> {
    return this.cell.bind(machinePath, inside, mode);
  }

  #bound: Promise<void> | undefined;
  /** Runs the checkout's `dist/sluice` on the host, as /opt/sluice/dist/sluice. Build first. */
  async sluice(...args: string[]): Promise<Finished> {
    return this.run(await this.sluiceCommand(...args));
  }

  /** The command `sluice` runs, for spawn and for options; sees to it that the checkout is visible on the host. */
  async sluiceCommand(...args: string[]): Promise<string[]> {
    this.#bound ??= this.#bindSluice();
    await this.#bound;
    return ['/opt/sluice/dist/sluice', ...args];
  }

  async #bindSluice(): Promise<void> {
    if (!existsSync(join(checkout, 'dist/sluice'))) throw new Error('dist/sluice is not built: npm run build');
    await this.bind(join(checkout, 'dist'), '/opt/sluice/dist');
    await this.bind(join(checkout, 'node_modules'), '/opt/sluice/node_modules');
  }

  /** Starts `sluice run` on the host and waits until it says what it does. */
  async daemon(options: DaemonOptions = {}): Promise<Daemon> {
    return Daemon.start(this.cell, await this.sluiceCommand('run', ...(options.args ?? [])), options);
  }
}
