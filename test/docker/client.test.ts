import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { connectEngine } from '../../src/docker/client.ts';
import { EngineError } from '../../src/docker/engine-error.ts';
import { readWorld } from '../../src/docker/snapshot.ts';
import { unixGet } from '../../src/docker/transport.ts';
import { encodeWorld } from '../../src/world/json.ts';
import type { World } from '../../src/world/world.ts';
import { recorded, recordedEngine, recordedGet, recordedKernel } from './recorded.ts';
import { http, nowhere, raw } from './sockets.ts';

const limits = { time: 300, size: 10_000 };

async function failure(work: Promise<unknown>): Promise<EngineError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('an engine that does not answer as one should', () => {
  const withHead = (body: string, length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${body}`;

  test.each<[string, (socket: Socket) => void, string, RegExp]>([
    ['says nothing', () => {}, 'unreachable', /within 300 ms/],
    ['hangs up', (socket) => socket.end(), 'unreachable', /broke off/],
    ['is closed at once', (socket) => socket.destroy(), 'unreachable', /broke off/],
    ['is cut off within the body', (socket) => socket.end(withHead('[1,2', 100)), 'unreachable', /broke off/],
    ['stops within the body', (socket) => socket.write(withHead('[1,2', 100)), 'unreachable', /within 300 ms/],
    ['does not speak HTTP', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'), 'malformed', /does not speak HTTP/],
    [
      'sends endless headers',
      (socket) => socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`),
      'malformed',
      /does not speak HTTP/,
    ],
    [
      'announces too much',
      (socket) => socket.end(withHead('x'.repeat(20_000), 20_000)),
      'malformed',
      /longer than 10000 bytes/,
    ],
    [
      'drips for ever',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        const timer = setInterval(() => socket.write('1\r\nx\r\n'), 20);
        socket.on('close', () => clearInterval(timer));
      },
      'unreachable',
      /within 300 ms/,
    ],
  ])('%s', async (_what, speak, kind, message) => {
    const get = unixGet(await raw(speak));
    const started = performance.now();
    const error = await failure(get('/x', limits));
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(error).toMatchObject({ kind, message: expect.stringMatching(message) });
  });

  test('an answer that goes on coming is waited for, and one that falls silent is not, nor one that never ends', async () => {
    const dripping = (pieces: number) =>
      raw((socket) => {
        socket.write(withHead('', 1_000));
        let left = pieces;
        const timer = setInterval(() => {
          if (left-- > 0) socket.write('x'.repeat(100));
        }, 60);
        socket.on('close', () => clearInterval(timer));
      });
    const patient = { ...limits, time: 2_000, silence: 300 };
    expect((await unixGet(await dripping(10))('/x', patient)).body).toHaveLength(1_000);
    expect((await failure(unixGet(await dripping(8))('/x', patient))).message).toMatch(/within 300 ms/);
    const shorter = { ...patient, time: 400 };
    expect((await failure(unixGet(await dripping(10))('/x', shorter))).message).toMatch(/within 400 ms/);
  });

  test('a body without end is given up at the limit', async () => {
    const path = await http((_request, answer) => {
      const timer = setInterval(() => answer.write('y'.repeat(5_000)), 1);
      answer.on('close', () => clearInterval(timer));
    });
    expect(await failure(unixGet(path)('/x', limits))).toMatchObject({ kind: 'malformed' });
  });

  test('the errors of a missing and of a dead socket name the next step', async () => {
    const missing = await failure(unixGet(nowhere())('/x', limits));
    expect(missing).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/is Docker installed and running/),
    });
  });

  test('after an error the next question is answered', async () => {
    let first = true;
    const path = await http((request, answer) => {
      if (first) request.socket.destroy();
      else answer.end('"fine"');
      first = false;
    });
    const get = unixGet(path);
    await failure(get('/x', limits));
    expect((await get('/x', limits)).body.toString()).toBe('"fine"');
  });
});

