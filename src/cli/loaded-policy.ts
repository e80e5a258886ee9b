import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
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
  return loadTexts(await readConfigured(settings.config, ports, named), ports.now(), true);
}

/** @throws CliError for a file that cannot be read */
export async function readConfigured(
  config: string,
  { files, user }: Pick<Ports, 'files' | 'user'>,
  named: readonly string[] = [],
): Promise<PolicyTexts> {
  const { composePaths } = await import('../policy/compose-paths.ts');
  return readPolicyTexts({ config, named }, files, user, composePaths);
}

/** @param tests whether the policy's own tests are run */
export async function loadTexts(texts: PolicyTexts, now: number, tests: boolean): Promise<LoadedPolicy> {
  const [{ readPolicy }, { checkPolicy }] = await Promise.all([
    import('../policy/read.ts'),
    import('../evaluate/check.ts'),
  ]);
  const { policy, diagnostics } = readPolicy(texts, { now });
  const more = policy === null || !tests ? [] : checkPolicy(policy, now);
  return { texts, policy, diagnostics: [...diagnostics, ...more], now };
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}
