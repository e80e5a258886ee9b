import { expect, test } from 'vitest';
import { fakeDaemon } from '../daemon.ts';
import { articleHost } from '../hosts.ts';
import { json, shapeOf, unheld } from './shapes.ts';

test('status, with the daemon everything it says, without it what is known', async () => {
  const running = await json(['status'], (host) => (host.daemon = fakeDaemon(host)));
  expect(running).toMatchObject({
    code: 0,
    value: {
      command: 'status',
      version: 1,
      running: true,
      state: 'enforcing',
      lastLine: 'stands',
      canUndo: [],
      narrower: [],
      pid: 4711,
      policy: { by: 'files' },
      workloads: [{ project: 'app', name: 'app', mode: 'enforce', containers: 1 }, {}, {}],
      reaches: { 'app/app': 'same-project, http-proxy, resolver, internet; not cloud-metadata' },
    },
  });
  const stopped = await json(['status']);
  expect(stopped.code).toBe(7);
  expect(shapeOf(stopped.value)).toEqual({
    command: 'string',
    version: 'number',
    running: 'boolean',
    backend: 'string',
    intact: 'null',
    narrower: [],
    standing: 'boolean',
    policy: { digest: 'string', since: 'number', by: 'string' },
    pending: 'null',
    problem: 'null',
  });
});

test('down and version', async () => {
  expect((await json(['down'])).value).toEqual({
    command: 'down',
    version: 1,
    daemon: null,
    tables: true,
    backends: ['nftables'],
    bridges: ['br-000000abc001', 'br-000000abc002', 'docker0'],
    forgotten: true,
  });
  expect((await json(['version'])).value).toEqual({
    command: 'version',
    version: 1,
    sluice: '0.1.0',
    commit: '3f9c2ab',
  });
});

test('ps', async () => {
  const { value } = await json(['ps']);
  expect(shapeOf(value)).toEqual({
    command: 'string',
    version: 'number',
    inForce: 'boolean',
    failingTests: 'number',
    containers: [
      {
        id: 'string',
        name: 'string',
        workload: 'string',
        project: 'string',
        service: 'string',
        running: 'boolean',
        addresses: ['string'],
        mode: 'string',
        standing: 'string',
        pending: 'boolean',
        endpoints: [{ bridge: 'string', port: 'string', mac: 'string', program: 'string' }],
        reaches: [{ program: 'string', may: ['string'], not: ['string'] }],
      },
    ],
    unheld: [unheld],
    unidentified: [],
    diagnostics: [],
  });
});

test('networks', async () => {
  const { value, code } = await json(['networks', 'app_default']);
  expect(code).toBe(0);
  expect(shapeOf(value)).toEqual({
    command: 'string',
    version: 'number',
    inForce: 'boolean',
    problem: 'null',
    networks: [
      {
        id: 'string',
        name: 'string',
        driver: 'string',
        meaning: 'string',
        subnets: ['string'],
        gateways: ['string'],
        bridge: 'string',
        internal: 'boolean',
        ipv6: 'null',
        icc: 'boolean',
        masquerade: 'boolean',
        gatewayMode: { ip4: 'string', ip6: 'string' },
        hostBinding: 'string',
        trustedInterfaces: [],
        parent: 'null',
        mode: 'null',
        project: 'string',
        composeKey: 'string',
        held: 'string',
        reason: 'null',
        containers: [
          {
            id: 'string',
            name: 'string',
            workload: 'string',
            running: 'boolean',
            shares: 'null',
            addresses: ['string'],
            published: ['string'],
            mode: 'string',
            reason: 'null',
          },
        ],
      },
    ],
  });
});

test('world prints what --world reads', async () => {
  const host = articleHost();
  const { out } = await host.sluice(['world']);
  host.files.write('/tmp/world.json', out);
  host.world = { ...host.world, containers: [] };
  for (const args of [['ps'], ['networks'], ['explain', 'app/app', '8.8.8.8:443']]) {
    host.input = out;
    const saved = await host.sluice([...args, '--world', '/tmp/world.json']);
    expect(saved.code).toBe(0);
    expect(await host.sluice([...args, '--world', '-'])).toEqual(saved);
  }
});
