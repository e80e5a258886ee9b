import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import type { PolicyReader } from '../policy/read.ts';
import type { Context } from './context.ts';
import { type PolicyTexts, readPolicyTexts } from './policy-files.ts';
import type { Ports } from './ports.ts';

/** A policy as far as it could be read, with everything found on the way. */
export interface LoadedPolicy {
  readonly texts: PolicyTexts;
  /** Null when the texts have errors. */
  readonly policy: Policy | null;
  /** Of the texts and of the policy's own tests, sorted as they were found. */
  readonly diagnostics: readonly Diagnostic[];
  readonly now: number;
}

/**
 * Reads the configured policy, or the files that are named, and checks it.
 *
 * @throws CliError for a file that cannot be read
 */
export async function loadPolicy({ settings, ports }: Context, named: readonly string[] = []): Promise<LoadedPolicy> {
  const reader = await openReader();
  return loadTexts(reader, await readConfigured(reader, settings.config, ports, named), ports.now(), true);
}

/** For reading a policy's texts, which are read as YAML once. */
export async function openReader(): Promise<PolicyReader> {
  const { PolicyReader } = await import('../policy/read.ts');
  return new PolicyReader();
}

/** @throws CliError for a file that cannot be read */
export function readConfigured(
  reader: PolicyReader,
  config: string,
  { files, user }: Pick<Ports, 'files' | 'user'>,
  named: readonly string[] = [],
): Promise<PolicyTexts> {
  return readPolicyTexts({ config, named }, files, user, (texts) => reader.composePaths(texts));
}

/** @param tests whether the policy's own tests are run */
export async function loadTexts(
  reader: PolicyReader,
  texts: PolicyTexts,
  now: number,
  tests: boolean,
): Promise<LoadedPolicy> {
  const { checkPolicy } = await import('../evaluate/check.ts');
  const { policy, diagnostics } = reader.read(texts, { now });
  const more = policy === null || !tests ? [] : checkPolicy(policy, now);
  return { texts, policy, diagnostics: [...diagnostics, ...more], now };
}

/** Whether the policy cannot be taken: warnings leave it as it is. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}
