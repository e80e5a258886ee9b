import { expect, test } from 'vitest';
import { fakeDaemon } from './daemon.ts';
import { articleHost, articlePolicy, configured, mightyWorld, ssh } from './hosts.ts';

/** The shape of a value: keys with the types of their values, of a list that of its first item. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]));
}

async function json(args: readonly string[], prepare: (host: ReturnType<typeof articleHost>) => unknown = () => {}) {
  const host = articleHost();
  await host.sluice(['apply']);
  await prepare(host);
  const { out, code } = await host.sluice([...args, '--json']);
  return { value: JSON.parse(out) as Record<string, unknown>, code };
}

const source = { file: 'string', line: 'number', column: 'number', text: 'string' };
const diagnostic = { severity: 'string', code: 'string', message: 'string', fix: 'null', source, related: [] };
const unheld = {
  container: { id: 'string', name: 'string' },
  workload: 'string',
  code: 'string',
  reason: 'string',
  fix: 'string',
  wanted: 'string',
};

test('check', async () => {
  const { value } = await json(['check']);
  expect(shapeOf(value)).toEqual({
    command: 'string',
    version: 'number',
    good: 'boolean',
    files: ['string'],
    projects: 'number',
    containers: 'number',
    composeFiles: 'number',
    guardrails: 'number',
    groups: 'number',
    testEntries: 'number',
    diagnostics: [diagnostic],
  });
});

test('a policy with errors, in every command that reads one', async () => {
  for (const args of [['check'], ['apply'], ['ps'], ['explain', 'app/app', '1.1.1.1:443'], ['test', '--live']]) {
    const { value, code } = await json(args, (host) => host.files.write(configured, 'version: 2\n'));
    expect(shapeOf(value)).toMatchObject({
      command: 'string',
      version: 'number',
      good: 'boolean',
      diagnostics: [{ source }],
    });
    expect(value).toMatchObject({ command: args[0], good: false });
    expect(code).toBe(1);
  }
});

test('apply', async () => {
  const { value } = await json(['apply', '--rules'], (host) => {
    host.kernel.flows = [ssh];
    host.files.write(configured, articlePolicy.replace('internet]', 'internet:443]'));
  });
  expect(shapeOf(value)).toEqual({
    command: 'string',
    version: 'number',
    good: 'boolean',
    applied: 'boolean',
    changes: [
      {
        workload: 'string',
        containers: ['string'],
        kind: 'string',
        loses: ['string'],
        gains: [],
        mode: { from: 'string', to: 'string' },
        reaches: [{ may: ['string'], not: ['string'] }],
      },
    ],
    by: 'string',
    backend: 'string',
    cut: [{ workload: 'string', container: 'string', to: 'string', protocol: 'number', port: 'number' }],
    pending: 'null',
    unheld: [unheld],
    canUndo: [],
    diagnostics: [diagnostic],
    rules: 'string',
  });
  expect(value['cut']).toEqual([
    { workload: 'app/app', container: 'app-app-1', to: '192.168.5.5', protocol: 6, port: 22 },
  ]);
  expect(value['rules']).toContain('table inet sluice');
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

test('explain', async () => {
  const { value, code } = await json(['explain', 'app/app', '192.168.5.5:22']);
  expect(code).toBe(1);
  expect(value).toEqual({
    command: 'explain',
    version: 1,
    judged: true,
    from: {
      container: 'app-app-1',
      workload: 'app/app',
      network: 'app_default',
      bridge: 'br-000000abc001',
      addresses: ['172.20.0.2', 'fd00:20::2', 'fe80::42:acff:fe00:1'],
    },
    to: '192.168.5.5:22',
    outcome: 'denied',
    refusal: 'reset',
    mayBeSilent: false,
    publishedBy: null,
    plane: 'forward',
    packet: '192.168.5.5:22/tcp',
    onePacket: true,
    parts: { allowed: [], audited: [], denied: ['192.168.5.5:22/tcp'] },
    steps: [
      { kind: 'no-guardrail' },
      {
        kind: 'nothing-allows',
        tried: ['same-project', 'http-proxy', 'resolver', 'internet'],
        source: { file: configured, line: 10, column: 12, text: '[same-project, http-proxy, resolver, internet]' },
      },
    ],
    hints: ['192.168.5.5 is private; "internet" is public addresses only'],
    next: 'To allow it, add "192.168.5.5:22" to the allow list at /etc/sluice/policy.yaml:10.',
    inForce: true,
    pending: false,
    failingTests: 0,
    otherNetworks: [],
    replicas: [],
  });
});

test('explain, of a port that another container publishes on the host', async () => {
  const tight = articlePolicy.replace('same-project, ', '').replace(/tests:[^]*/, '');
  const { value } = await json(['explain', 'app/mongo', 'host:3000'], (host) => host.files.write(configured, tight));
  const seen = { outcome: 'denied', refusal: 'reset', mayBeSilent: true, publishedBy: 'app/app', pending: true };
  expect(value).toMatchObject(seen);
});

