import { dirname, join, resolve } from 'node:path';
import type { PolicyPort } from '../daemon/ports.ts';
import { compileForReading } from '../daemon/small-heap.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import { digestOf } from '../state/policy-state.ts';
import { messageOf } from './alone.ts';
import { hasErrors, loadTexts, openReader, readConfigured } from './loaded-policy.ts';
import { policyPlaces } from './policy-files.ts';
import type { Ports } from './ports.ts';
import { absolute } from './put-in-force.ts';

/**
 * The configured policy as the daemon reads it: never an exception, but what is wrong in words.
 *
 * @param config absolute path of the policy file
 */
export async function daemonPolicy(config: string, ports: Ports): Promise<PolicyPort> {
  const reader = await openReader();
  const texts = async () => absolute(await readConfigured(reader, config, ports));
  return {
    async read(tests) {
      try {
        const found = await texts();
        compileForReading(found.reduce((sum, { text }) => sum + text.length, 0));
        const loaded = await loadTexts(reader, found, ports.now(), tests);
        const digest = digestOf(loaded.texts);
        if (loaded.policy === null || hasErrors(loaded.diagnostics))
          return { kind: 'bad', message: problemsOf(loaded.diagnostics), digest };
        return { kind: 'good', policy: loaded.policy, texts: loaded.texts, digest };
      } catch (error) {
        return { kind: 'bad', message: messageOf(error), digest: null };
      }
    },
    digest: async () => texts().then(digestOf, () => null),
    recall: (old) => reader.read(old, { now: ports.now() }).policy,
    async places() {
      const files = await policyPlaces(config, ports.files, ports.user, (found) => reader.composePaths(found));
      return { files: files.map((file) => resolve(file)), folders: [join(dirname(config), 'policy.d')] };
    },
  };
}

/** A line per error, for a log and for status; `check` shows the places themselves. */
function problemsOf(diagnostics: readonly Diagnostic[]): string {
  return diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(({ source, code, message, fix }) => {
      const place = source.line > 0 ? `${source.file}:${source.line}:${source.column}` : source.file;
      return `${place}  ${code}  ${message}${fix === undefined ? '' : `; ${fix}`}`;
    })
    .join('\n');
}
