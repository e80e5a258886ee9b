import { leadsToEngine } from '../world/engine-paths.ts';
import type { Logging, Mount, Powers } from '../world/world.ts';

/** Of `HostConfig`, what gives a container more than an ordinary one has. */
interface HostConfig {
  readonly Privileged?: boolean | undefined;
  readonly CapAdd?: readonly string[] | null | undefined;
  readonly CapDrop?: readonly string[] | null | undefined;
  readonly UsernsMode?: string | undefined;
  readonly PidMode?: string | undefined;
  readonly LogConfig?:
    | { readonly Type?: string | undefined; readonly Config: ReadonlyMap<string, string> }
    | null
    | undefined;
}

interface MountPoint {
  readonly Type?: string | undefined;
  readonly Name?: string | undefined;
  readonly Source?: string | undefined;
  readonly RW?: boolean | undefined;
}

export interface Rights {
  readonly powers?: Powers;
  readonly dropped?: readonly string[];
  readonly mounts?: readonly Mount[];
  readonly logging?: Logging;
}

/** What a container has of the host beyond an ordinary one, and lacks of what that has: absent where that is nothing. */
export function rightsOf(config: HostConfig, points: readonly MountPoint[]): Rights {
  const powers = powersOf(config, points);
  const mounts = mountsOf(points);
  const logging = loggingOf(config);
  const dropped = capabilityNames(config.CapDrop);
  return {
    ...(powers === null ? {} : { powers }),
    ...(dropped.length === 0 ? {} : { dropped }),
    ...(mounts.length === 0 ? {} : { mounts }),
    ...(logging === null ? {} : { logging }),
  };
}

function powersOf(config: HostConfig, points: readonly MountPoint[]): Powers | null {
  const [, processesOf] = /^container:(.+)$/.exec(config.PidMode ?? '') ?? [];
  const powers = {
    privileged: config.Privileged ?? false,
    capabilities: capabilityNames(config.CapAdd),
    engineSockets: [
      ...new Set(points.flatMap(({ Source = '' }) => (leadsToEngine(Source) ? [Source] : []))),
    ].toSorted(),
    hostUsers: config.UsernsMode === 'host',
    hostProcesses: config.PidMode === 'host',
    ...(processesOf === undefined ? {} : { processesOf }),
  };
  const some = powers.privileged || powers.hostUsers || powers.hostProcesses || processesOf !== undefined;
  return some || powers.capabilities.length + powers.engineSockets.length > 0 ? powers : null;
}

/** Engines write them as they were asked for, with CAP_ or without. */
function capabilityNames(names: readonly string[] | null | undefined): readonly string[] {
  return [...new Set((names ?? []).map((name) => name.toUpperCase().replace(/^CAP_/, '')))].toSorted();
}

function mountsOf(points: readonly MountPoint[]): readonly Mount[] {
  const mounts = points.flatMap(({ Type, Name = '', Source = '', RW }): readonly Mount[] => {
    const writable = RW ?? true;
    if (Type === 'bind' && Source !== '') return [{ kind: 'bind', path: Source, writable }];
    return Type === 'volume' && Name !== '' ? [{ kind: 'volume', volume: Name, writable }] : [];
  });
  const byKey = new Map(mounts.map((mount) => [JSON.stringify(mount), mount]));
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, mount]) => mount);
}

/** What these write stays with the engine or goes to the host's own journal (moby, daemon/logger). */
const keepers = ['', 'json-file', 'local', 'journald', 'none'];

/** The option by which each of the others is told where to send, as its documentation names it. */
function loggingOf({ LogConfig }: HostConfig): Logging | null {
  const driver = LogConfig?.Type ?? '';
  if (keepers.includes(driver)) return null;
  const keys = [`${driver}-address`, `${driver}-url`, `${driver}-endpoint`];
  const address = keys.map((key) => LogConfig?.Config.get(key)).find((value) => value !== undefined) ?? null;
  return { driver, address };
}