test('test, by the evaluator and live', async () => {
  const entry = { from: 'string', wanted: 'string', to: 'string', holds: 'boolean', source };
  expect(shapeOf((await json(['test'])).value)).toEqual({
    command: 'string',
    version: 'number',
    live: 'boolean',
    good: 'boolean',
    entries: [entry],
    diagnostics: [diagnostic],
  });
  expect(shapeOf((await json(['test', '--live'])).value)).toEqual({
    command: 'string',
    version: 'number',
    live: 'boolean',
    good: 'boolean',
    probes: [
      {
        result: 'string',
        container: 'string',
        workload: 'string',
        entry: 'string',
        wanted: 'string',
        to: 'string',
        protocol: 'number',
        port: 'number',
        evaluator: 'string',
        kernel: 'string',
        note: 'null',
      },
    ],
    notSent: [],
  });
});

test('plan', async () => {
  const { value, code } = await json(['plan'], (host) => {
    host.kernel.flows = [{ ...ssh, since: host.now - 5_000 }];
    host.files.write(configured, articlePolicy.replace('internet]', 'internet:443]'));
  });
  expect(code).toBe(2);
  const reaches = [{ may: ['string'], not: ['string'] }];
  const mode = { from: 'string', to: 'string' };
  expect(shapeOf(value)).toEqual({
    command: 'string',
    version: 'number',
    good: 'boolean',
    changes: [
      { workload: 'string', containers: ['string'], kind: 'string', loses: ['string'], gains: [], mode, reaches },
    ],
    cut: [],
    unheld: [unheld],
    canUndo: [],
    diagnostics: [diagnostic],
  });
});

test('apply and plan say who is enforced and can undo it', async () => {
  for (const command of ['apply', 'plan']) {
    const { value } = await json([command], (host) => (host.world = mightyWorld));
    expect(value['canUndo']).toEqual([
      {
        workload: 'app/app',
        container: 'app-app-1',
        code: 'net-admin',
        message: 'has NET_ADMIN: it can put itself past every hook',
      },
      {
        workload: 'app/elasticsearch',
        container: 'app-elasticsearch-1',
        code: 'privileged',
        message: "has the host's rights (privileged): it can take its rules away",
      },
      {
        workload: 'container/sidecar',
        container: 'sidecar',
        code: 'engine-socket',
        message: "has the engine's socket: it can start what nothing holds",
      },
    ]);
  }
});

test('confirm and rollback', async () => {
  const change = (host: ReturnType<typeof articleHost>) =>
    host.files.write(configured, articlePolicy.replace('internet]', 'internet:443]'));
  const confirm = async (host: ReturnType<typeof articleHost>) => {
    change(host);
    const { out } = await host.sluice(['apply', '--confirm', '60s', '--json']);
    expect(JSON.parse(out)).toMatchObject({ pending: { digest: expect.any(String), until: host.now + 60_000 } });
  };
  expect((await json(['confirm'], confirm)).value).toEqual({
    command: 'confirm',
    version: 1,
    confirmed: true,
    wentBack: null,
  });
  expect((await json(['confirm'])).value).toMatchObject({ confirmed: false });
  const back = await json(['rollback'], confirm);
  expect(shapeOf(back.value)).toMatchObject({
    command: 'string',
    version: 'number',
    good: 'boolean',
    by: 'string',
    digest: 'string',
    changes: [{ workload: 'string' }],
    cut: [],
  });
});

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
    standing: 'boolean',
    policy: { digest: 'string', since: 'number', by: 'string' },
    pending: 'null',
    problem: 'null',
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

