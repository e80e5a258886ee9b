import type { ApplyAnswer, ApplyRequest, ControlHandlers } from '../control/protocol.ts';
import { EngineError } from '../docker/engine-error.ts';
import type { BackendChoice, BackendName } from '../enforce/backend.ts';
import type { Choice } from '../enforce/choose-backend.ts';
import type { Daemon, Handed } from './daemon.ts';
import { Gate } from './gate.ts';
import type { OpenKernel } from './open-kernel.ts';
import { type Log, messageOf } from './ports.ts';

export interface SuccessionPorts {
  /** What the process was started with: its next start takes that again. */
  readonly started: BackendChoice | null;
  /** @throws the errors of the backend's commands when it is not on this host; nothing has changed then */
  readonly choose: (asked: BackendChoice) => Promise<Choice>;
  /** Opens what holding takes, and changes no rules. @throws the same */
  readonly open: (choice: Choice) => Promise<OpenKernel>;
  /** @param handed what the one before has left; null for the first of the process */
  readonly start: (kernel: OpenKernel, handed: Handed | null) => Promise<Daemon>;
  /** One has ended, and no other could be started in its place. */
  readonly failed: (error: unknown) => void;
  readonly log: Log;
}

/** A daemon that runs, and by what. */
interface Running {
  readonly daemon: Daemon;
  readonly backend: BackendName;
  /** Ends it where it runs yet; the kernel stays as it is. */
  readonly end: () => Promise<Handed>;
}

/**
 * The daemons of one process, one after the other: each holds by one backend to its end, and one that comes after another takes
 * over from it as one that is started does (taking-over.ts). Policy, state and control socket stay.
 */
export class Succession implements Omit<ControlHandlers, 'stop'> {
  readonly #ports: SuccessionPorts;
  /** Where questions come in together, and a change of the backend alone: what was asked before is answered first. */
  readonly #gate = new Gate();
  readonly #first = Promise.withResolvers<Running>();
  #running = this.#first.promise;
  #isEnding = false;

  constructor(ports: SuccessionPorts) {
    this.#ports = ports;
    this.#running.catch(() => {}); // whoever asks meanwhile is told; and so is our caller
  }

  /** Starts the first. @throws what choosing its backend and starting it throw */
  async begin(choose: () => Promise<Choice>): Promise<BackendName> {
    try {
      const running = await this.#start(await this.#ports.open(await choose()), null);
      this.#first.resolve(running);
      return running.backend;
    } catch (error) {
      this.#first.reject(error);
      throw error;
    }
  }

  /** Ends, when a change of the backend that is under way is over; the kernel stays as it is. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#gate.open();
    await (await this.#running).end();
  }

  /** While one takes over from another, this is what the later one says, as at any start. */
  status: ControlHandlers['status'] = async () => (await this.#running).daemon.status();
  rollback: ControlHandlers['rollback'] = (request) => this.#ask((daemon) => daemon.rollback(request));
  confirm: ControlHandlers['confirm'] = () => this.#ask((daemon) => daemon.confirm());
  reload = (): Promise<void> => this.#ask((daemon) => daemon.reload());

  apply: ControlHandlers['apply'] = (request) => {
    const { backend } = request;
    if (backend === undefined) return this.#ask((daemon) => daemon.apply(request));
    return this.#gate.alone(() => this.#applyBy(backend, request));
  };

  #ask<T>(question: (daemon: Daemon) => Promise<T>): Promise<T> {
    return this.#gate.together(async () => question((await this.#running).daemon));
  }

  /** Nothing ends before it is known that another backend can be had, and what runs. */
  async #applyBy(asked: BackendChoice, request: ApplyRequest): Promise<ApplyAnswer> {
    const before = await this.#running;
    if (this.#isEnding) return refusal('ending', 'the daemon ends');
    let kernel: OpenKernel | null = null;
    try {
      const choice = await this.#ports.choose(asked);
      if (choice.backend.name !== before.backend) {
        await before.daemon.look();
        kernel = await this.#ports.open(choice);
      }
    } catch (error) {
      return refusal(error instanceof EngineError ? 'engine-gone' : 'backend-missing', messageOf(error));
    }
    return kernel === null ? before.daemon.apply(request) : this.#succeed(before, kernel, request);
  }

  /** Where the later one cannot put the policy in force, the earlier backend takes over again. */
  async #succeed(before: Running, kernel: OpenKernel, request: ApplyRequest): Promise<ApplyAnswer> {
    const { backend } = kernel;
    let last = before;
    let answer: ApplyAnswer;
    try {
      last = await this.#runNext(() => this.#start(kernel, before.end()));
      answer = await last.daemon.apply(request);
    } catch (error) {
      answer = refusal('kernel-refused', messageOf(error));
    }
    if (answer.ok) {
      this.#ports.log('info', `the rules are held with ${backend} from now on`);
      return { ...answer, warnings: [...answer.warnings, ...this.#warnings(backend)] };
    }
    const message = `${backend} has not taken over from ${before.backend}: ${answer.message}`;
    this.#ports.log('error', message);
    await this.#runNext(() => this.#startAgain(before.backend, last)).catch(this.#ports.failed);
    return { ...answer, message };
  }

  /** From now on this one is asked, once it is there. */
  #runNext(start: () => Promise<Running>): Promise<Running> {
    this.#running = start();
    this.#running.catch(() => {});
    return this.#running;
  }

  async #startAgain(backend: BackendName, last: Running): Promise<Running> {
    await last.end();
    return this.#start(await this.#ports.open(await this.#ports.choose(backend)), last.end());
  }

  async #start(kernel: OpenKernel, handed: Promise<Handed> | null): Promise<Running> {
    try {
      const daemon = await this.#ports.start(kernel, await handed);
      return { daemon, backend: kernel.backend, end: once(() => ended(daemon, kernel)) };
    } catch (error) {
      kernel[Symbol.dispose]();
      throw error;
    }
  }

  #warnings(backend: BackendName): readonly string[] {
    const { started } = this.#ports;
    if (started === null || started === backend || (started === 'iptables' && backend !== 'nftables')) return [];
    return [
      `the daemon was started with --backend ${started}, and its next start goes back to that: start it without, or with --backend ${backend}`,
    ];
  }
}

async function ended(daemon: Daemon, kernel: OpenKernel): Promise<Handed> {
  using _open = kernel;
  await daemon.stop();
  return daemon.handed;
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let working: Promise<T> | null = null;
  return () => (working ??= work());
}

function refusal(code: Extract<ApplyAnswer, { ok: false }>['code'], message: string): ApplyAnswer {
  return { ok: false, code, message };
}
