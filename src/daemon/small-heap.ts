import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import koffi from 'koffi';

/**
 * A daemon sits for months beside the apps it guards, and works in short bursts: its heap stays as it is at the start
 * instead of growing with each burst (v8, `Heap::NewSpace::Grow` reads the factor whenever it would grow).
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Lets V8 compile what is used often, which the launcher (scripts/build.ts) has the daemon do without, from now on: its kernel of iptables
 * makes each change on the main thread, and of 200 starts five more are in time with it (docs/benchmarks.md).
 */
export function compileOften(): void {
  compilesAlways = true;
  setFlagsFromString('--maglev');
}

/** {@link compileOften} no more: its kernel is nftables' from now on. */
export function compileNoMoreThanNeeded(): void {
  compilesAlways = false;
  compileSeldom();
}

/** Characters of a policy that are worth V8's compiler: what it costs in memory is more than a few workloads have in all. */
const muchText = 1 << 20;
let compilesAlways = false;

/** The same until {@link compileSeldom}, where a policy of so many characters is to be read, and what comes of it compiled. */
export function compileForReading(characters: number): void {
  if (characters >= muchText) setFlagsFromString('--maglev');
}

/** Nothing more is compiled, unless {@link compileOften} was told; what has been compiled goes when nobody uses it for long. */
export function compileSeldom(): void {
  if (!compilesAlways) setFlagsFromString('--no-maglev');
}

/**
 * Gives back what a burst of work has left, now that nothing happens; V8 by itself waits for the next burst, and glibc
 * keeps what V8's compiler had (malloc_trim(3)). Takes tens of milliseconds for each hundred megabytes.
 */
export function giveBack(): void {
  collect();
  trim ??= koffi.load(null).func('int malloc_trim(size_t)') as (pad: number) => number;
  trim(0);
  rest = process.memoryUsage.rss();
  last = performance.now();
}

/** Bytes of what work has left that are worth a collection; V8 by itself lets some hundred MiB of it come together. */
const much = 32 << 20;
/** Bytes that were resident when what was left had been given back last. */
let rest = Number.POSITIVE_INFINITY;
/** When that was. */
let last = 0;

/** Milliseconds: whoever starts meanwhile waits for a collection, which beside a thousand workloads takes some 150 ms. */
const seldom = 10 * 60_000;

/** {@link giveBack} in hours that leave no calm: where much has come together since the last time, which was long ago. */
export function giveBackMuch(): void {
  if (performance.now() - last < seldom || process.memoryUsage.rss() <= rest + much) return;
  giveBack();
}

/** Collects this thread's garbage. */
export function collect(): void {
  collector ??= exposed();
  collector();
}

let collector: (() => void) | undefined;
let trim: ((pad: number) => number) | undefined;

function exposed(): () => void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: object) => void;
  setFlagsFromString('--no-expose-gc');
  return () => gc({ type: 'major' });
}
