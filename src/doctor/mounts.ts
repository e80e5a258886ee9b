import type { Container, Mount } from '../world/world.ts';
import type { Facts, VolumeFacts } from './facts.ts';
import type { Sighting } from './finding.ts';
import { who } from './words.ts';

/** A path of the host that a container has, and by what. */
export interface Shared {
  readonly path: string;
  readonly writable: boolean;
  /** Whether what is mounted below the path on the host is there too. */
  readonly whole: boolean;
  /** `/srv`, or `volume data (/srv)`. */
  readonly text: string;
}

/** Paths of the host among a container's files: bind mounts, and local volumes that are bind mounts themselves. */
export function sharedPaths(
  { mounts = [] }: Pick<Container, 'mounts'>,
  { volumes }: Pick<Facts, 'volumes'>,
): readonly Shared[] {
  return mounts.flatMap((mount): readonly Shared[] => {
    const { writable } = mount;
    // the engine binds a path with all that is mounted below it (moby, daemon/oci_linux.go: rbind)
    if (mount.kind === 'bind') return [{ path: mount.path, writable, whole: true, text: mount.path }];
    const volume = volumes?.get(mount.volume);
    const bound = volume === undefined ? null : boundPath(volume);
    return bound === null ? [] : [{ ...bound, writable, text: `volume ${mount.volume} (${bound.path})` }];
  });
}

/**
 * Who runs and has such a path of the host: one sighting, or none.
 *
 * @param say what to do about it, one sentence
 * @param volumes of a path as its text says it, what to write beside `volumes`
 */
export function sightingOf(
  facts: Facts,
  isSuch: (shared: Shared, container: Container) => boolean,
  { say, volumes }: { readonly say: string; readonly volumes: (text: string) => string },
): readonly Sighting[] {
  const concerned = (facts.world?.containers ?? []).flatMap((container) => {
    if (!container.running) return [];
    const texts = sharedPaths(container, facts).flatMap((one) => (isSuch(one, container) ? [one.text] : []));
    return texts.length === 0 ? [] : [{ container, texts }];
  });
  if (concerned.length === 0) return [];
  const lines = concerned.flatMap(({ texts }) =>
    texts.map((text) => ({ kind: 'compose' as const, text: `volumes: # ${volumes(text)}` })),
  );
  return [
    { seen: concerned.map(({ container, texts }) => `${who(container)}: ${texts.join(', ')}`), mend: { say, lines } },
  ];
}

/** The volumes of a container that the engine knows. */
export function volumesOf({ mounts = [] }: Pick<Container, 'mounts'>, { volumes }: Facts): readonly VolumeFacts[] {
  const named = (mount: Mount) => (mount.kind === 'volume' ? (volumes?.get(mount.volume) ?? []) : []);
  return mounts.flatMap(named);
}

/** The words of a local volume's option `o`. */
export function mountOptions({ options }: VolumeFacts): readonly string[] {
  return (options.get('o') ?? '').split(',');
}

/** `driver_opts: { o: bind, device: /srv }`: moby hands them to mount(2) (volume/local/local_unix.go). */
function boundPath(volume: VolumeFacts): Pick<Shared, 'path' | 'whole'> | null {
  const words = mountOptions(volume);
  const device = volume.options.get('device') ?? '';
  const whole = words.includes('rbind');
  if (volume.driver !== 'local' || !device.startsWith('/') || (!whole && !words.includes('bind'))) return null;
  return { path: device === '/' ? '/' : device.replace(/\/+$/, ''), whole };
}

/** Whether a path is another one, or a folder that it is in. */
export function isAbove(path: string, other: string): boolean {
  return path === other || path === '/' || other.startsWith(`${path}/`);
}
