import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Ruleset } from '../ruleset/ruleset.ts';
import { decodeRuleset, encodeRuleset } from '../state/ruleset-text.ts';
import type { Files, Switched } from './ports.ts';

/** What the last apply put into the kernel, remembered in the state directory. */
export interface Applied {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly engine: string;
  readonly ruleset: Ruleset;
  /** Bridges we switched since we came, each with how it stood before us. */
  readonly switched: Switched;
}

export type Memory =
  | { readonly kind: 'applied'; readonly applied: Applied }
  | { readonly kind: 'none' }
  /** There is a record that cannot be read; `reason` names it. */
  | { readonly kind: 'broken'; readonly reason: string };

const format = 1;
const limit = 512 * 1024 * 1024;

export function appliedPath(stateDirectory: string): string {
  return join(stateDirectory, 'applied.json');
}

/**
 * Three lines: a head with the format and the digest of the others, then the facts and the ruleset. A record of another
 * format, cut short or edited by hand is told apart from a good one.
 */
export async function writeApplied(stateDirectory: string, applied: Applied, files: Files): Promise<void> {
  const { at, engine, switched, ruleset } = applied;
  const facts = JSON.stringify({ at, engine, switched: Object.fromEntries(switched) });
  const body = `${facts}\n${encodeRuleset(ruleset)}\n`;
  const head = JSON.stringify({ format, sha256: digest(body) });
  await files.replace(appliedPath(stateDirectory), `${head}\n${body}`);
}

export async function readApplied(stateDirectory: string, files: Files): Promise<Memory> {
  const path = appliedPath(stateDirectory);
  try {
    const { text } = await files.read(path, limit);
    const [head = '', facts = '', rules = ''] = text.split('\n');
    const { format: theirs, sha256 } = JSON.parse(head) as { format: unknown; sha256: unknown };
    if (theirs !== format) return { kind: 'broken', reason: `${path} is of another version of Sluice` };
    if (sha256 !== digest(text.slice(head.length + 1))) return { kind: 'broken', reason: `${path} is damaged` };
    const { at, engine, switched } = JSON.parse(facts) as Facts;
    const applied = { at, engine, switched: new Map(Object.entries(switched)), ruleset: decodeRuleset(rules) };
    return { kind: 'applied', applied };
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return { kind: 'none' };
    if (error instanceof SyntaxError) return { kind: 'broken', reason: `${path} is damaged` };
    return {
      kind: 'broken',
      reason: `${path} cannot be read (${error instanceof Error ? error.message : String(error)})`,
    };
  }
}

interface Facts {
  readonly at: number;
  readonly engine: string;
  readonly switched: Readonly<Record<string, { readonly ip: boolean; readonly ip6: boolean }>>;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
