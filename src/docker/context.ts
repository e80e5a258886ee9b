import { createHash } from 'node:crypto';
import { posix } from 'node:path';

/** Where the engine listens. */
export interface EngineAddress {
  readonly kind: 'unix';
  /** Absolute path of the socket. */
  readonly path: string;
  /** What named it, for messages: `DOCKER_HOST`, `context "prod"` or `default`. */
  readonly from: string;
}

export interface NoEngine {
  readonly kind: 'no-engine';
  readonly message: string;
  /** The next step, as an instruction. */
  readonly fix: string;
}

export interface FindEngineInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** Undefined where there is no such file. */
  readonly readFile: (path: string) => string | undefined;
}

const defaultSocket = '/var/run/docker.sock';
const defaultContext = 'default';

/**
 * Finds the engine as Docker's own client does (docker/cli, cli/command/cli.go, resolveContextName): DOCKER_HOST, else
 * DOCKER_CONTEXT, else `currentContext` of the client's configuration, else the default socket. Only unix sockets are
 * taken: what is held is the kernel of this host, so an engine elsewhere would be judged by the wrong one.
 */
export function findEngine({ env, homeDirectory, readFile }: FindEngineInput): EngineAddress | NoEngine {
  const host = env['DOCKER_HOST'];
  if (host !== undefined && host !== '') return parseHost(host, 'DOCKER_HOST');
  const folder = env['DOCKER_CONFIG'] || posix.join(homeDirectory, '.docker');
  const chosen = env['DOCKER_CONTEXT'] || currentContext(folder, readFile);
  if (typeof chosen !== 'string') return chosen;
  if (chosen === '' || chosen === defaultContext) return { kind: 'unix', path: defaultSocket, from: 'default' };
  return contextEngine(folder, chosen, readFile);
}

function currentContext(folder: string, readFile: FindEngineInput['readFile']): string | NoEngine {
  const path = posix.join(folder, 'config.json');
  const text = readFile(path);
  if (text === undefined) return '';
  const current = field(parseJson(text), 'currentContext');
  if (typeof current === 'string') return current;
  if (current === undefined && parseJson(text) !== undefined) return '';
  return noEngine(
    `${path} is not a configuration of Docker's client`,
    'mend it, or set DOCKER_HOST=unix:///var/run/docker.sock',
  );
}

/** Contexts are kept by the SHA-256 of their name (docker/cli, cli/context/store). */
function contextEngine(folder: string, name: string, readFile: FindEngineInput['readFile']): EngineAddress | NoEngine {
  const key = createHash('sha256').update(name).digest('hex');
  const path = posix.join(folder, 'contexts/meta', key, 'meta.json');
  const text = readFile(path);
  const shown = JSON.stringify(name);
  if (text === undefined)
    return noEngine(
      `there is no Docker context ${shown} (looked for ${path})`,
      'docker context ls shows those there are',
    );
  const meta = parseJson(text);
  const host = field(field(field(meta, 'Endpoints'), 'docker'), 'Host');
  if (field(meta, 'Name') !== name || typeof host !== 'string')
    return noEngine(
      `Docker context ${shown} names no engine (${path})`,
      `docker context inspect ${shown} shows what it says`,
    );
  return parseHost(host, `context ${shown}`);
}

function parseHost(host: string, from: string): EngineAddress | NoEngine {
  const local =
    'run sluice on the host whose containers it is to hold, with DOCKER_HOST=unix://PATH of the engine there';
  const [, scheme, rest = ''] = /^([a-z0-9]+):\/\/(.*)$/s.exec(host) ?? [];
  if (scheme === 'unix' && rest === '') return { kind: 'unix', path: defaultSocket, from };
  if (scheme === 'unix' && posix.isAbsolute(rest) && !rest.includes('\0')) return { kind: 'unix', path: rest, from };
  const shown = JSON.stringify(host);
  if (scheme === 'unix')
    return noEngine(`${from} is ${shown}, which is not an absolute path`, 'write unix:///run/docker.sock');
  if (scheme === 'tcp' || scheme === 'http' || scheme === 'https' || scheme === 'ssh')
    return noEngine(`${from} is ${shown}, an engine reached over the network`, local);
  return noEngine(`${from} is ${shown}, which is no address of an engine that sluice can use`, local);
}

function noEngine(message: string, fix: string): NoEngine {
  return { kind: 'no-engine', message, fix };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
