import type { VolumeFacts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { mountOptions, volumesOf } from '../mounts.ts';
import { who } from '../words.ts';

/** File systems of the kernel that live on another computer. */
const remote = ['nfs', 'nfs4', 'cifs', 'smb3', 'ceph', 'glusterfs', 'afs'];

export const networkVolume: Check = {
  code: 'network-volume',
  severity: 'warning',
  title: 'A volume of a container is on another computer',
  why: 'The host writes there what the container writes: its files leave as the host, where no policy for the container sees them.',
  evidence: `a volume of the driver local with the type ${remote.join(', ')}`,
  find: (facts) => {
    const concerned = (facts.world?.containers ?? []).flatMap((container) => {
      const volumes = container.running ? volumesOf(container, facts).filter(isRemote) : [];
      return volumes.length === 0 ? [] : [{ container, volumes }];
    });
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container, volumes }) => `${who(container)}: ${volumes.map(volumeText).join(', ')}`),
        mend: {
          say: 'Count that computer among what the container may reach, or give it a volume of the host.',
          lines: [],
        },
      },
    ];
  },
};

function isRemote({ driver, options }: VolumeFacts): boolean {
  return driver === 'local' && remote.includes(options.get('type') ?? '');
}

function volumeText(volume: VolumeFacts): string {
  const { name, options } = volume;
  const address = mountOptions(volume).find((word) => word.startsWith('addr='));
  const where = [options.get('device'), address?.slice('addr='.length)].filter((text) => text !== undefined);
  return `volume ${name}, ${options.get('type')} ${where.join(' at ')}`;
}
