import { expect, test } from 'vitest';
import { fakeDaemon } from '../daemon.ts';
import { articleHost, articlePolicy, configured } from '../hosts.ts';
import { json, shapeOf } from './shapes.ts';

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
    value: { verdict: 'accepted', live: { kernel: 'passed', agrees: true, compared: 'hook', differs: null } },
  });
  const bad = await json(asked, async (host) => {
    host.kernel.traced = stopped;
  });
  expect({ code: bad.code, value: bad.value }).toMatchObject({
    code: 1,
    value: { verdict: 'accepted', live: { kernel: 'stopped', agrees: false, compared: null, differs: 'fate' } },
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
