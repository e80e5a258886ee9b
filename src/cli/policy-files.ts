import { basename, dirname, isAbsolute, join } from 'node:path';
import type { PolicyText } from '../policy/read.ts';
import { CliError } from './error.ts';
import { FileError, type Files, type Ownership, type User } from './ports.ts';

/** Bounds on what is read, so that a wrong path cannot fill memory: bytes of one file, files of one policy. */
const limits = { bytes: 16 * 1024 * 1024, files: 512 };

/** The texts of a policy, in the order that `readPolicy` wants: the main file, policy.d by name, compose files. */
export type PolicyTexts = readonly PolicyText[];

/** Finds the compose files that policy texts list; `composePaths` of a PolicyReader. */
export type ListCompose = (texts: PolicyTexts) => readonly string[];

/**
 * Reads the policy at its configured place, or the files that were named instead: one brings its policy.d and its
 * compose files; of several, the first is the policy file, and those named as Compose names its files are compose files.
 *
 * @throws CliError (unable) for a file that cannot be read
 */
export async function readPolicyTexts(
  where: { readonly config: string; readonly named: readonly string[] },
  files: Files,
  user: User,
  listCompose: ListCompose,
): Promise<PolicyTexts> {
  const read = (path: string, role: PolicyText['role']) => readText(path, role, files, user);
  const [main = where.config, ...more] = where.named;
  const texts = [await read(main, 'policy')];
  if (more.length > 0) {
    for (const path of more) texts.push(await read(path, isComposeName(path) ? 'compose' : 'policy'));
    if (!more.some(isComposeName)) return withCompose(texts, main, read, listCompose);
    return texts;
  }
  for (const path of await partsBeside(main, files)) texts.push(await read(path, 'policy'));
  return withCompose(texts, main, read, listCompose);
}

async function withCompose(
  texts: PolicyTexts,
  main: string,
  read: (path: string, role: PolicyText['role']) => Promise<PolicyText>,
  listCompose: ListCompose,
): Promise<PolicyTexts> {
  const paths = composeBeside(texts, main, listCompose);
  if (texts.length + paths.length > limits.files) throw tooMany(main);
  const compose: PolicyText[] = [];
  for (const path of paths) compose.push(await read(path, 'compose'));
  return [...texts, ...compose];
}

function composeBeside(texts: PolicyTexts, main: string, listCompose: ListCompose): readonly string[] {
  return listCompose(texts).map((path) => (isAbsolute(path) ? path : join(dirname(main), path)));
}

/**
 * Where the files of the policy at its configured place are or would be, as far as those that can be read tell: a compose file
 * that is not there is among them, since it may come.
 */
export async function policyPlaces(
  config: string,
  files: Files,
  user: User,
  listCompose: ListCompose,
): Promise<readonly string[]> {
  const parts = await partsBeside(config, files).catch(() => []);
  const paths = [config, ...parts];
  const read = await Promise.allSettled(paths.map((path) => readText(path, 'policy', files, user)));
  const texts = read.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  return [...paths, ...composeBeside(texts, config, listCompose).slice(0, limits.files)];
}

/** policy.d/*.yaml beside the policy file, by name. */
async function partsBeside(main: string, files: Files): Promise<readonly string[]> {
  const folder = join(dirname(main), 'policy.d');
  const all = ((await files.list(folder)) ?? []).filter((name) => !name.startsWith('.'));
  const odd = all.find((name) => name.endsWith('.yml'));
  if (odd !== undefined) {
    const named = `${odd.slice(0, -'yml'.length)}yaml`;
    throw new CliError(
      'unable',
      `${join(folder, odd)} would not be read`,
      `only *.yaml is: call it ${named}, or begin its name with a dot`,
    );
  }
  const names = all.filter((name) => name.endsWith('.yaml'));
  if (names.length > limits.files) throw tooMany(folder);
  return names.toSorted().map((name) => join(folder, name));
}

function tooMany(where: string): CliError {
  return new CliError('unable', `${where} brings more than ${limits.files} files`);
}

/** Whether a file is named as Compose names its own: compose.yaml, docker-compose.prod.yml. */
function isComposeName(path: string): boolean {
  return /^(docker-)?compose(\.[^/]*)?\.ya?ml$/.test(basename(path));
}

async function readText(path: string, role: PolicyText['role'], files: Files, user: User): Promise<PolicyText> {
  try {
    const { text, owner } = await files.read(path, limits.bytes);
    const writableByOthers =
      othersMayWrite(owner, user) || othersMayReplace(await files.directory(dirname(path)), user);
    return { path, text, role, writableByOthers };
  } catch (error) {
    throw unreadable(path, role, error);
  }
}

const sticky = 0o1000;

/**
 * Whether anybody but root, and the user who runs us, may change a file. A group that is root's, or the user's own
 * (user private groups), is not others.
 */
export function othersMayWrite({ uid, gid, mode }: Ownership, user: User): boolean {
  const ours = uid === 0 || uid === user.uid;
  const ourGroup = gid === 0 || (user.uid !== 0 && gid === user.gid);
  return !ours || (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && !ourGroup);
}

/** The same of a directory, whose writers may put another file in its place; the sticky bit forbids that. */
function othersMayReplace(directory: Ownership, user: User): boolean {
  return othersMayWrite((directory.mode & sticky) === 0 ? directory : { ...directory, mode: 0 }, user);
}

/** With the least that is one, since somebody who reads this may have seen none. */
const noPolicyFix = `name yours with --config PATH, or write one, such as
  version: 1
  projects: { app: { allow: [same-project, internet, dns] } }`;

function unreadable(path: string, role: PolicyText['role'], error: unknown): unknown {
  if (error instanceof FileError) return new CliError('unable', error.message, undefined, error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return role === 'compose'
      ? new CliError(
          'unable',
          `there is no compose file at ${path}`,
          'mend or remove its entry under "compose:" in the policy',
          error,
        )
      : new CliError('unable', `there is no policy at ${path}`, noPolicyFix, error);
  }
  if (code === 'EACCES' || code === 'EPERM')
    return new CliError('unable', `${path} may not be read by you`, 'run this as root (sudo)', error);
  return error;
}
