import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../lab/host.ts';
import { engines } from '../../lab/roots.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { formatAddress } from '../../src/ip/address.ts';
import { decodeWorld, encodeWorld } from '../../src/world/json.ts';
import type { Container, World } from '../../src/world/world.ts';
import { runInside } from '../host/inside/run.ts';

const project = `version: '2.4'
services:
  web:
    image: lab/app
    ports: ["8080:80", "127.0.0.1:8081:53/udp"]
    networks: [front, back]
    cap_add: [NET_ADMIN]
  db: { image: lab/app, networks: [back] }
  sidecar: { image: lab/app, command: ["tcp", "9999"], network_mode: "service:web" }
  onhost: { image: lab/app, command: ["tcp", "9998"], network_mode: host }
  alone: { image: lab/app, network_mode: none }
networks:
  front:
    enable_ipv6: true
    driver_opts: { com.docker.network.bridge.name: br-front }
    ipam: { config: [{ subnet: 172.30.0.0/24 }, { subnet: "fd00:172:30::/64" }] }
  back: { internal: true }
`;

async function read(host: Host): Promise<World> {
  const world = decodeWorld(await runInside(host, 'world'));
  if ('kind' in world) throw new Error(`${world.path}: ${world.message}`);
  return world;
}

interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly link_index?: number;
  readonly address: string;
  readonly addr_info: readonly { readonly local: string; readonly scope: string }[];
}

