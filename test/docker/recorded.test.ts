import { describe, expect, test } from 'vitest';
import { readWorld } from '../../src/docker/snapshot.ts';
import { formatAddress } from '../../src/ip/address.ts';
import { formatPrefix } from '../../src/ip/prefix.ts';
import { decodeWorld, encodeWorld } from '../../src/world/json.ts';
import { workloadName } from '../../src/world/workload.ts';
import type { Container, World } from '../../src/world/world.ts';
import { recorded, recordedEngine, recordedKernel, recordedVersions } from './recorded.ts';

describe.each(recordedVersions)('the recorded host of engine %s', (version) => {
  const record = recorded(version);
  const world = async () => readWorld(await recordedEngine(record), recordedKernel(record));
  // Compose 1.29 joins names with underscores
  const named = ({ containers }: World, name: string) => {
    const found = containers.find((one) => one.name.replaceAll('_', '-') === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };
  const places = (one: World, { endpoints }: Container) =>
    endpoints.map(({ network, addresses, port }) => ({
      network: one.networks.find(({ id }) => id === network)?.name,
      addresses: addresses.map(formatAddress),
      port: port !== null,
    }));

  test('every container is there with its workload', async () => {
    expect((await world()).containers.map(workloadName).sort()).toEqual([
      'app/alone',
      'app/db',
      'app/onhost',
      'app/resolver',
      'app/sidecar',
      'app/web',
      'container/both',
      'container/claims',
      'container/created',
      'container/exited',
      'container/nat66',
      'container/onlan',
      'container/plain',
      'container/plaindns',
    ]);
  });

  test('networks have their options, IPv6 and the routers that were set', async () => {
    const { networks } = await world();
    const of = (name: string) => {
      const { ipv6, routers, options } = networks.find((one) => one.name === name) ?? {};
      return { ipv6, routers: routers?.map(formatAddress), options: options && Object.fromEntries(options) };
    };
    expect(of('lanside')).toEqual({ ipv6: false, routers: undefined, options: { parent: 'eth0' } });
    expect(of('app_front')).toMatchObject({ ipv6: true, options: { 'com.docker.network.bridge.name': 'br-front' } });
    expect(of('bridge')).toMatchObject({
      ipv6: false,
      routers: version === '20.10' ? undefined : ['172.17.0.1'],
      options: { 'com.docker.network.bridge.enable_icc': 'true' },
    });
    expect(of('none')).toEqual({ ipv6: false, routers: undefined, options: undefined });
  });

  test('only on 28.5 the engine asks from the host, for who is on user networks with a way out and set no resolver', async () => {
    const { containers } = await world();
    const asking = containers.filter(({ lookupsFromHost }) => lookupsFromHost === true).map(({ name }) => name);
    expect(asking.map((name) => name.replaceAll('_', '-'))).toEqual(
      version === '28.5' ? ['app-sidecar-1', 'app-web-1', 'both', 'nat66', 'onlan'] : [],
    );
  });

  test.each([
    [{ Privileged: true }, [], { privileged: true }],
    [{ CapAdd: ['CAP_NET_ADMIN', 'sys_ptrace', 'NET_ADMIN'] }, [], { capabilities: ['NET_ADMIN', 'SYS_PTRACE'] }],
    [{ UsernsMode: 'host' }, [], { hostUsers: true }],
    [{}, ['/var/run/docker.sock', '/srv/data'], { engineSockets: ['/var/run/docker.sock'] }],
    [{}, ['/', '/run', '/run/containerd'], { engineSockets: ['/', '/run', '/run/containerd'] }],
    [{}, ['/run/docker/containerd'], { engineSockets: ['/run/docker/containerd'] }],
    [{ PidMode: 'host' }, [], { hostProcesses: true }],
    [{ PidMode: 'container:app-web-1' }, [], { processesOf: 'app-web-1' }],
    [{}, ['/srv/docker.sock', '/run/docker.sock.d', '/var/runs', '/var'], null],
    [{ Privileged: false, CapAdd: null, UsernsMode: '', PidMode: '' }, [], null],
  ])('rights beyond the ordinary are seen: %j, mounts %j', async (rights, mounts, expected) => {
    const engine = await recordedEngine(record, (path, answer) => {
      if (!/^\/containers\/[0-9a-f]{64}\/json$/.test(path)) return answer;
      const inspect = answer as { HostConfig: object };
      return {
        ...inspect,
        HostConfig: { ...inspect.HostConfig, ...rights },
        Mounts: mounts.map((Source) => ({ Type: 'bind', Source })),
      };
    });
    const { powers } = named(await readWorld(engine, recordedKernel(record)), 'plain');
    const none = { privileged: false, capabilities: [], engineSockets: [], hostUsers: false, hostProcesses: false };
    expect(powers).toEqual(expected === null ? undefined : { ...none, ...expected });
  });

  test('networks have their bridges, subnets, gateways and Compose keys', async () => {
    const { networks, engine } = await world();
    const shown = networks.map(({ name, driver, bridge, subnets, gateways, internal, composeKey }) => ({
      name,
      driver,
      bridge: bridge?.name.replace(/^br-[0-9a-f]{12}$/, 'br-ID'),
      subnets: subnets.map(formatPrefix),
      gateways: gateways.map(formatAddress).filter((text) => !text.startsWith('fe80:')),
      internal,
      composeKey,
    }));
    const plain = { internal: false, composeKey: null, gateways: [] };
    expect(shown).toEqual([
      {
        name: 'app_back',
        driver: 'bridge',
        bridge: 'br-ID',
        subnets: ['172.31.0.0/24'],
        gateways: ['172.31.0.1'],
        internal: true,
        composeKey: 'back',
      },
      {
        name: 'app_front',
        driver: 'bridge',
        bridge: 'br-front',
        subnets: ['172.30.0.0/24', 'fd00:30::/64'],
        gateways: ['172.30.0.1', 'fd00:30::1'],
        internal: false,
        composeKey: 'front',
      },
      {
        ...plain,
        name: 'bridge',
        driver: 'bridge',
        bridge: 'docker0',
        subnets: ['172.17.0.0/16'],
        gateways: ['172.17.0.1'],
      },
      { ...plain, name: 'host', driver: 'host', bridge: undefined, subnets: [] },
      { ...plain, name: 'lanside', driver: 'macvlan', bridge: undefined, subnets: ['203.0.113.0/24'] },
      { ...plain, name: 'none', driver: 'null', bridge: undefined, subnets: [] },
    ]);
    expect(engine.version).toMatch(new RegExp(`^${version}`));
    expect(engine.hostGateway.map(formatAddress)).toEqual(['172.17.0.1']);
  });

  test('a container on two networks has an endpoint, addresses and a port on each', async () => {
    const one = await world();
    const web = named(one, 'app-web-1');
    expect(places(one, web).map(({ network, port }) => ({ network, port }))).toEqual([
      { network: 'app_back', port: true },
      { network: 'app_front', port: true },
    ]);
    expect(places(one, web)[1]?.addresses).toEqual([
      expect.stringMatching(/^172\.30\.0\.\d+$/),
      expect.stringMatching(/^fd00:30::\d$/),
    ]);
    const ports = web.endpoints.map(({ port }) => port?.index);
    expect(new Set(ports).size).toBe(2);
    expect(
      new Set(one.containers.flatMap(({ endpoints }) => endpoints.flatMap(({ port }) => port?.name ?? []))).size,
    ).toBe(10);
  });

  test('network modes', async () => {
    const one = await world();
    expect(named(one, 'app-onhost-1').networkMode).toEqual({ kind: 'host' });
    expect(named(one, 'app-alone-1').networkMode).toEqual({ kind: 'none' });
    expect(named(one, 'app-sidecar-1').networkMode).toEqual({
      kind: 'container',
      container: named(one, 'app-web-1').id,
    });
    for (const name of ['app-onhost-1', 'app-alone-1', 'app-sidecar-1']) expect(named(one, name).endpoints).toEqual([]);
    expect(places(one, named(one, 'onlan'))).toEqual([
      { network: 'lanside', addresses: ['203.0.113.129'], port: false },
    ]);
  });

  test('containers that do not run have their networks and nothing more', async () => {
    const one = await world();
    expect(named(one, 'created')).toMatchObject({ running: false, pid: null });
    expect(places(one, named(one, 'created'))).toEqual([{ network: 'app_back', addresses: [], port: false }]);
    expect(places(one, named(one, 'exited'))).toEqual([{ network: 'bridge', addresses: [], port: false }]);
  });

  test('published ports, of both families', async () => {
    const { published } = named(await world(), 'app-web-1');
    const shown = published.map(
      ({ protocol, hostAddress, hostPort, containerPort }) =>
        `${hostAddress === null ? '*' : formatAddress(hostAddress)} ${hostPort} ${containerPort}/${protocol}`,
    );
    const both = ['8080 80/tcp', '9000 9000/tcp', '9001 9001/tcp', '90 90/udp'];
    expect(shown.toSorted()).toEqual(
      [...both.flatMap((one) => [`0.0.0.0 ${one}`, `:: ${one}`]), '127.0.0.1 8081 81/udp'].toSorted(),
    );
  });

  /** As if its labels of this name were Sluice's, of which alone anything is kept. */
  const withOurs = async (name: string) => {
    const ours = (_: string, answer: unknown): unknown =>
      JSON.parse(JSON.stringify(answer).replaceAll(`"${name}":`, `"sluice.${name}":`));
    return readWorld(await recordedEngine(record, ours), recordedKernel(record));
  };

  test('labels of the image are not those of the container, nor is its claim to a project', async () => {
    const claims = named(await withOurs('own'), 'claims');
    expect([...claims.labels]).toEqual([['sluice.own', '2']]);
    expect([...named(await withOurs('img'), 'claims').labels]).toEqual([]);
    expect(claims).toMatchObject({ project: null, service: null });
  });

  test('hostile labels come through as they are', async () => {
    expect(named(await withOurs('hostile'), 'app-web-1').labels.get('sluice.hostile')).toBe('a\u001b[31m"; drop\n{}');
  });

  test('the world survives its JSON', async () => {
    const json = encodeWorld(await world());
    const back = decodeWorld(JSON.parse(JSON.stringify(json)));
    expect('kind' in back ? back : encodeWorld(back)).toEqual(json);
  });

  test('resolvers are those that the own resolv.conf names, as this engine wrote it', async () => {
    for (const { name, running, networkMode, resolvers } of (await world()).containers) {
      if (!running || networkMode.kind === 'host' || networkMode.kind === 'none') continue;
      const text = record.resolvConf[name] ?? record.resolvConf[name.replace('sidecar', 'web')] ?? '';
      expect({ name, resolvers: resolvers.map(formatAddress) }).toEqual({ name, resolvers: dialled(name, text) });
    }
  });

  /** The servers dialled from the container, by its resolv.conf; engines up to 25 do not write the upstream ones down. */
  function dialled(name: string, text: string): readonly string[] {
    const upstream = /^# ExtServers: \[(.*)\]$/m.exec(text)?.[1];
    if (upstream !== undefined)
      return upstream.split(' ').filter((server) => !server.startsWith('host(') && !server.startsWith('127.'));
    const servers = [...text.matchAll(/^nameserver (\S+)$/gm)].map(([, server]) => server ?? '');
    if (!servers.includes('127.0.0.11')) return servers;
    const own = name.includes('resolver') ? ['10.9.9.9'] : ['203.0.113.53'];
    const dual = ['app_web_1', 'app_sidecar_1', 'both', 'nat66'].includes(name) ? ['2001:db8:9::53'] : [];
    return [...own, ...(name.includes('resolver') ? ['fd00:53::53'] : dual)];
  }
});
