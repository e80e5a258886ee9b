import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { full, randomFor, record, seed } from '../campaign/campaign.ts';
import { longestInput } from './mutate.ts';
import { type Failure, type Findings, type Orders, windowHead } from './target.ts';

const asked = Number(process.env['SLUICE_FUZZ_SECONDS'] ?? '');
/** Milliseconds of fuzzing for each target. */
const time = 1_000 * (asked || (full ? 20 * 60 : 600));
/** Inputs for each reader. A sample is the same ones each time, however fast the machine is. */
const count = full || asked > 0 ? Number.POSITIVE_INFINITY : 100;

/** What one input may cost. */
interface Limits {
  /** Milliseconds without an end: of processor time, and by the clock for one that waits for something. */
  readonly busy: number;
  readonly waiting: number;
  /** Megabytes of heap. */
  readonly memory: number;
}
/** What reads 256 KiB needs a tenth of this memory. */
const usual: Limits = { busy: 10_000, waiting: 180_000, memory: 512 };

/** So long a test of fuzzing may take, milliseconds. */
export const testTime = time + 180_000;

/**
 * The daemon's (scripts/build.ts). With V8's optimising compilers Node 26.10 itself ends after some minutes of answers of every shape
 * (`Check failed` in CompilationDependencies::Commit, or SIGSEGV), which no engine gives: what it says has types.
 */
const compilers = ['--no-maglev', '--no-turbofan'];

/** What was found, with the words that make it be found again. */
export class Found extends Error {
  override readonly name = 'Found';
}

/**
 * Fuzzes a target for as long as this run has time for it, and records how much that was.
 *
 * @param name of a module in inside/
 * @throws Found
 */
export async function fuzz(name: string): Promise<void> {
  for (const flag of compilers) setFlagsFromString(flag);
  const module = new URL(`./inside/${name}.ts`, import.meta.url).href;
  const only = givenInput(name);
  const own = randomFor(`fuzz ${name}`).between(1, 2 ** 31 - 1);
  const started = performance.now();
  const findings = await attack({ module, seed: own, time, count, only });
  const { accepted, refused, slowest, failure } = findings;
  record({
    chapter: 'fuzzing',
    engine: '',
    what: name,
    numbers: {
      minutes: ((performance.now() - started) / 60_000).toFixed(1),
      executions: accepted + refused,
      accepted,
      refused,
      'slowest, ms': slowest.toFixed(1),
      found: failure === null ? 0 : 1,
    },
  });
  if (failure !== null) throw new Found(tell(name, failure));
}

/** `SLUICE_FUZZ=netlink/links/BASE64`: this input of this reader alone. */
function givenInput(name: string): Orders['only'] {
  const [target, reader = '', ...text] = (process.env['SLUICE_FUZZ'] ?? '').split('/');
  return target === name ? { reader, input: Buffer.from(text.join('/'), 'base64') } : null;
}

function tell(name: string, { reader, what, input }: Failure): string {
  const bytes = Buffer.from(input);
  return [
    `${name}, reader ${reader}: ${what}`,
    `input of ${bytes.length} bytes: ${JSON.stringify(bytes.toString('latin1').slice(0, 400))}`,
    `again: SLUICE_FUZZ=${name}/${reader}/${bytes.toString('base64')} vitest run --project unit test/fuzz/${name}.test.ts`,
    `seed ${seed}`,
  ].join('\n');
}

/**
 * Runs a target in a thread of its own, with bounds on time and memory for each input.
 *
 * @returns what it says, or what it was about when it did not come to an end
 */
export function attack(orders: Omit<Orders, 'window'>, limits: Limits = usual): Promise<Findings> {
  const window = new SharedArrayBuffer(windowHead + longestInput);
  const head = new Int32Array(window, 0, 3);
  const worker = new Worker(new URL('./inside/thread.ts', import.meta.url), {
    workerData: { ...orders, window } satisfies Orders,
    resourceLimits: { maxOldGenerationSizeMb: limits.memory },
  });
  return new Promise((resolve, reject) => {
    let readers: readonly string[] = [];
    const end = (findings: Findings) => {
      clearInterval(timer);
      resolve(findings);
    };
    const failed = (what: string) => {
      const input = new Uint8Array(window.slice(windowHead, windowHead + (head[2] ?? 0)));
      const reader = readers[head[1] ?? 0] ?? '';
      void worker.terminate();
      end({ accepted: 0, refused: 0, slowest: 0, failure: { reader, what, input } });
    };
    let last = { number: -1, busy: 0, at: performance.now() };
    let busy = 0;
    const look = () => {
      const number = Atomics.load(head, 0);
      const at = performance.now();
      // before the first input it loads its modules, which a busy machine may take its time for
      if (number !== last.number || number === 0) last = { number, busy, at };
      else if (busy - last.busy > limits.busy)
        failed(`no end after ${((busy - last.busy) / 1000).toFixed(0)} s of work`);
      else if (at - last.at > limits.waiting) failed(`no end after ${((at - last.at) / 1000).toFixed(0)} s`);
      // answered between two steps of the thread, and not at all once it has ended
      void worker.cpuUsage().then(
        ({ user, system }) => (busy = (user + system) / 1000),
        () => {},
      );
    };
    const timer = setInterval(look, 500);
    worker.on('message', (message: Findings | { readonly readers: readonly string[] }) => {
      if ('readers' in message) readers = message.readers;
      else end(message);
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') failed(`it takes more than ${limits.memory} MiB`);
      else if (head[0] === 0) reject(error);
      else failed(error.stack ?? error.message);
    });
    worker.on('exit', () => failed('the thread ended')); // after its findings this changes nothing
  });
}