describe.each(engines)('engine %s', (engine) => {
  let site: Site;
  let host: Host;
  beforeAll(async () => {
    site = await openSite({ engine });
    host = site.host;
    await host.compose('app', project, 'up', '-d');
    await host.docker('run', '-d', '--name', 'plain', 'lab/app');
    await host.docker('network', 'create', 'extra');
    await host.docker('network', 'connect', 'extra', 'plain');
    await host.docker('create', '--name', 'created', 'lab/app');
  });
  afterAll(() => site?.stop());

  const service = ({ containers }: World, name: string): Container => {
    const found = containers.find((one) => one.service === name || one.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };
  /** The interfaces that the kernel shows in a process's own namespace, by `ip`, in which nothing of ours has a part. */
  const inside = async (pid: number | null): Promise<readonly IpLink[]> =>
    JSON.parse(await host.must(['nsenter', '-n', '-t', String(pid), 'ip', '-j', 'addr'])) as IpLink[];

  /** Proves each endpoint: the far end of its port is an interface of the container with its MAC and its addresses. */
  async function proveEndpoints(world: World): Promise<number> {
    let proven = 0;
    for (const { name, pid, running, endpoints } of world.containers) {
      if (!running) continue;
      for (const { port, mac, addresses } of endpoints) {
        const far = (await inside(pid)).find(({ link_index }) => link_index === port?.index);
        expect(far?.address, name).toBe(mac);
        const global = far?.addr_info.filter(({ scope }) => scope === 'global').map(({ local }) => local);
        expect(global?.toSorted(), name).toEqual(addresses.map(formatAddress).toSorted());
        proven++;
      }
    }
    return proven;
  }

  test('what was made is what is there', async () => {
    const world = await read(host);
    expect(world.engine.version).toMatch(new RegExp(`^${engine}`));
    expect(
      world.containers
        .map(({ project: of, service: name, name: own }) => (of === null ? own : `${of}/${name}`))
        .toSorted(),
    ).toEqual(['app/alone', 'app/db', 'app/onhost', 'app/sidecar', 'app/web', 'created', 'plain']);
    expect(service(world, 'onhost').networkMode).toEqual({ kind: 'host' });
    expect(service(world, 'alone').networkMode).toEqual({ kind: 'none' });
    expect(service(world, 'sidecar').networkMode).toEqual({ kind: 'container', container: service(world, 'web').id });
    expect(service(world, 'created')).toMatchObject({ running: false, pid: null });
    expect(service(world, 'web').endpoints).toHaveLength(2);
    expect(world.networks.find(({ name }) => name === 'app_front')).toMatchObject({
      bridge: { name: 'br-front' },
      composeKey: 'front',
    });
    expect(world.host).toMatchObject({ name: 'dockerhost', bridgeNetfilter: { ip: true, ip6: true } });
    expect(world.host.addresses.map(({ address }) => formatAddress(address))).toEqual(
      expect.arrayContaining([host.v4, host.v6, '127.0.0.1', '::1']),
    );
  });

  test('the port of each endpoint really leads to the container, with its MAC and addresses', async () => {
    expect(await proveEndpoints(await read(host))).toBe(5);
  });

  test('bridge netfilter is seen on and off', async () => {
    await host.setBrNetfilter(false);
    try {
      expect((await read(host)).host.bridgeNetfilter).toEqual({ ip: false, ip6: false });
    } finally {
      await host.setBrNetfilter(true);
    }
  });

  test('after restarts and another start order ports still lead to their containers', async () => {
    const before = await read(host);
    await host.docker('restart', '-t', '0', 'plain', service(before, 'db').name);
    const world = await read(host);
    expect(service(world, 'db').endpoints[0]?.port).not.toEqual(service(before, 'db').endpoints[0]?.port);
    expect(await proveEndpoints(world)).toBe(5);
  });

  test('nothing done inside a container changes what the world says', async () => {
    const before = encodeWorld(await read(host));
    const web = service(await read(host), 'web');
    const db = service(await read(host), 'db');
    const [one, other] = web.endpoints;
    const [a, b] = (await inside(web.pid)).filter(({ link_index }) => link_index !== undefined);
    if (a === undefined || b === undefined || one === undefined || other === undefined)
      throw new Error('web has two interfaces');
    const commands = [
      `link set ${a.ifname} down`,
      `link set ${b.ifname} down`,
      // names, MACs and addresses swapped between its interfaces, and a neighbour's added
      `link set ${a.ifname} name tmp0`,
      `link set ${b.ifname} name ${a.ifname}`,
      `link set tmp0 name ${b.ifname}`,
      `link set ${b.ifname} address ${b.address}`,
      `link set ${a.ifname} address ${a.address}`,
      'addr flush scope global',
      `addr add ${b.addr_info[0]?.local}/24 dev ${b.ifname}`,
      `addr add ${a.addr_info[0]?.local}/24 dev ${a.ifname}`,
      `addr add ${formatAddress(db.endpoints[0]?.addresses[0] ?? raise('db has no address'))}/24 dev ${a.ifname}`,
      `link set ${a.ifname} up`,
      `link set ${b.ifname} up`,
      // a veth pair of its own, and a bridge called as the host's
      'link add veth9 type veth peer name veth8',
      'link add br-front type bridge',
      'link set veth9 master br-front',
      'link set veth9 up',
    ];
    await host.must(['nsenter', '-n', '-t', String(web.pid), 'ip', '-batch', '-'], {
      input: `${commands.join('\n')}\n`,
    });
    expect(encodeWorld(await read(host))).toEqual(before);
    await host.docker('restart', '-t', '0', web.name);
    expect(await proveEndpoints(await read(host))).toBe(5);
  });

  test('a container that moves its interface away is no longer proven, and nobody else is by it', async () => {
    const before = await read(host);
    const db = service(before, 'db');
    const [eth] = (await inside(db.pid)).filter(({ link_index }) => link_index !== undefined);
    const target = service(before, 'plain');
    await host.must([
      'nsenter',
      '-n',
      '-t',
      String(db.pid),
      'ip',
      'link',
      'set',
      String(eth?.ifname),
      'netns',
      String(target.pid),
      'name',
      'stolen',
    ]);
    const world = await read(host);
    expect(service(world, 'db').endpoints[0]?.port).toBeNull();
    expect(service(world, 'plain').endpoints).toEqual(target.endpoints);
    await host.docker('restart', '-t', '0', db.name, 'plain');
    expect(await proveEndpoints(await read(host))).toBe(5);
  });

  test('the world is read while containers start and stop, and never gives one the port of another', async () => {
    let going = true;
    const churn = (async () => {
      for (let i = 0; going && i < 15; i++)
        await host.docker(
          'run',
          '--rm',
          '-d',
          '--name',
          `churn${i}`,
          '--stop-timeout',
          '0',
          '--network',
          'extra',
          '--entrypoint',
          '/bin/sleep',
          'lab/app',
          '0.2',
        );
    })();
    try {
      for (let i = 0; i < 5; i++) {
        const ports = (await read(host)).containers.flatMap(({ endpoints }) =>
          endpoints.flatMap(({ port }) => port?.index ?? []),
        );
        expect(new Set(ports).size).toBe(ports.length);
      }
    } finally {
      going = false;
      await churn;
    }
  });
});

function raise(message: string): never {
  throw new Error(message);
}
