import { readPaths } from './policy-file.ts';
import { Reader } from './reader.ts';
import { type PolicyText, readYaml } from './yaml-text.ts';

/**
 * The Compose files that the policy texts list under `compose:`, as written and in order, each once. Reports nothing:
 * what is wrong with the list is found when the policy is read.
 */
export function composePaths(texts: readonly PolicyText[]): readonly string[] {
  const paths = texts
    .filter(({ role }) => role === 'policy')
    .flatMap((text) => {
      const yaml = readYaml(text, () => undefined);
      if (yaml === undefined || yaml.root === null) return [];
      const quiet = new Reader(yaml, () => undefined);
      const list = quiet.entries(yaml.root, '')?.find(({ key }) => key.text === 'compose');
      return list === undefined ? [] : readPaths(list.value, quiet).map(({ text: path }) => path);
    });
  return [...new Set(paths)];
}
