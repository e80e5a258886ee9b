import { parseArgs } from 'node:util';
import { type Address, parseAddress } from '../ip/address.ts';
import type { ReadFile } from './files.ts';
import { isOutsideContainers } from './pid-namespace.ts';

/** Settings of the engine that its API does not tell. */
export interface EngineSettings {
  /** `dns`: the resolvers of containers that name none themselves. */
  readonly dns: readonly Address[];
  /** `host-gateway-ip`: what `host.docker.internal` means; empty for the engine's default. */
  readonly hostGateway: readonly Address[];
}

export class EngineSettingsError extends Error {
  override readonly name = 'EngineSettingsError';
}

const pidFile = '/run/docker.pid';
export const defaultConfig = '/etc/docker/daemon.json';

/**
 * Reads the engine's settings from the command line of the running dockerd (found by its pid file) and from its
 * configuration file; dockerd itself refuses a setting that stands in both. An engine with another pid file is read by
 * /etc/docker/daemon.json alone.
 *
 * @throws EngineSettingsError when the configuration file is not what dockerd would accept
 */
export function engineSettings(readFile: ReadFile): EngineSettings {
  const flags = daemonFlags(readFile);
  const path = flags.configFile ?? defaultConfig;
  const config = parseConfig(path, readFile(path));
  const all = (key: string) => [config[key] ?? []].flat();
  return {
    dns: addresses(path, 'dns', [...flags.dns, ...all('dns')]),
    hostGateway: addresses(path, 'host-gateway-ip', [
      ...flags.hostGateway,
      ...all('host-gateway-ip'), // up to 27 one address, later also a list
      ...all('host-gateway-ips'),
    ]),
  };
}

interface DaemonFlags {
  readonly dns: readonly string[];
  readonly hostGateway: readonly string[];
  readonly configFile: string | undefined;
}

/**
 * What the running dockerd was started with; null where its pid file is not there or stale. A killed engine leaves it
 * behind, and a container that starts programs for long enough gets the number.
 */
export function daemonArguments(readFile: ReadFile): readonly string[] | null {
  const pid = /^\s*([1-9][0-9]{0,9})\s*$/.exec(readFile(pidFile) ?? '')?.[1];
  if (pid === undefined || !isOutsideContainers(Number(pid), readFile)) return null;
  const commandLine = readFile(`/proc/${pid}/cmdline`);
  const [program = '', ...args] = (commandLine ?? '').split('\0').slice(0, -1);
  return /(^|\/)dockerd$/.test(program) ? args : null;
}

function daemonFlags(readFile: ReadFile): DaemonFlags {
  const args = daemonArguments(readFile);
  if (args === null) return { dns: [], hostGateway: [], configFile: undefined };
  const { values } = parseArgs({
    args: [...args],
    strict: false, // dockerd has a hundred other flags
    options: {
      dns: { type: 'string', multiple: true },
      'host-gateway-ip': { type: 'string', multiple: true },
      'config-file': { type: 'string' },
    },
  });
  const texts = (value: unknown) => [value].flat().filter((item) => typeof item === 'string');
  return {
    // pflag's lists may be written with commas
    dns: texts(values['dns']).flatMap((text) => text.split(',')),
    hostGateway: texts(values['host-gateway-ip']).flatMap((text) => text.split(',')),
    configFile: texts(values['config-file'])[0],
  };
}

/** @throws EngineSettingsError */
export function parseConfig(path: string, text: string | undefined): Record<string, unknown> {
  if (text === undefined || text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // told below
  }
  throw new EngineSettingsError(`${path} is not a JSON object: mend it (dockerd --validate tells where)`);
}

function addresses(path: string, key: string, values: readonly unknown[]): readonly Address[] {
  return values
    .filter((value) => value !== '')
    .map((value) => {
      const address = typeof value === 'string' ? parseAddress(value) : undefined;
      if (address !== undefined) return address;
      throw new EngineSettingsError(
        `"${key}" of the engine (${path} or dockerd's flags) holds no address: ${JSON.stringify(value)}`,
      );
    });
}
