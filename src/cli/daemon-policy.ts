import { dirname, join } from 'node:path';
import type { Policy } from '../policy/model.ts';
import type { PolicyText } from '../policy/read.ts';
import { digestOf } from '../state/policy-state.ts';
import { messageOf } from './alone.ts';
import { hasErrors, type LoadedPolicy, loadTexts, readConfigured } from './loaded-policy.ts';
import { paintWith } from './paint.ts';
import type { Ports } from './ports.ts';
import { absolute } from './put-in-force.ts';

/** The configured policy as the daemon reads it: never an exception, but what is wrong in words. */
export interface DaemonPolicy {
  /** @param tests whether a failing test makes it bad; not so at start, where a stale file must not stop the guard */
  read(tests: boolean): Promise<PolicyReading>;
  /** The digest of the files as they are now; null when they cannot be read. */
  digest(): Promise<string | null>;
  /** A policy from texts that were in force before; null when this program cannot read them any more. */
  recall(texts: readonly PolicyText[]): Policy | null;
  /** What to watch: the files by their absolute paths, and folders in which every file counts. */
  places(): Promise<{ readonly files: readonly string[]; readonly folders: readonly string[] }>;
}

export type PolicyReading =
  | { readonly kind: 'good'; readonly policy: Policy; readonly texts: readonly PolicyText[]; readonly digest: string }
  /** `message` says what is wrong, in lines for people; the digest is null when files could not be read at all. */
  | { readonly kind: 'bad'; readonly message: string; readonly digest: string | null };

/** @param config absolute path of the policy file */
export async function daemonPolicy(config: string, ports: Ports): Promise<DaemonPolicy> {
  const { readPolicy } = await import('../policy/read.ts');
  const texts = async () => absolute(await readConfigured(config, ports));
  return {
    async read(tests) {
      try {
        const loaded = await loadTexts(await texts(), ports.now(), tests);
        const digest = digestOf(loaded.texts);
        if (loaded.policy === null || hasErrors(loaded.diagnostics))
          return { kind: 'bad', message: await problemsOf(loaded), digest };
        return { kind: 'good', policy: loaded.policy, texts: loaded.texts, digest };
      } catch (error) {
        return { kind: 'bad', message: messageOf(error), digest: null };
      }
    },
    digest: async () => texts().then(digestOf, () => null),
    recall: (old) => readPolicy(old, { now: ports.now() }).policy,
    async places() {
      const files = await texts().then(
        (found) => found.map(({ path }) => path),
        () => [config],
      );
      return { files, folders: [join(dirname(config), 'policy.d')] };
    },
  };
}

async function problemsOf({ diagnostics, texts }: LoadedPolicy): Promise<string> {
  const { renderDiagnostic } = await import('../policy/render-diagnostic.ts');
  return diagnostics
    .filter(({ severity }) => severity === 'error')
    .map((one) => renderDiagnostic(one, texts, paintWith(false)))
    .join('\n');
}
