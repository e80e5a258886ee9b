/** The article's project as a compose file, with images of our own making. */

export interface ArticleOptions {
  /** Gives the project's network an IPv6 subnet too (`fd00:172:20::/64`). */
  ipv6?: boolean | undefined;
  /** Gives the IPv6 side no masquerade (gateway mode `routed`; engines from 27 on). Open the site with `routed`. */
  routed6?: boolean | undefined;
  /** More driver options of the network, e.g. `com.docker.network.bridge.name`. */
  driverOpts?: Record<string, string> | undefined;
  /** Capabilities for `app` (`NET_ADMIN`; NET_RAW is Docker's default). */
  capAdd?: readonly string[] | undefined;
  /** Third and fourth 16 bits of the subnets: 20 gives 172.20.0.0/16; another number makes room for a second project. */
  net?: number | undefined;
  /** Host port published to `app`'s 3000; 3000 unless told, null for none. */
  publish?: number | null | undefined;
}

/** docker-compose.yml of the article: `app` published on 3000, elasticsearch and mongo behind it. */
export function article(options: ArticleOptions = {}): string {
  const net = options.net ?? 20;
  const publish = options.publish === undefined ? 3000 : options.publish;
  const subnets = [`{ subnet: 172.${net}.0.0/16 }`];
  if (options.ipv6) subnets.push(`{ subnet: "fd00:172:${net}::/64" }`);
  const driver = {
    ...(options.routed6 ? { 'com.docker.network.bridge.gateway_mode_ipv6': 'routed' } : {}),
    ...options.driverOpts,
  };
  const opts = Object.keys(driver).length > 0 ? `    driver_opts: ${JSON.stringify(driver)}\n` : '';
  return `version: '3'
services:
  app:
    image: lab/app
${publish === null ? '' : `    ports: ["${publish}:3000"]\n`}${options.capAdd ? `    cap_add: [${options.capAdd.join(', ')}]\n` : ''}  elasticsearch: { image: lab/app }
  mongo: { image: lab/app }
networks:
  default:
${options.ipv6 ? '    enable_ipv6: true\n' : ''}${opts}    ipam:
      config: [${subnets.join(', ')}]
`;
}
