import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * A daemon sits for months beside the apps it guards, and works in short bursts: its heap stays as it is at the start
 * instead of growing with each burst (v8, `Heap::NewSpace::Grow` reads the factor whenever it would grow).
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Gives back what a burst of work has left, now that nothing happens; V8 by itself waits for the next burst. Takes tens
 * of milliseconds for each hundred megabytes.
 */
export function giveBack(): void {
  collect ??= exposed();
  collect();
}

let collect: (() => void) | undefined;

function exposed(): () => void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: object) => void;
  setFlagsFromString('--no-expose-gc');
  return () => gc({ type: 'major' });
}