describe('lists longer than anybody holds', () => {
  const id = (digit: string) => digit.repeat(64);
  const container = (digit: string, labels: string) =>
    `{"Id":"${id(digit)}","Names":["/c${digit}"],"Image":"app","ImageID":"sha256:1","Labels":{${labels}},"State":"running","HostConfig":{"NetworkMode":"default"},"NetworkSettings":{"Networks":{}}}`;
  const network = (digit: string, labels: string, config = '') =>
    `{"Name":"n${digit}","Id":"${id(digit)}","Driver":"bridge","IPAM":{"Config":[${config}]},"Internal":false,"Options":{},"Labels":{${labels}}}`;
  const megabyte = 'x'.repeat(1 << 20);
  const long = `"com.example.long":"${megabyte.repeat(70)}","sluice.allow":"dns"`;

  async function engineThatSays(list: string) {
    const path = await http((request, answer) => {
      answer.setHeader('Api-Version', '1.51');
      answer.end(request.url === '/_ping' ? 'OK' : list);
    });
    return connectEngine({ kind: 'unix', path, from: 'test' });
  }

  test('of containers: each is read, one that is as long alone too', async () => {
    const list = `[${container('1', '"a":"b"')},${container('2', long)},${container('3', '')}]\n`;
    const engine = await engineThatSays(list);
    const read = await engine.containers();
    expect(read).toMatchObject({ unreadable: [], bytes: list.length });
    expect(read.containers.map(({ name, labels }) => [name, ...labels])).toEqual([
      ['c1'],
      ['c2', ['sluice.allow', 'dns']],
      ['c3'],
    ]);
    // and once more: who says the same is the same
    expect((await engine.containers([id('2')])).containers[1]).toBe(read.containers[1]);
  });

  test('of networks', async () => {
    const engine = await engineThatSays(
      `[${network('1', long)},${network('2', long, '{"Subnet":"10.0.0.0/8"}')},${network('3', '')}]`,
    );
    expect((await engine.networks()).networks.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3']);
  });

  test('about one container: what is read of it is not lost among the rest', async () => {
    const record = recorded('28.5');
    const path = Object.keys(record.answers).find((at) =>
      JSON.stringify(record.answers[at]).includes('"Name":"/app-web-1"'),
    );
    const answer = record.answers[path ?? ''] as { Id: string; Config: { Labels: Record<string, string> } };
    const plain = await (await engineThatSays(JSON.stringify(answer))).container(answer.Id);
    const more = {
      ...answer,
      Config: { ...answer.Config, Labels: { ...answer.Config.Labels, long: megabyte.repeat(70) } },
    };
    const read = await (await engineThatSays(JSON.stringify(more))).container(answer.Id);
    expect(read.kind).toBe('found');
    expect(read).toEqual(plain);
  });

  test('an entry that says too much of what is read is known by its id', async () => {
    const { length } = 'x'.repeat(130_000);
    const names = Array.from({ length: 100 }, (_, at) => `"${String(at).padEnd(length, 'x')}":{}`);
    const entry = container('2', '').replace('"Networks":{', () => `"Networks":{${names.join(',')}`);
    const engine = await engineThatSays(`[${container('1', '')},${entry},${container('3', '')}]`);
    const { containers, unreadable } = await engine.containers();
    expect(containers.map(({ name }) => name)).toEqual(['c1', 'c3']);
    expect(unreadable).toEqual([{ id: id('2'), name: 'c2' }]);
  });

  test('a network that says too much of what is read is there by its name, id and driver', async () => {
    const configs = Array.from({ length: 100 }, () => `{"Gateway":"${'1'.repeat(130_000)}"}`).join(',');
    const engine = await engineThatSays(`[${network('1', '', configs)},${network('2', '')}]`);
    const { networks } = await engine.networks();
    expect(networks.find(({ name }) => name === 'n1')).toMatchObject({ id: id('1'), driver: 'bridge', subnets: [] });
    expect(networks).toHaveLength(2);
  });

  test('labels of other people push none of ours out, and those that look like ours few', async () => {
    const noise = ['aaa', 'com.docker.compose.a', 'sluice.a'].flatMap((name) =>
      Array.from({ length: 1_000 }, (_, at) => `"${name}${at}":"1"`),
    );
    const ours = ['"com.docker.compose.project":"app"', '"com.docker.compose.config-hash":"1"', '"sluice.deny":"dns"'];
    const engine = await engineThatSays(`[${container('1', [...noise, ...ours].join(','))}]`);
    const [one] = (await engine.containers()).containers;
    expect(one?.labels.size).toBe(19);
    expect(
      ['com.docker.compose.project', 'com.docker.compose.config-hash', 'sluice.deny'].map((key) =>
        one?.labels.get(key),
      ),
    ).toEqual(['app', '1', 'dns']);
  });

  test('a refusal is told as ever, and a list without its end is none', async () => {
    const engine = await engineThatSays(`[${container('1', '')},`);
    expect(await failure(engine.containers())).toMatchObject({ kind: 'malformed', message: /not a list/ });
  });
});

describe('the version of the API', () => {
  const spoken = async (theirs: string) => {
    const paths: string[] = [];
    const path = await http((request, answer) => {
      paths.push(request.url ?? '');
      answer.setHeader('Api-Version', theirs);
      answer.end('[]');
    });
    const engine = await connectEngine({ kind: 'unix', path, from: 'test' });
    await engine.networks();
    return paths;
  };

  test.each([
    ['1.40', '1.40'],
    ['1.41', '1.41'],
    ['1.51', '1.51'],
    ['1.55', '1.51'],
    ['2.0', '1.51'],
  ])('an engine of %s is spoken to in %s', async (theirs, ours) => {
    expect(await spoken(theirs)).toEqual(['/_ping', `/v${ours}/networks`]);
  });

  test.each([['1.24'], ['1.39'], [''], ['1.41; drop'], ['../../x']])('an engine of %j is refused', async (theirs) => {
    await expect(spoken(theirs)).rejects.toThrow(EngineError);
  });
});

describe('what the engine says is read field by field', () => {
  const record = recorded('28.5');
  const [networksPath, listPath] = ['/networks', '/containers/json?all=1'];
  const web =
    Object.keys(record.answers).find((path) => JSON.stringify(record.answers[path]).includes('"Name":"/app-web-1"')) ??
    '';
  const set = (at: string, keys: readonly (string | number)[], value: unknown) => (path: string, answer: unknown) => {
    if (path !== at) return answer;
    let inner = answer as Record<string | number, unknown>;
    for (const key of keys.slice(0, -1)) inner = inner[key] as Record<string | number, unknown>;
    inner[keys.at(-1) ?? ''] = value;
    return answer;
  };
  const networks = ['NetworkSettings', 'Networks', 'app_front'];

  test.each<[string, string, readonly (string | number)[], unknown]>([
    ['an address that is none', web, [...networks, 'IPAddress'], '172.30.0.300'],
    ['an address with syntax of rules', web, [...networks, 'IPAddress'], '172.30.0.2 } accept'],
    ['an address that is a number', web, [...networks, 'IPAddress'], 7],
    ['a MAC with syntax of rules', web, [...networks, 'MacAddress'], '02:42:ac:1e:00:02; drop'],
    ['networks that are a list', web, ['NetworkSettings', 'Networks'], []],
    ['labels that are no texts', web, ['Config', 'Labels'], { 'com.docker.compose.project': 1 }],
    ['a process id below zero', web, ['State', 'Pid'], -1],
    ['a process id that is a text', web, ['State', 'Pid'], '12'],
    ['an image whose id no address can have', web, ['Image'], '\ud800'],
    ['no state', web, ['State'], undefined],
    [
      'a published port beyond the last',
      web,
      ['NetworkSettings', 'Ports'],
      { '80/tcp': [{ HostIp: '', HostPort: '70000' }] },
    ],
    ['a protocol unknown', web, ['NetworkSettings', 'Ports'], { '80/xyz': [{ HostIp: '', HostPort: '80' }] }],
    ['a subnet that is none', networksPath, [0, 'IPAM', 'Config'], [{ Subnet: '10.0.0.0/33' }]],
    ['a MAC in capitals', web, [...networks, 'MacAddress'], '02:42:AC:1E:00:02'],
    ['a MAC of eight bytes', web, [...networks, 'MacAddress'], '02:00:5e:10:00:00:00:01'],
    ['a port that the engine is to choose', web, ['HostConfig', 'PortBindings'], { '80/TCP': [{ HostPort: '0' }] }],
  ])('%s is unknown of one container, and everybody else is as before', async (_what, path, keys, value) => {
    const read = async (change?: (path: string, answer: unknown) => unknown) =>
      readWorld(await recordedEngine(record, change), recordedKernel(record));
    const [before, world] = [await read(), await read(set(path, keys, value))];
    const others = ({ containers }: World) =>
      containers.filter(({ name }) => name !== 'app-web-1').map(({ name, endpoints }) => ({ name, endpoints }));
    expect(others(world)).toEqual(others(before));
    const its = world.containers.find(({ name }) => name === 'app-web-1');
    expect([its?.project, its?.service]).toEqual(['app', 'web']);
    expect(JSON.stringify(encodeWorld(world))).not.toMatch(/\} accept|00:02; drop|xyz|70000|172\.30\.0\.300/);
  });

  test.each<[string, string, readonly (string | number)[], unknown]>([
    ['an answer about another container', web, ['Id'], 'e'.repeat(64)],
    ['an id that is a path', listPath, [0, 'Id'], '../../etc'],
    ['a list that is an object', listPath, [], {}],
  ])('%s makes no world', async (_what, path, keys, value) => {
    const change =
      keys.length === 0 ? (at: string, answer: unknown) => (at === path ? value : answer) : set(path, keys, value);
    const error = await failure(
      recordedEngine(record, change).then((engine) => readWorld(engine, recordedKernel(record))),
    );
    expect(error.kind).toBe('malformed');
    expect(error.message).toMatch(/^[\x20-\x7e]*$/);
  });

  test('a label called __proto__ is a label', async () => {
    const labels = JSON.parse('{"__proto__": "x", "constructor": "y", "sluice.__proto__": "z"}') as unknown;
    const engine = await recordedEngine(record, set(web, ['Config', 'Labels'], labels));
    const world = await readWorld(engine, recordedKernel(record));
    expect([...(world.containers.find(({ name }) => name === 'app-web-1')?.labels ?? [])]).toEqual([
      ['sluice.__proto__', 'z'], // the others nobody reads
    ]);
  });

  test('a refusal of the engine is told in its words, without their control characters', async () => {
    const get = recordedGet(record);
    const engine = await connectEngine({ kind: 'unix', path: '/x', from: 'test' }, async (path, options) =>
      path.endsWith('/networks')
        ? { status: 500, headers: {}, body: Buffer.from(JSON.stringify({ message: 'no \u001b[31mluck' })) }
        : get(path, options),
    );
    expect(await failure(engine.networks())).toMatchObject({
      kind: 'api',
      status: 500,
      message: expect.stringMatching(/no +\[31mluck/),
    });
  });

  test('an inspect that finds nothing is gone, one that does not come is busy, and so is one that is refused', async () => {
    const path = await http((request, answer) => {
      answer.setHeader('Api-Version', '1.51');
      if (request.url?.includes('slow')) return;
      if (request.url?.includes('gone')) answer.statusCode = 404;
      if (request.url?.includes('broken')) answer.statusCode = 500;
      answer.end('{}');
    });
    const get = unixGet(path);
    const engine = await connectEngine({ kind: 'unix', path, from: 'test' }, (at, options) =>
      get(at, { ...options, time: 200, silence: 200 }),
    );
    expect(await engine.container('gone')).toEqual({ kind: 'gone' });
    expect(await engine.container('slow')).toEqual({ kind: 'busy' });
    expect(await engine.container('broken')).toEqual({ kind: 'busy' });
    expect(await engine.image('broken')).toEqual({ kind: 'unreadable' });
    // one that is no such answer says nothing of one container, and is no reason to follow nobody
    expect(await engine.container('empty')).toEqual({ kind: 'unreadable' });
  });
});
