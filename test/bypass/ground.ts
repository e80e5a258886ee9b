/** The host on which every row is tried: opened once for an engine and a backend. */
import { article } from '../../lab/article.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import type { BypassWay, Held } from './row.ts';
import { addressesOf } from './run-in.ts';

/**
 * The project that policies name: `app/app` has NET_ADMIN and is published on 3000, `app/elasticsearch` and `app/mongo`
 * have Docker's own capabilities, NET_RAW among them. Beside it `shop/web`, published on 8080, which no policy names.
 */
const project = article({ ipv6: true, capAdd: ['NET_ADMIN'] });
const other = `version: '3'
services:
  web: { image: lab/app, ports: ["8080:3000", "5300:53/udp"] }
networks:
  default:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.21.0.0/16 }, { subnet: "fd00:172:21::/64" }] }
`;
/** Everybody on it. */
export const everybody = ['app/app', 'app/elasticsearch', 'app/mongo', 'shop/web'];

/** What most rows are tried under: the article's HTTP proxy and resolver, and nothing else. */
export const proxyOnly: Held = {
  policy: `version: 1
projects:
  app: { allow: ["${places.proxy.v4}:3128", "${places.dns.v4}:53/udp"] }
`,
  allowed: [{ from: 'app/app', to: places.proxy.v4, port: 3128 }],
};

/** As generous as a policy by addresses can be, for rows about the host and neighbours: neither is among them. */
export const allAddresses: Held = {
  policy: `version: 1
projects:
  app: { allow: [internet, private, multicast] }
`,
  allowed: [
    { from: 'app/app', to: places.internet.v4, port: 443 },
    { from: 'app/app', to: places.private.v6, port: 22 },
  ],
};

export async function openGround({ engine }: BypassWay, say?: (text: string) => void): Promise<Site> {
  const site = await openSite({ engine, routed: true, say });
  try {
    await site.host.compose('app', project, 'up', '-d');
    await site.host.compose('shop', other, 'up', '-d');
    for (const who of everybody) await addressesOf(site, who);
    return site;
  } catch (error) {
    await site.stop();
    throw error;
  }
}
