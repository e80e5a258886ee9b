import { NotHeldError } from '../../src/iptables/errors.ts';
import type { HostFacts } from '../../src/iptables/inet.ts';
import { renderXtables } from '../../src/iptables/render.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';

/** A host with one interface beside loopback, and every table. */
export const facts: HostFacts = { plainInterfaces: ['lo', 'eth0'], interfaces: new Map(), security: true };

/** Whether iptables holds it exactly. */
export function isHeld(ruleset: Ruleset): boolean {
  try {
    renderXtables(ruleset, facts);
    return true;
  } catch (error) {
    if (error instanceof NotHeldError) return false;
    throw error;
  }
}
