import { parseArgs } from 'node:util';
import { isLoopbackHost } from '../ip/loopback.ts';
import { daemonArguments, defaultConfig, parseConfig } from './dockerd.ts';
import type { ReadFile } from './files.ts';

/** An address of TCP that the engine's API listens on. */
export interface EngineListener {
  /** As dockerd was told, such as `tcp://0.0.0.0:2375`. */
  readonly address: string;
  readonly loopback: boolean;
  /** Whether it asks callers for a certificate (`--tlsverify`; `--tls` alone asks nobody). */
  readonly verifies: boolean;
}

/**
 * Where the API of the running dockerd listens on TCP, by its flags or its configuration file; dockerd refuses to start
 * with a setting in both, and where it cannot listen. What systemd hands to it (`fd://`) is not among them.
 *
 * @throws EngineSettingsError when the configuration file is not what dockerd would accept
 */
export function engineListeners(readFile: ReadFile): readonly EngineListener[] {
  const args = daemonArguments(readFile);
  if (args === null) return [];
  const { values } = parseArgs({
    args: [...args],
    strict: false, // dockerd has a hundred other flags
    options: {
      host: { type: 'string', short: 'H', multiple: true },
      tlsverify: { type: 'boolean' },
      'config-file': { type: 'string' },
    },
  });
  const path = typeof values['config-file'] === 'string' ? values['config-file'] : defaultConfig;
  const config = parseConfig(path, readFile(path));
  const verifies = [values.tlsverify, config['tlsverify']].some((value) => value === true || value === 'true');
  return [values.host ?? [], config['hosts'] ?? []]
    .flat()
    .flatMap((host) => (typeof host === 'string' ? listenerOf(host, verifies) : []));
}

/** `tcp://HOST:PORT` or `HOST:PORT`; without a host it is the loopback (moby, opts/hosts.go, ParseTCPAddr). */
function listenerOf(text: string, verifies: boolean): readonly EngineListener[] {
  const [, scheme = 'tcp', rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(text.trim()) ?? [];
  if (scheme !== 'tcp') return [];
  const [, host = ''] = /^(\[[^\]]*\]|[^:/]*)/.exec(rest) ?? [];
  const bare = host.replace(/^\[|\]$/g, '');
  return [{ address: `tcp://${rest}`, loopback: bare === '' || isLoopbackHost(bare), verifies }];
}
