import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOf } from '../../src/ip/address.ts';
import { prefixOf } from '../../src/ip/prefix.ts';
import { decodeWorld, encodeWorld } from '../../src/world/json.ts';
import { workloadName } from '../../src/world/workload.ts';
import type { Container, Network, World } from '../../src/world/world.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', '\u001b[2J', '"; drop', '\ud800', ''),
);
const address = fc.oneof(
  fc.bigInt(0n, (1n << 32n) - 1n).map((value) => addressOf(4, value)),
  fc.bigInt(0n, (1n << 128n) - 1n).map((value) => addressOf(6, value)),
);
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => [...bytes].map((one) => one.toString(16).padStart(2, '0')).join(':'));
const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const index = fc.integer({ min: 1, max: 0x7fffffff });
const interfaceName = fc.stringMatching(/^[A-Za-z0-9_]{1,15}$/);
const port = fc.record({ name: interfaceName, index });
const number = fc.integer({ min: 0, max: 65535 });
const nullable = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null });

const network: fc.Arbitrary<Network> = fc.record({
  id,
  name: text,
  driver: text,
  bridge: nullable(fc.record({ name: interfaceName, index, mac })),
  subnets: fc.subarray(['10.0.0.0/8', '172.20.0.0/16', 'fd00::/64', '192.0.2.1/32'].map(prefixOf)),
  gateways: fc.array(address),
  internal: fc.boolean(),
  project: nullable(text),
  composeKey: nullable(text),
});

const given = fc.record(
  {
    powers: fc.record(
      {
        privileged: fc.boolean(),
        capabilities: fc.array(text),
        engineSockets: fc.array(text),
        hostUsers: fc.boolean(),
        hostProcesses: fc.boolean(),
        processesOf: text,
      },
      { requiredKeys: ['privileged', 'capabilities', 'engineSockets', 'hostUsers'] },
    ),
    mounts: fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('bind' as const), path: text, writable: fc.boolean() }),
        fc.record({ kind: fc.constant('volume' as const), volume: text, writable: fc.boolean() }),
      ),
    ),
    logging: fc.record({ driver: text, address: nullable(text) }),
    imageLabels: fc.array(text),
  },
  { requiredKeys: [] },
);

const container = (networks: readonly Network[]): fc.Arbitrary<Container> =>
  fc.tuple(ordinary(networks), given).map(([one, more]) => ({ ...one, ...more }));

const ordinary = (networks: readonly Network[]): fc.Arbitrary<Container> =>
  fc.record({
    id,
    name: text,
    image: text,
    running: fc.boolean(),
    pid: nullable(index),
    project: nullable(text),
    service: nullable(text),
    labels: fc.array(fc.tuple(text, text)).map((pairs) => new Map(pairs)),
    composeFiles: fc.array(text),
    networkMode: fc.oneof(
      fc.constantFrom({ kind: 'networks' } as const, { kind: 'host' } as const, { kind: 'none' } as const),
      id.map((target) => ({ kind: 'container', container: target }) as const),
    ),
    endpoints:
      networks.length === 0
        ? fc.constant([])
        : fc.array(
            fc.record({
              network: fc.constantFrom(...networks.map((one) => one.id)),
              addresses: fc.array(address),
              mac: nullable(mac),
              port: nullable(port),
            }),
          ),
    published: fc.array(
      fc.record({
        protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
        hostAddress: nullable(address),
        hostPort: number,
        containerPort: number,
      }),
    ),
    resolvers: fc.array(address),
  });

const world: fc.Arbitrary<World> = fc.array(network, { maxLength: 4 }).chain((networks) =>
  fc.record(
    {
      engine: fc.record({ version: text, apiVersion: text, hostGateway: fc.array(address) }),
      host: fc.record({
        name: text,
        addresses: fc.array(fc.record({ interface: text, address, length: fc.integer({ min: 0, max: 32 }) })),
        bridgeNetfilter: nullable(fc.record({ ip: fc.boolean(), ip6: fc.boolean() })),
      }),
      networks: fc.constant(networks),
      containers: fc.array(container(networks), { maxLength: 4 }),
      unidentified: fc.array(fc.record({ id, name: text, reason: text })),
    },
    { requiredKeys: ['engine', 'host', 'networks', 'containers'] },
  ),
);

/** A container with what has no order of its own as a set. */
const comparable = ({ mounts, imageLabels, ...one }: Container) => ({
  ...one,
  published: new Set(one.published),
  ...(mounts && { mounts: new Set(mounts) }),
  ...(imageLabels && { imageLabels: new Set(imageLabels) }),
});

