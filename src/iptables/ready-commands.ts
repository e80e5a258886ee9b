import type { StartedCommand } from '../host/command.ts';
import type { RunCommand, StartCommand } from './command.ts';

/**
 * Runs commands, and keeps of some a process ready that has been started and waits for its input. Starting ipset or
 * ebtables takes several times as long as what they do for one container, which sends its first packet some milliseconds
 * after its port is there. A restore command looks at the kernel when it reads its input, so one that has waited knows no
 * less than a new one; where its input ends with nothing read, it changes nothing, so it ends with us.
 */
export class ReadyCommands implements Disposable {
  readonly #start: StartCommand;
  readonly #kept = new Map<string, StartedCommand | null>();
  #closed = false;

  constructor(start: StartCommand) {
    this.#start = start;
  }

  /** From now on one of it is ready. */
  keep(program: string, args: readonly string[]): void {
    this.#renew(keyOf(program, args), program, args);
  }

  readonly run: RunCommand = async (program, args, input = '') => {
    const key = keyOf(program, args);
    const ready = this.#kept.get(key);
    if (ready === undefined) return this.#start(program, args).answer(input);
    this.#kept.set(key, null);
    // somebody may have ended the one that waited
    const command = ready === null || ready.ended ? this.#start(program, args) : ready;
    try {
      return await command.answer(input);
    } finally {
      // whoever waits for the answer goes on first
      setImmediate(() => this.#renew(key, program, args));
    }
  };

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const ready of this.#kept.values()) void ready?.answer('').catch(() => {});
    this.#kept.clear();
  }

  #renew(key: string, program: string, args: readonly string[]): void {
    if (this.#closed || (this.#kept.get(key) ?? null) !== null) return;
    try {
      this.#kept.set(key, this.#start(program, args));
    } catch {
      // no memory for one more process: whoever needs it starts it, and is told
    }
  }
}

const keyOf = (program: string, args: readonly string[]): string => [program, ...args].join(' ');
