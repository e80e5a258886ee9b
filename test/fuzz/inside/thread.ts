/** Reads one input after the other, and shows each in a window before, so that somebody can tell which one hangs. */
import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../../agreement/random.ts';
import { longestInput, mutate } from '../mutate.ts';
import { type Failure, type Findings, type Orders, type Reader, type Target, windowHead } from '../target.ts';

/** Milliseconds of processor time for one input of at most 256 KiB. */
const slow = 2_000;

const { module, seed, time, count, only, window } = workerData as Orders;
const { target } = (await import(module)) as { readonly target: Target };
const head = new Int32Array(window, 0, 3);
const shown = Buffer.from(window, windowHead);
const readers = Object.entries(target.readers).map(([name, reader]) => ({ name, reader, corpus: reader.corpus() }));
const counts = { accepted: 0, refused: 0 };
let slowest = 0;
let number = 0;

parentPort?.postMessage({ readers: readers.map(({ name }) => name) });
parentPort?.postMessage(await run());
await target.end?.();

async function run(): Promise<Findings> {
  const failure = only === null ? await campaign() : await take(only.reader, Buffer.from(only.input));
  return { ...counts, slowest, failure };
}

async function campaign(): Promise<Failure | null> {
  for (const { name, corpus } of readers)
    for (const input of corpus) {
      const failure = await take(name, input);
      if (failure !== null) return failure;
    }
  const random = new Random(seed);
  const end = performance.now() + time;
  for (let made = 0; made < count && performance.now() < end; made++)
    for (const { name, reader, corpus } of readers) {
      const failure = await take(name, inputFor(reader, corpus, random));
      if (failure !== null) return { ...failure, input: await shrunk(failure) };
    }
  return null;
}

function inputFor(reader: Reader, corpus: readonly Buffer[], random: Random): Buffer {
  const made = reader.make !== undefined && random.next() < 0.5 ? reader.make(random, corpus) : undefined;
  return made !== undefined && made.length <= longestInput ? made : mutate(random, corpus, reader.words ?? []);
}

async function take(name: string, input: Buffer): Promise<Failure | null> {
  const index = readers.findIndex((one) => one.name === name);
  const reader = readers[index]?.reader;
  if (reader === undefined) throw new Error(`there is no reader ${name}`);
  shown.set(input.subarray(0, longestInput));
  head[1] = index;
  head[2] = Math.min(input.length, longestInput);
  Atomics.store(head, 0, ++number);
  const before = process.threadCpuUsage();
  try {
    counts[await reader.read(input)]++;
  } catch (error) {
    return { reader: name, what: error instanceof Error ? (error.stack ?? error.message) : String(error), input };
  }
  const { user, system } = process.threadCpuUsage(before);
  const took = (user + system) / 1000;
  slowest = Math.max(slowest, took);
  return took < slow ? null : { reader: name, what: `it took ${took.toFixed(0)} ms`, input };
}

/** A shorter input that fails alike: stretches are left out while it does, for some seconds. */
async function shrunk({ reader, input, what }: Failure): Promise<Uint8Array> {
  if (what.startsWith('it took')) return input;
  const end = performance.now() + 5_000;
  const alike = (failure: Failure | null) => failure?.what.slice(0, 40) === what.slice(0, 40);
  let best = Buffer.from(input);
  for (let size = best.length >> 1; size > 0; size >>= 1)
    for (let at = 0; at < best.length && performance.now() < end; ) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (alike(await take(reader, shorter))) best = shorter;
      else at += size;
    }
  return best;
}
