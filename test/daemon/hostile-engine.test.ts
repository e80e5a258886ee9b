import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test, vi } from 'vitest';
import type { Status } from '../../src/control/protocol.ts';
import type { Daemon } from '../../src/daemon/daemon.ts';
import { openEngine } from '../../src/docker/client.ts';
import { openMirror } from '../../src/docker/mirror.ts';
import { unixGet } from '../../src/docker/transport.ts';
import { evaluate } from '../../src/evaluate/evaluate.ts';
import { protocolNumbers } from '../../src/ip/protocol.ts';
import { recorded, recordedKernel } from '../docker/recorded.ts';
import { http } from '../docker/sockets.ts';
import { address } from '../generate/build.ts';
import { DaemonHost, filesOf } from './host.ts';

const record = recorded('28.5');
type Json = Record<string, unknown>;
type Lie = (answer: ServerResponse, honest: unknown) => void;

const containers = (record.answers['/containers/json?all=1'] as readonly Json[]).map(
  ({ Id, Names }) => [String((Names as readonly string[])[0]), String(Id)] as const,
);
const idOf = new Map(containers);
const inspect = (name: string) => `/containers/${idOf.get(`/${name}`)}/json`;
const list = '/containers/json?all=1';

/** An engine on a real socket that says what a real one said, and lies where it is told to. */
class HostileEngine {
  readonly lies = new Map<string, Lie>();
  path = '';
  asked = 0;

  static async open(): Promise<HostileEngine> {
    const engine = new HostileEngine();
    engine.path = await http((request, answer) => engine.#answer(request, answer));
    return engine;
  }

  #answer({ url = '' }: IncomingMessage, answer: ServerResponse): void {
    this.asked++;
    answer.setHeader('Api-Version', record.api);
    if (url === '/_ping') return void answer.end('OK');
    const bare = decodeURIComponent(url.replace(`/v${record.api}`, ''));
    const honest = record.answers[bare];
    const lie = this.lies.get(bare);
    if (lie !== undefined) return lie(answer, structuredClone(honest));
    if (honest === undefined) answer.statusCode = 404;
    answer.end(JSON.stringify(honest ?? { message: 'no such thing' }));
  }
}

const says =
  (change: (value: Json) => unknown): Lie =>
  (answer, honest) =>
    void answer.end(JSON.stringify(change(honest as Json)));
const every = (change: (network: Json) => Json) =>
  says((networks) => (networks as unknown as readonly Json[]).map(change));

/** A daemon that holds the project `app` of the recorded host; the engine's answers have little time and room. */
async function daemonOf(engine: HostileEngine) {
  const host = new DaemonHost();
  host.files = filesOf('[internet, same-project]');
  const get = unixGet(engine.path);
  const short: typeof get = (path, { size }) => get(path, { time: 1_000, size: Math.min(size, 8 << 20) });
  const where = { kind: 'unix', path: engine.path, from: 'test' } as const;
  host.mirror = (onLate) => openMirror(openEngine(where, short), recordedKernel(record), onLate);
  const daemon = await host.start();
  await until(daemon, ({ state }) => state !== 'degraded' || host.loads.length > 0);
  await vi.waitFor(() => expect(host.applied).not.toBeNull(), { timeout: 30_000 });
  return { host, daemon };
}

async function until(daemon: Daemon, fits: (status: Awaited<ReturnType<Daemon['status']>>) => boolean) {
  return vi.waitFor(
    async () => {
      const status = await daemon.status();
      if (!fits(status)) throw new Error(`not yet: ${JSON.stringify(status.troubles)}`);
      return status;
    },
    { timeout: 30_000 },
  );
}

/** That the engine cannot be believed; that one of its containers cannot be held is said besides. */
const goneOf = ({ troubles }: Pick<Status, 'troubles'>) => troubles.find(({ code }) => code === 'engine-gone');

/** What app's containers may not reach, whatever an engine says: somebody's private hosts, and the engine's other containers. */
const forbidden = ['192.168.5.5', '10.1.2.3', '169.254.169.254', '172.17.0.2', '203.0.113.129'] as const;

function reached(host: DaemonHost): readonly string[] {
  const { ruleset } = host.applied ?? {};
  if (ruleset === undefined) throw new Error('nothing stands');
  return ruleset.endpoints
    .filter(({ workload }) => workload.startsWith('app/'))
    .flatMap((from) =>
      forbidden.filter((to) => {
        const packet = { from, to: address(to), protocol: protocolNumbers.tcp, port: 22 };
        return evaluate(ruleset, packet, Date.now()).outcome === 'allowed';
      }),
    );
}

const drips: Lie = (answer) => {
  answer.write('[');
  const timer = setInterval(() => answer.write(' '), 20);
  answer.on('close', () => clearInterval(timer));
};
const huge: Lie = (answer) => {
  const piece = ' '.repeat(1 << 20);
  answer.on('error', () => {});
  for (let count = 0; count < 32; count++) answer.write(piece);
  answer.end('[]');
};

