import { isLoopbackHost } from '../../ip/loopback.ts';
import type { Logging } from '../../world/world.ts';
import type { Check } from '../finding.ts';
import { who } from '../words.ts';

export const logFromHost: Check = {
  code: 'log-from-host',
  severity: 'warning',
  title: 'The engine sends the output of a container over the network, from the host itself',
  why: 'What it writes to its output leaves as the host, where no policy for the container sees it: even one that may reach nothing is heard there.',
  evidence:
    'a running container with the log driver syslog, gelf, fluentd or splunk and an address that is none of the loopback, or with awslogs or gcplogs',
  find: ({ world }) => {
    const concerned = (world?.containers ?? []).flatMap((container) => {
      const { running, logging } = container;
      return running && logging !== undefined && leavesHost(logging) ? [{ container, logging }] : [];
    });
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(
          ({ container, logging: { driver, address } }) =>
            `${who(container)}: log driver ${driver}${address === null ? '' : ` to ${address}`}`,
        ),
        mend: {
          say: 'Keep its output on the host, and let a collector of yours read it there.',
          lines: [{ kind: 'compose', text: 'logging: { driver: local }' }],
        },
      },
    ];
  },
};

/** Without an address syslog writes to the host's own, and fluentd to 127.0.0.1:24224 (moby, daemon/logger). */
function leavesHost({ driver, address }: Logging): boolean {
  if (driver === 'awslogs' || driver === 'gcplogs') return true;
  if (!['syslog', 'gelf', 'fluentd', 'splunk'].includes(driver) || address === null) return false;
  const [, scheme = '', host = ''] = /^(?:([a-z0-9+]+):\/\/)?(\[[^\]]*\]|[^/:]*)/i.exec(address) ?? [];
  return !scheme.startsWith('unix') && host !== '' && !isLoopbackHost(host.replace(/^\[|\]$/g, ''));
}