test('chains', async () => {
  const rules = [
    '*filter',
    ':FORWARD DROP [0:0]',
    ':DOCKER - [0:0]',
    '[3:180] -A FORWARD -j DOCKER-ISOLATION-STAGE-1',
    '-A FORWARD -o br-000000abc001 -j DOCKER',
    '-A FORWARD -i br-000000abc001 ! -o br-000000abc001 -j ACCEPT',
    '-A FORWARD -s 172.20.0.0/16 -j DROP',
    'COMMIT',
    'what is this',
  ].join('\n');
  const { value, code } = await json(['chains', '--listing', '-', '--world', '/tmp/world.json'], async (host) => {
    host.files.write('/tmp/world.json', (await host.sluice(['world'])).out);
    host.input = rules;
  });
  expect(code).toBe(0);
  const network = { bridge: 'br-000000abc001', name: 'app_default', project: 'app' };
  expect(value).toMatchObject({
    command: 'chains',
    version: 1,
    source: 'standard input',
    engineAsked: true,
    layouts: [{ family: 'ip', engine: 'unknown', layouts: ['stages'], engineVersions: '18.09 to 27' }],
    counts: { chains: 2, rules: 4, byMaker: { docker: 3, unknown: 1 }, unknown: 2 },
    hooks: [{ plane: 'IPv4', hook: 'forward', chains: [{ table: 'filter', chain: 'FORWARD', priority: 0 }] }],
    tables: [
      {
        family: 'ip',
        name: 'filter',
        chains: [
          {
            name: 'FORWARD',
            base: { hook: 'forward', policy: 'drop' },
            waysOut: [{ network, by: 3 }],
            maker: 'kernel',
            rules: [
              { number: 1, line: 4, counted: { packets: 3, bytes: 180 }, outbound: 'calls' },
              {
                number: 2,
                maker: 'docker',
                sureness: 'exact',
                outbound: 'inbound',
                projects: ['app'],
                networks: [network],
              },
              { number: 3, outbound: 'lets-out', networks: [network], outranked: 0 },
              { number: 4, maker: 'unknown', outbound: 'may-stop', outranked: 1 },
            ],
          },
          { name: 'DOCKER', calledBy: ['FORWARD'], hooks: ['forward'], maker: 'docker', rules: [] },
        ],
      },
    ],
    unread: [{ line: 9, text: 'what is this' }],
    twice: [],
  });
});

test('doctor', async () => {
  const { value, code } = await json(['doctor']);
  expect(code).toBe(9);
  expect(value['unseen']).toEqual([]);
  expect(shapeOf(value)).toEqual({
    command: 'string',
    version: 'number',
    findings: [
      {
        code: 'string',
        severity: 'string',
        title: 'string',
        seen: ['string'],
        why: 'string',
        mend: { say: 'string', lines: [{ kind: 'string', text: 'string' }] },
      },
    ],
    unseen: [],
  });
  const blind = await json(['doctor'], (host) => {
    host.engineError = Object.assign(new Error('no answer'), { name: 'EngineError' });
    host.daemon = fakeDaemon(host);
  });
  expect(blind.code).toBe(3);
  expect(blind.value).toMatchObject({ findings: [], unseen: [{ why: 'no answer', fix: null }] });
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

test('an error is JSON on standard output and text on standard error', async () => {
  const host = articleHost();
  const { out, err, code } = await host.sluice(['explain', 'nobody', '1.1.1.1:443', '--json']);
  expect(JSON.parse(out)).toEqual({
    error: {
      kind: 'unable',
      exitCode: 3,
      message: 'no running container is "nobody"',
      next: 'sluice ps lists those that run',
    },
  });
  expect(err).toContain('no running container is "nobody"');
  expect(code).toBe(3);
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

test('explain --path, of a listing', async () => {
  const rules = [
    '*filter',
    ':FORWARD DROP [0:0]',
    ':OUTBOUND - [0:0]',
    '-A FORWARD -m quota --quota 1000 -j DROP',
    '-A FORWARD -i br-000000abc001 ! -o br-000000abc001 -j ACCEPT',
    '-A FORWARD -j OUTBOUND',
    '-A OUTBOUND -d 192.168.0.0/16 -j DROP',
    'COMMIT',
  ].join('\n');
  const asked = ['explain', '--path', '--listing', '-', '172.20.0.5%br-000000abc001', '192.168.5.5:22'];
  const { value, code } = await json(asked, async (host) => {
    host.input = rules;
  });
  expect(code).toBe(10);
  const decides = { table: 'filter', chain: 'FORWARD', number: 2, line: 5 };
  expect(value).toMatchObject({
    command: 'explain',
    version: 1,
    path: true,
    packet: '172.20.0.5%br-000000abc001 -> 192.168.5.5:22/tcp',
    verdict: 'depends',
    outcomes: [
      { verdict: 'accepted', decidedBy: { kind: 'rule', ...decides }, conditions: [{ rule: { number: 1 } }] },
      { verdict: 'dropped', decidedBy: { kind: 'rule', number: 1 }, conditions: [{ rule: { number: 1 } }] },
    ],
    neverReached: {
      chain: 'OUTBOUND',
      calledBy: { number: 3 },
      behind: decides,
      would: { chain: 'OUTBOUND', number: 1 },
    },
    live: null,
  });
});

test('explain --path --live, where the kernel does something else than the walk says', async () => {
  const asked = ['explain', '--path', '--live', 'app/app', '192.168.5.5:22'];
  const stopped = { began: ['prerouting', 'forward'], passed: ['prerouting'], events: [] } as const;
  const good = await json(asked);
  expect({ code: good.code, value: good.value }).toMatchObject({
    code: 0,
    value: { verdict: 'accepted', live: { kernel: 'passed', agrees: true } },
  });
  const bad = await json(asked, async (host) => {
    host.kernel.traced = stopped;
  });
  expect({ code: bad.code, value: bad.value }).toMatchObject({
    code: 1,
    value: { verdict: 'accepted', live: { kernel: 'stopped', agrees: false } },
  });
});
