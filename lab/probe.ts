/** Probes: one attempt to say something to somebody, told from both ends. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Packet } from './observer.ts';

/** What to try. */
export interface ProbeSpec {
  /** `tcp` unless told; a number is a bare IP protocol, e.g. 132. */
  proto?: 'tcp' | 'udp' | 'icmp' | number | undefined;
  /** Destination address, v4 or v6 (with %interface for link-local). */
  to: string;
  /** Destination port; meaningless for icmp and bare protocols (SCTP uses it). */
  port?: number | undefined;
  /** Milliseconds to wait for an answer, 600 unless told; 0: send and do not wait. */
  timeout?: number | undefined;
  /** Source address; the sender must own it. */
  source?: string | undefined;
  /** Run from outside in the container's network, as while the engine is away; else by `docker exec`. */
  outside?: boolean | undefined;
  /** Source port; one never used before in this site unless told. */
  sport?: number | undefined;
}

/** What the sender learnt. */
export interface Answer {
  /**
   * `answered`: handshake done, datagram or echo came back. `refused`: TCP reset. `unreachable`: an ICMP error, see type
   * and code. `sent`: nothing to wait for. `timeout`: silence. `error`: our own kernel said no, see error.
   */
  outcome: 'answered' | 'sent' | 'refused' | 'unreachable' | 'timeout' | 'error';
  /** Microseconds until the outcome; 0 when there was none. */
  rtt: number;
  /** ICMP type and code of `unreachable`, else -1; `by`: who sent it. */
  type: number;
  code: number;
  by: string;
  /** Source port used. */
  sport: number;
  /** errno's name, or `closed` when a connection was answered and then ended without a word. */
  error: string;
  /** First line that came back. Our servers say `peer ADDRESS PORT`: who they think is speaking. */
  reply: string;
}

/** A probe told from both ends. */
export interface Probe extends Answer {
  from: string;
  spec: ProbeSpec;
  token: string;
  /** Whether anybody but the sender received it, by observers beyond the last hook. Never taken from the sender's word. */
  arrived: boolean;
  /** Names of the observers that received it: a far host, `host` (after its input hook), or a container's name. */
  at: string[];
  packets: Packet[];
}

let nextSport = 20_000;

/** A source port that this process has not used for some 40,000 probes. */
export function freshSport(): number {
  nextSport = nextSport >= 59_999 ? 20_000 : nextSport + 1;
  return nextSport;
}

/** A token that observers find in packets. */
export function freshToken(): string {
  return `lab-${randomBytes(6).toString('hex')}`;
}

/** A long-lived `labtool agent`: it sends probes from where it runs, many at once. */
export class Agent {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<string, (answer: Answer | Error) => void>();
  readonly #name: string;
  #count = 0;
  #running = 0;
  #queue: (() => void)[] = [];
  #errors = '';
  #gone = false;

  constructor(name: string, process: ChildProcessWithoutNullStreams) {
    this.#name = name;
    this.#process = process;
    process.stdin.on('error', () => {});
    process.stderr.on('data', (data: Buffer) => {
      this.#errors += data;
    });
    createInterface({ input: process.stdout }).on('line', (line) => {
      if (!line.startsWith('{"id"')) return;
      const { id, ...answer } = JSON.parse(line) as Answer & { id: string };
      this.#waiting.get(id)?.(answer);
    });
    process.on('close', () => {
      this.#gone = true;
      const error = new Error(`agent in ${this.#name} ended: ${this.#errors.trim()}`);
      for (const done of this.#waiting.values()) done(error);
    });
  }

  get alive(): boolean {
    return !this.#gone;
  }

  /** Sends one probe. Rejects when the agent dies meanwhile (its container stopped). */
  async ask(spec: ProbeSpec, token: string, sport: number): Promise<Answer> {
    // A thread per probe: keep their number within what a small container can hold.
    if (this.#running >= 64) await new Promise<void>((resolve) => this.#queue.push(resolve));
    if (this.#gone) throw new Error(`agent in ${this.#name} ended: ${this.#errors.trim()}`);
    this.#running++;
    const id = String(++this.#count);
    const timeout = spec.timeout ?? 600;
    try {
      return await new Promise((resolve, reject) => {
        const timer = setTimeout(() => done(new Error(`agent in ${this.#name} does not answer`)), timeout + 15_000);
        const done = (answer: Answer | Error) => {
          clearTimeout(timer);
          this.#waiting.delete(id);
          if (answer instanceof Error) reject(answer);
          else resolve(answer);
        };
        this.#waiting.set(id, done);
        const words = [id, spec.proto ?? 'tcp', spec.to, spec.port ?? 0, token, timeout, sport, spec.source ?? '-'];
        this.#process.stdin.write(`${words.join(' ')}\n`);
      });
    } finally {
      this.#running--;
      this.#queue.shift()?.();
    }
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}
