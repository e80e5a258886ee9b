import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import type { Context } from './context.ts';
import { type PolicyTexts, readPolicyTexts } from './policy-files.ts';

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
  const [{ readPolicy }, { composePaths }, { checkPolicy }] = await Promise.all([
    import('../policy/read.ts'),
    import('../policy/compose-paths.ts'),
    import('../evaluate/check.ts'),
  ]);
  const now = ports.now();
  const texts = await readPolicyTexts({ config: settings.config, named }, ports.files, ports.user, composePaths);
  const { policy, diagnostics } = readPolicy(texts, { now });
  const more = policy === null ? [] : checkPolicy(policy, now);
  return { texts, policy, diagnostics: [...diagnostics, ...more], now };
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}
