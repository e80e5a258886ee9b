import { readdirSync } from 'node:fs';
import type { ReadFile } from './files.ts';

/** A systemd unit that a target wants and that takes away the rules of everybody. */
export interface FlushingService {
  readonly service: string;
  /** The link by which a target wants it. */
  readonly enabledBy: string;
  /** Each place that says so: `PATH:LINE: TEXT`. */
  readonly flushes: readonly string[];
}

/** Names in a folder; empty where there is none. */
export type ListFolder = (path: string) => readonly string[];

/** The names in a folder of this host. @throws what readdirSync does, but for one that is not there */
export const listFolder: ListFolder = (path) => {
  try {
    return readdirSync(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
};

const services = ['nftables.service'];
/** Where `systemctl enable` makes its links (systemd.unit(5), [Install]). */
const wants = '/etc/systemd/system';
/** In the order in which they are looked for (systemd.unit(5), "Unit File Load Path"). */
const unitFolders = ['/etc/systemd/system', '/run/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

/** Services known to load rules, as far as they are enabled and their commands or the files these load flush it all. */
export function flushingServices(readFile: ReadFile, list: ListFolder): readonly FlushingService[] {
  return services.flatMap((service) => {
    const link = list(wants)
      .filter((name) => name.endsWith('.wants') || name.endsWith('.requires'))
      .flatMap((target) => (list(`${wants}/${target}`).includes(service) ? [`${wants}/${target}/${service}`] : []))[0];
    if (link === undefined) return [];
    const flushes = flushesOf(service, readFile, list);
    return flushes.length === 0 ? [] : [{ service, enabledBy: link, flushes }];
  });
}

function flushesOf(service: string, readFile: ReadFile, list: ListFolder): readonly string[] {
  const unit = unitFolders.map((folder) => `${folder}/${service}`).find((path) => readFile(path) !== undefined);
  if (unit === undefined) return [];
  const parts = unitFolders
    .toReversed() // a drop-in further up comes last and wins
    .flatMap((folder) => list(`${folder}/${service}.d`).map((name) => `${folder}/${service}.d/${name}`))
    .filter((path) => path.endsWith('.conf'));
  const commands = commandsOf([unit, ...parts], readFile);
  const files = [...new Set(commands.flatMap(({ text }) => /\bnft\b.*\s-f\s+(\/\S+)/.exec(text)?.[1] ?? []))];
  return [
    ...commands.filter(({ text }) => /\bnft\s+flush\s+ruleset\b/.test(text)).map(({ at, text }) => `${at}: ${text}`),
    ...files.flatMap((path) => flushLines(path, readFile(path) ?? '')),
  ];
}

interface UnitLine {
  readonly at: string;
  readonly text: string;
}

/** `Exec…=` lines in force: an empty one takes away those of its kind before it (systemd.service(5)). */
function commandsOf(paths: readonly string[], readFile: ReadFile): readonly UnitLine[] {
  let commands: readonly (UnitLine & { readonly key: string })[] = [];
  for (const path of paths)
    for (const [index, line] of (readFile(path) ?? '').split('\n').entries()) {
      const [, key, value = ''] = /^\s*(Exec\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      if (key === undefined) continue;
      commands =
        value === ''
          ? commands.filter((one) => one.key !== key)
          : [...commands, { key, at: `${path}:${index + 1}`, text: line.trim() }];
    }
  return commands;
}

function flushLines(path: string, text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim())
    .flatMap((line, index) => (/^flush\s+ruleset\b/.test(line) ? [`${path}:${index + 1}: ${line}`] : []));
}
