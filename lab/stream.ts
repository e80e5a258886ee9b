/** Steady senders, for tests that count: what was sent, what came back, what arrived. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';

export interface StreamSpec {
  proto: 'tcp' | 'udp';
  to: string;
  port: number;
  /** Payloads a second; 200 unless told. */
  rate?: number | undefined;
  /** Seconds until it ends by itself; 600 unless told. */
  seconds?: number | undefined;
  /** Source port. */
  sport?: number | undefined;
  /**
   * From a container: run from outside in its network instead of by `docker exec`. Such a stream outlives the engine,
   * and has the host's cgroup and all capabilities.
   */
  outside?: boolean | undefined;
  /** Every payload is a conversation of its own. */
  fresh?: boolean | undefined;
}

/** What a sender says at its end. */
export interface StreamReport {
  /** Payloads handed to the kernel. */
  sent: number;
  /** Echoes that came back. */
  answered: number;
  /** Payloads the server sent unasked (`labtool serve --push`). */
  pushed: number;
  /** Conversations begun; of TCP more than 1 when connections broke. */
  connects: number;
  /** Sends and connections that failed at once. */
  errors: number;
  /** When the last payload came back, microseconds since the epoch; 0 for never. */
  lastAnswer: number;
}

/** Arguments for labtool. */
export function streamArgs(spec: StreamSpec, token: string): string[] {
  const args = ['stream', spec.proto, spec.to, String(spec.port), '--token', token, '--stdin'];
  args.push('--rate', String(spec.rate ?? 200), '--seconds', String(spec.seconds ?? 600));
  if (spec.sport !== undefined) args.push('--sport', String(spec.sport));
  if (spec.fresh) args.push('--fresh');
  return args;
}

/** A running sender. Its packets carry `token`; numbered payloads of TCP may share a packet. */
export class Stream {
  readonly token: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #report: Promise<StreamReport>;

  constructor(token: string, process: ChildProcessWithoutNullStreams) {
    this.token = token;
    this.#process = process;
    process.stdin.on('error', () => {});
    let out = '';
    let err = '';
    process.stdout.on('data', (data: Buffer) => {
      out += data;
    });
    process.stderr.on('data', (data: Buffer) => {
      err += data;
    });
    this.#report = new Promise((resolve, reject) => {
      process.on('close', () => {
        try {
          resolve(JSON.parse(out) as StreamReport);
        } catch {
          reject(new Error(`a stream ended without a report: ${err.trim()}`));
        }
      });
    });
    this.#report.catch(() => {}); // whoever asks for the report gets the error
  }

  /** Waits for its own end. */
  report(): Promise<StreamReport> {
    return this.#report;
  }

  /** Ends it now. */
  stop(): Promise<StreamReport> {
    this.#process.stdin.end();
    return this.#report;
  }
}
