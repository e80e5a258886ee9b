import { formatAddress } from '../../ip/address.ts';
import type { PublishedPort } from '../../world/world.ts';
import type { ProxyPort } from '../facts.ts';
import type { Check } from '../finding.ts';
import { who } from '../words.ts';

export const publishedEverywhere: Check = {
  code: 'published-everywhere',
  severity: 'note',
  title: 'A port is published on every address of the host, and docker-proxy answers there',
  why: 'Any network the host has reaches it, and other containers do by any address of the host: docker-proxy dials from the host, past the forward hooks.',
  evidence: 'a port published on 0.0.0.0 or ::, and a docker-proxy that listens on it',
  find: ({ world, proxies }) => {
    if (world === null || proxies === null) return [];
    const concerned = world.containers.flatMap((container) => {
      const open = container.running ? container.published.filter((port) => isProxied(port, proxies)) : [];
      const texts = new Set(
        open.map(({ hostPort, containerPort, protocol }) => `${hostPort}:${containerPort}/${protocol}`),
      );
      return texts.size === 0 ? [] : [{ container, texts: [...texts] }];
    });
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container, texts }) => `${who(container)}: ${texts.join(', ')}`),
        mend: {
          say: 'Publish on the one address that is meant, such as the loopback behind a reverse proxy.',
          lines: concerned.map(({ texts }) => ({
            kind: 'compose',
            text: `ports: [${texts.map((text) => JSON.stringify(`127.0.0.1:${text}`)).join(', ')}]`,
          })),
        },
      },
    ];
  },
};

const everywhere = ['0.0.0.0', '::'];

function isProxied({ hostAddress, hostPort, protocol }: PublishedPort, proxies: readonly ProxyPort[]): boolean {
  const open = hostAddress === null || everywhere.includes(formatAddress(hostAddress));
  return (
    open &&
    proxies.some((one) => one.port === hostPort && one.protocol === protocol && everywhere.includes(one.address))
  );
}
