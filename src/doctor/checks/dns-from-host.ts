import { formatAddress } from '../../ip/address.ts';
import type { Check } from '../finding.ts';
import { who } from '../words.ts';

export const dnsFromHost: Check = {
  code: 'dns-from-host',
  severity: 'warning',
  title: "The engine asks the host's resolvers for a container, from the host itself",
  why: 'Its lookups leave as the host, where no policy for the container sees them: names carry data out even of a container that may reach nothing.',
  evidence:
    "engines from 28.0 on, or a loopback resolver of the host's; a running container on a network that is neither the default bridge nor internal, without `dns:` of its own or of the engine",
  find: ({ world, nameservers }) => {
    const concerned = (world?.containers ?? []).filter(
      ({ running, lookupsFromHost }) => running && lookupsFromHost === true,
    );
    if (concerned.length === 0) return [];
    const usable = (nameservers ?? []).map(formatAddress).filter((text) => !/^(127\.|::1$)/.test(text));
    const servers = usable.length === 0 ? 'ADDRESS' : usable.map((text) => JSON.stringify(text)).join(', ');
    return [
      {
        seen: concerned.map((container) =>
          container.networkMode.kind === 'container'
            ? `${who(container)}: the resolvers of the container whose network it uses`
            : `${who(container)}: no dns of its own, engine ${world?.engine.version}`,
        ),
        mend: {
          say: 'Name the resolvers: those the engine asks from the container, where `dns` in its policy lets them pass.',
          lines: [{ kind: 'compose', text: `dns: [${servers}]` }],
        },
      },
    ];
  },
};
