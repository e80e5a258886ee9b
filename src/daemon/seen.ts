import { createHash } from 'node:crypto';
import { constants, setPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { commandStarter, type RunCommand } from '../iptables/command.ts';
import { type Digests, digestsOfStanding } from '../iptables/digests.ts';
import { readText } from '../iptables/standing.ts';
import type { Tools } from '../iptables/tools.ts';
import { finished } from './slices.ts';

/** What a look for drift has read of iptables, ipset and ebtables. */
export interface Seen {
  /** Of all that is ours: two that are alike mean the same, and two that are not may. */
  whole(): Promise<string>;
  parts(): Promise<Digests>;
}

/** Commands that only read, and that nobody waits for: whoever else has work to do comes before them. */
export const lookingCommand: RunCommand = (program, args, input = '') =>
  commandStarter((pid) => {
    try {
      setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // it has ended, or it may not be
    }
    return () => {};
  })(program, args).answer(input);

/** Reads what stands. @throws XtablesError */
export async function seeStanding(programs: { readonly run: RunCommand; readonly tools: Tools }): Promise<Seen> {
  const text = await readText(programs);
  return {
    whole: async () =>
      createHash('sha1')
        .update(await finished(text.own()))
        .digest('hex'),
    parts: async () => finished(digestsOfStanding(await finished(text.standing()))),
  };
}

/** What the thread tells: {@link Seen}, worked out. */
export interface Told {
  readonly whole: string;
  readonly parts: Digests;
}

/** Beside the program when it is built (scripts/build.ts), beside this file when it runs from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './look-thread.ts' : './look.js', import.meta.url);

/** {@link seeStanding} in a thread that begins and ends with it: what it leaves is nobody's to collect. */
export async function lookApart(tools: Tools): Promise<Seen> {
  const worker = new Worker(entry, { name: 'look', workerData: tools });
  const { promise, resolve, reject } = Promise.withResolvers<Told>();
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('the thread that looks for drift has ended by itself')));
  const { whole, parts } = await promise;
  return { whole: async () => whole, parts: async () => parts };
}
