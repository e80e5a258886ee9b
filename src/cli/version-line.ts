import type { Versions } from './ports.ts';

/** `sluice 0.1.0 (3f9c2ab)`. */
export function versionLine(versions: Versions): string {
  return `sluice ${versions.sluice} (${versions.commit ?? 'from source'})`;
}