describe('a world as JSON', () => {
  test('comes back as it was, through text, hostile names and all', () => {
    fc.assert(
      fc.property(world, (one) => {
        const json = JSON.stringify(encodeWorld(one));
        const back = decodeWorld(JSON.parse(json));
        if ('kind' in back) throw new Error(`${back.path}: ${back.message}`);
        expect(JSON.stringify(encodeWorld(back))).toBe(json);
        expect(back.engine).toEqual(one.engine);
        expect(back.host.bridgeNetfilter).toEqual(one.host.bridgeNetfilter);
        for (const container of one.containers)
          expect(back.containers.map(comparable)).toContainEqual(comparable(container));
      }),
      { numRuns: 200 },
    );
  });

  test('does not depend on the order the engine listed things in', () => {
    fc.assert(
      fc.property(world, (one) => {
        const turned: World = {
          ...one,
          host: { ...one.host, addresses: one.host.addresses.toReversed() },
          networks: one.networks.toReversed(),
          containers: one.containers.toReversed().map((inner) => ({
            ...inner,
            labels: new Map([...inner.labels].toReversed()),
            published: inner.published.toReversed(),
          })),
        };
        expect(JSON.stringify(encodeWorld(turned))).toBe(JSON.stringify(encodeWorld(one)));
      }),
      { numRuns: 200 },
    );
  });

  test('any other JSON is a problem with a path, never an exception', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(decodeWorld(value)).toMatchObject({ kind: 'not-a-world' });
      }),
    );
  });
});

describe('a world that was changed by hand', () => {
  const good = () => ({
    version: 1 as unknown,
    engine: { version: '28.5.2', apiVersion: '1.51', hostGateway: ['172.17.0.1'] },
    host: { name: 'h', addresses: [{ interface: 'lo', address: '127.0.0.1', length: 8 }], bridgeNetfilter: null },
    networks: [
      {
        id: 'n1',
        name: 'app',
        driver: 'bridge',
        bridge: { name: 'br-app', index: 4, mac: '02:00:00:00:00:01' },
        subnets: ['10.0.0.0/24'],
        gateways: ['10.0.0.1'],
        internal: false,
        project: null,
        composeKey: null,
      },
    ],
    containers: [
      {
        id: 'c1',
        name: 'web',
        image: 'x',
        running: true,
        pid: 5,
        project: null,
        service: null,
        labels: {},
        composeFiles: [],
        networkMode: { kind: 'networks' },
        endpoints: [
          { network: 'n1', addresses: ['10.0.0.2'], mac: '02:00:00:00:00:02', port: { name: 'veth1', index: 5 } },
        ],
        published: [],
        resolvers: [],
      },
    ],
  });
  type Good = ReturnType<typeof good>;

  test('the unchanged one is read', () => {
    expect(decodeWorld(good())).not.toHaveProperty('path');
  });

  test.each<[string, (one: Good) => void, string]>([
    ['a version of the future', (one) => Object.assign(one, { version: 2 }), 'version'],
    ['an unknown field', (one) => Object.assign(one.host, { nmae: 1 }), 'host'],
    ['a missing field', (one) => Reflect.deleteProperty(one.containers[0] ?? {}, 'pid'), 'containers[0].pid'],
    [
      'an address',
      (one) => Object.assign(one.containers[0]?.endpoints[0] ?? {}, { addresses: ['10.0.0.256'] }),
      'containers[0].endpoints[0].addresses[0]',
    ],
    [
      'a prefix with host bits',
      (one) => Object.assign(one.networks[0] ?? {}, { subnets: ['10.0.0.1/24'] }),
      'networks[0].subnets[0]',
    ],
    [
      'a MAC',
      (one) => Object.assign(one.containers[0]?.endpoints[0] ?? {}, { mac: '02:00:00:00:00:0G' }),
      'containers[0].endpoints[0].mac',
    ],
    [
      'an interface name with syntax of rules',
      (one) => Object.assign(one.networks[0]?.bridge ?? {}, { name: 'a" drop' }),
      'networks[0].bridge.name',
    ],
    [
      'a label that is no text',
      (one) => Object.assign(one.containers[0]?.labels ?? {}, { 'a.b': 1 }),
      'containers[0].labels',
    ],
    [
      'an endpoint of no network',
      (one) => Object.assign(one.containers[0]?.endpoints[0] ?? {}, { network: 'n2' }),
      'containers[0].endpoints[0].network',
    ],
    [
      'a port beyond the last',
      (one) =>
        Object.assign(one.containers[0] ?? {}, {
          published: [{ protocol: 'tcp', hostAddress: null, hostPort: 65536, containerPort: 1 }],
        }),
      'containers[0].published[0].hostPort',
    ],
  ])('%s is named by its path', (_what, change, path) => {
    const one = good();
    change(one);
    expect(decodeWorld(one)).toMatchObject({ kind: 'not-a-world', path });
  });
});

test('a workload is PROJECT/SERVICE with both labels, else container/NAME', () => {
  expect(workloadName({ name: 'app-web-1', project: 'app', service: 'web' })).toBe('app/web');
  expect(workloadName({ name: 'x', project: 'app', service: null })).toBe('container/x');
  expect(workloadName({ name: 'x', project: null, service: null })).toBe('container/x');
});
