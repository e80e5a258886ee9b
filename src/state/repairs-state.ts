import type { Repair } from '../control/protocol.ts';
import { jsonPart } from './part.ts';

const kept = 50;

/** Repairs, the latest first. */
export type RepairsState = readonly Repair[];

/** The repairs with one more; the oldest of more than fifty is dropped. */
export function withRepair(repairs: RepairsState, repair: Repair): RepairsState {
  return [repair, ...repairs].slice(0, kept);
}

export const repairsPart = jsonPart('repairs.json', (value): RepairsState => {
  if (!Array.isArray(value)) throw new TypeError('not a list');
  return (value as Repair[]).slice(0, kept);
});