describe('an engine whose answers cannot be believed changes nothing, and the status says so', () => {
  test.each<[string, string, Lie, RegExp]>([
    ['a list that never ends', list, drips, /did not answer/],
    ['a list that never begins', list, () => {}, /did not answer/],
    ['a list that is huge', list, huge, /longer than/],
    ['a list that is cut off', list, (answer) => answer.socket?.destroySoon(), /broke off|did not answer/],
    ['a list that is none', list, says(() => ({})), /not what its API promises/],
    ['a list that is not JSON', list, (answer) => void answer.end('[{'), /not what its API promises/],
    ['a refusal', list, (answer) => void answer.writeHead(500).end('{"message":"\\u001b[31mno"}'), /refused/],
    [
      'an inspect of somebody else',
      inspect('app-web-1'),
      says((one) => ({ ...one, Id: idOf.get('/plain') })),
      /another/,
    ],
  ])('%s', async (_what, path, lie, words) => {
    const engine = await HostileEngine.open();
    const { host, daemon } = await daemonOf(engine);
    const [loads, before] = [host.loads.length, host.applied?.ruleset];
    expect(reached(host)).toEqual([]);
    engine.lies.set(path, lie);
    host.notice({ kind: 'connected' });
    const { state, troubles } = await until(daemon, (now) => goneOf(now) !== undefined);
    const { message } = goneOf({ troubles }) ?? {};
    expect(state).toBe('degraded');
    expect(message).toMatch(words);
    expect(message).toMatch(/^[\x20-\x7e]*$/);
    expect([host.loads.length, host.applied?.ruleset]).toEqual([loads, before]);
    engine.lies.clear();
    await until(daemon, (now) => goneOf(now) === undefined);
    expect(host.loads.length).toBe(loads);
    await daemon.stop();
  });
});

const networkOf = (one: Json, change: Json): Json => {
  const settings = one['NetworkSettings'] as Json;
  const networks = Object.entries(settings['Networks'] as Record<string, Json>).map(([name, endpoint]) => [
    name,
    { ...endpoint, ...change },
  ]);
  return { ...one, NetworkSettings: { ...settings, Networks: Object.fromEntries(networks) } };
};
const labelled = (labels: Json) => (one: Json) => {
  const config = one['Config'] as Json;
  return { ...one, Config: { ...config, Labels: { ...(config['Labels'] as Json), ...labels } } };
};
const tenThousand = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`sluice.${at}`, 'any']));

describe('an engine whose lies are well-formed, or of one thing alone, opens nothing', () => {
  test.each<[string, string, Lie]>([
    [
      'networks that are all on top of each other',
      '/networks',
      every((one) => ({ ...one, IPAM: { Config: [{ Subnet: '10.0.0.0/8' }, { Subnet: '10.1.0.0/16' }] } })),
    ],
    [
      'networks that are everywhere',
      '/networks',
      every((one) => ({ ...one, IPAM: { Config: [{ Subnet: '0.0.0.0/0' }] } })),
    ],
    ['a subnet that is none', '/networks', every((one) => ({ ...one, IPAM: { Config: [{ Subnet: '10.0.0.0/33' }] } }))],
    [
      'a negative process',
      inspect('app-web-1'),
      says((one) => ({ ...one, State: { ...(one['State'] as Json), Pid: -1 } })),
    ],
    ['networks without subnets', '/networks', every((one) => ({ ...one, IPAM: null }))],
    [
      'a container with the address of another',
      inspect('plain'),
      says((one) => networkOf(one, { IPAddress: '172.31.0.3' })),
    ],
    [
      'a container with the MAC of another',
      inspect('plain'),
      says((one) => networkOf(one, { MacAddress: '02:42:ac:1f:00:03' })),
    ],
    [
      'a container with the process of another',
      inspect('app-db-1'),
      says((one) => ({ ...one, State: { ...(one['State'] as Json), Pid: 1 } })),
    ],
    ['ten thousand labels', inspect('app-web-1'), says(labelled(tenThousand))],
    ['a label of a megabyte', inspect('app-web-1'), says(labelled({ 'sluice.allow': 'any '.repeat(250_000) }))],
    [
      'a list with everybody twice',
      list,
      says((all) => [...(all as unknown as Json[]), ...(all as unknown as Json[])]),
    ],
    [
      'five thousand networks',
      '/networks',
      says((all) => [
        ...(all as unknown as Json[]),
        ...Array.from({ length: 5_000 }, (_, at) => ({
          ...(all as unknown as Json[]).at(-1),
          Id: at.toString(16).padStart(64, '0'),
          Name: `n${at}`,
          IPAM: { Config: [{ Subnet: `10.${at >> 8}.${at & 255}.0/24` }] },
        })),
      ]),
    ],
  ])('%s', async (_what, path, lie) => {
    const engine = await HostileEngine.open();
    const { host, daemon } = await daemonOf(engine);
    engine.lies.set(path, lie);
    const before = engine.asked;
    const { counts } = await daemon.status();
    host.notice({ kind: 'connected' });
    const status = await until(daemon, (now) => now.counts.reconciles > counts.reconciles || goneOf(now) !== undefined);
    expect(engine.asked).toBeGreaterThan(before);
    expect(reached(host)).toEqual([]);
    expect(JSON.stringify(status).length).toBeLessThan(8 << 20);
    await daemon.stop();
    expect(reached(host)).toEqual([]); // what was written down at the end is what stood
  });
});
