import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectDaemon } from '../../src/control/client.ts';
import type { ApplyRequest, ControlHandlers, RollbackRequest, Status } from '../../src/control/protocol.ts';
import { type ControlServer, serveControl } from '../../src/control/server.ts';

let folder: string;
let path: string;
let server: ControlServer | null = null;
const asked: unknown[] = [];
let workloads = 0;

const status = (): Status => ({
  version: 1,
  state: 'enforcing',
  troubles: [],
  pid: 4711,
  startedAt: 0,
  backend: 'nftables',
  lastLine: 'stands',
  drift: { kind: 'told' },
  engine: null,
  policy: null,
  filesDiffer: null,
  workloads: Array.from({ length: workloads }, (_, at) => ({
    project: 'app',
    name: `service-${at}`,
    mode: 'enforce' as const,
    containers: 1,
    since: 0,
  })),
  unnamed: [],
  refused: [],
  unheld: [],
  canUndo: [],
  narrower: [],
  repairs: [],
  pending: null,
  counts: { reconciles: 0, seated: 0, late: 0, gaps: 0 },
  pauses: { main: 0, guard: 0 },
});

const answer = { ok: true, digest: 'd', cut: [], pending: null, warnings: [] } as const;
const handlers: ControlHandlers = {
  status: async () => status(),
  async apply(given: ApplyRequest) {
    asked.push(given);
    if (given.digest === 'throw') throw new Error('no nft');
    return answer;
  },
  async rollback(given: RollbackRequest) {
    asked.push(given);
    return { ok: false, code: 'nothing-before', message: 'nothing was in force before' };
  },
  confirm: async () => ({ confirmed: false }),
  stop: () => asked.push('stop'),
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-control-'));
  path = join(folder, 'run/sluice.sock');
  asked.length = 0;
  workloads = 0;
});

afterEach(async () => {
  await server?.close();
  server = null;
  rmSync(folder, { recursive: true, force: true });
});

/** A raw connection, and what came until it ended. */
function raw(text: string): { readonly socket: Socket; readonly ended: Promise<string> } {
  const socket = connect(path);
  let got = '';
  socket.on('data', (data) => (got += data.toString()));
  socket.on('error', () => {});
  socket.write(text);
  return { socket, ended: new Promise((resolve) => socket.on('close', () => resolve(got))) };
}

async function daemon() {
  const found = await connectDaemon(path);
  if (found === null) throw new Error('nobody listens');
  return found;
}

test('each question reaches its handler, and the answer comes back', async () => {
  server = await serveControl(path, handlers);
  const one = await daemon();
  expect(await one.status()).toEqual(status());
  expect(await one.apply({ digest: 'd', confirm: { until: 5, token: 't' } })).toEqual(answer);
  await one.apply({ digest: 'd', backend: 'iptables' });
  expect(await one.rollback({ by: 'rollback' })).toMatchObject({ ok: false, code: 'nothing-before' });
  await one.rollback({ by: 'confirm-expired', token: 't' });
  expect(await one.confirm()).toEqual({ confirmed: false });
  await one.stop();
  expect(asked).toEqual([
    { digest: 'd', confirm: { until: 5, token: 't' } },
    { digest: 'd', backend: 'iptables' },
    { by: 'rollback' },
    { by: 'confirm-expired', token: 't' },
    'stop',
  ]);
});

test("the socket and its directory are its owner's alone", async () => {
  server = await serveControl(path, handlers);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'run')).mode & 0o777).toBe(0o700);
});

test('close takes the socket away', async () => {
  const here = await serveControl(path, handlers);
  await here.close();
  expect(existsSync(path)).toBe(false);
  expect(await connectDaemon(path)).toBeNull();
});

describe('a place that is taken', () => {
  test('by a daemon that lives: it stays, and its pid is told', async () => {
    server = await serveControl(path, handlers);
    await expect(serveControl(path, handlers)).rejects.toThrow('already running (pid 4711)');
    expect((await (await daemon()).status()).pid).toBe(4711);
  });

  test('by a socket that a dead one left: replaced', async () => {
    mkdirSync(join(folder, 'run'));
    const left = createServer().listen(path);
    await new Promise((resolve) => left.once('listening', resolve));
    // what a killed process leaves: the name without anybody behind it
    const kept = join(folder, 'kept');
    (await import('node:fs')).renameSync(path, kept);
    await new Promise((resolve) => left.close(resolve));
    (await import('node:fs')).renameSync(kept, path);
    expect(await connectDaemon(path)).toBeNull();
    server = await serveControl(path, handlers);
    expect((await (await daemon()).status()).pid).toBe(4711);
  });

  test('by something that is not a socket, or a path that is too long: refused, and nothing is removed', async () => {
    mkdirSync(join(folder, 'run'));
    writeFileSync(path, 'precious');
    await expect(serveControl(path, handlers)).rejects.toThrow('is not a socket');
    expect(existsSync(path)).toBe(true);
    await expect(serveControl(join(folder, 'x'.repeat(120)), handlers)).rejects.toThrow('longer than 107 bytes');
  });
});

describe('wrong questions are answered as JSON', () => {
  const send = (method: string, to: string, body: string) =>
    new Promise<{ status: number; value: { error?: { code: string } } }>((resolve, reject) => {
      const call = request({ socketPath: path, method, path: to, agent: false }, (response) => {
        let text = '';
        response.on('data', (data: Buffer) => (text += data.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, value: JSON.parse(text) }));
      });
      call.on('error', reject);
      call.end(body);
    });

  test.each([
    ['GET', '/v1/apply', '', 404, 'unknown'],
    ['POST', '/v2/apply', '{}', 404, 'unknown'],
    ['POST', '/v1/apply', '{', 400, 'bad-request'],
    ['POST', '/v1/apply', '[]', 400, 'bad-request'],
    ['POST', '/v1/apply', '{"digest":5}', 400, 'bad-request'],
    ['POST', '/v1/apply', '{"digest":"d","confirm":{"until":"x"}}', 400, 'bad-request'],
    ['POST', '/v1/apply', '{"digest":"d","backend":"pf"}', 400, 'bad-request'],
    ['POST', '/v1/rollback', '{"by":"me"}', 400, 'bad-request'],
    ['POST', '/v1/rollback', '{"by":"confirm-expired"}', 400, 'bad-request'],
    ['POST', '/v1/apply', '{"digest":"throw"}', 500, 'failed'],
    ['POST', '/v1/apply', 'x'.repeat(70_000), 413, 'too-large'],
  ])('%s %s %.20j', async (method, to, body, code, word) => {
    server = await serveControl(path, handlers);
    const { status: got, value } = await send(method, to, body);
    expect({ got, word: value.error?.code }).toEqual({ got: code, word });
  });

  test('and the client says what was wrong', async () => {
    server = await serveControl(path, handlers);
    await expect((await daemon()).apply({ digest: 'throw' })).rejects.toThrow('the daemon refused: no nft');
  });
});

describe('a client that misbehaves holds nobody', () => {
  const short = { body: 65_536, connections: 32, question: 500, work: 5_000, answer: 500 };

  test('one that never finishes its question is left', async () => {
    server = await serveControl(path, handlers, short);
    const started = Date.now();
    const silent = raw('POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
    const head = raw('GET /v1/sta');
    expect((await (await daemon()).status()).pid).toBe(4711);
    await Promise.all([silent.ended, head.ended]);
    expect(Date.now() - started).toBeLessThan(3_000);
    expect(asked).toEqual([]);
  });

  test('what comes behind a question in the same connection is not asked', async () => {
    server = await serveControl(path, handlers, short);
    const confirm = 'POST /v1/confirm HTTP/1.1\r\nHost:\r\nContent-Length: 2\r\n\r\n{}';
    const { ended } = raw(`${confirm}POST /v1/stop HTTP/1.1\r\nHost:\r\n\r\n`);
    expect(await ended).toContain('"confirmed":false');
    expect(asked).toEqual([]);
  });

  test('one that never reads is left, and others are served meanwhile', async () => {
    workloads = 100_000;
    server = await serveControl(path, handlers, short);
    const deaf = raw('GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n');
    deaf.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 200));
    workloads = 1;
    expect((await (await daemon()).status()).pid).toBe(4711);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    deaf.socket.resume();
    expect((await deaf.ended).length).toBeLessThan(5_000_000);
  });

  test('more of them than are served do not keep others out for longer than that', async () => {
    server = await serveControl(path, handlers, { ...short, connections: 4 });
    const silent = Array.from({ length: 8 }, () => raw('GET /v1/sta'));
    await Promise.all(silent.map(({ ended }) => ended));
    expect((await (await daemon()).status()).pid).toBe(4711);
  });

  test('one that sends without end is not kept in memory, and is left when its time is over', {
    timeout: 60_000,
  }, async () => {
    server = await serveControl(path, handlers, short);
    const before = process.memoryUsage.rss();
    const sender = raw(`POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: ${2 ** 40}\r\n\r\n`);
    const piece = Buffer.alloc(1 << 20, 'x');
    let sent = 0;
    const pour = () => {
      for (let more = true; more && !sender.socket.destroyed; sent += piece.length) more = sender.socket.write(piece);
    };
    sender.socket.on('drain', pour);
    pour();
    await vi.waitFor(async () => expect((await (await daemon()).status()).pid).toBe(4711), { timeout: 30_000 });
    await sender.ended;
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(2 ** 40);
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 << 20);
    expect(asked).toEqual([]);
  });

  test('a thousand connections at once keep others out for no longer than one of them', {
    timeout: 60_000,
  }, async () => {
    server = await serveControl(path, handlers, short);
    const silent = Array.from({ length: 1_000 }, () => raw('GET /v1/sta'));
    await Promise.all(silent.map(({ ended }) => ended));
    expect((await (await daemon()).status()).pid).toBe(4711);
  });

  test('close ends connections that are open', async () => {
    const here = await serveControl(path, handlers);
    const silent = raw('GET /v1/sta');
    await new Promise((resolve) => setTimeout(resolve, 50));
    await here.close();
    await silent.ended;
  });
});

describe('a daemon that misbehaves', () => {
  test.each([
    ['hangs up', (socket: Socket) => socket.destroy(), 'broke off'],
    ['speaks something else', (socket: Socket) => socket.end('SSH-2.0-x\r\n'), 'broke off'],
    [
      'answers no JSON',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'),
      'is not JSON',
    ],
    ['never answers', () => {}, 'did not answer within 5 s'],
  ])('%s', { timeout: 20_000 }, async (_, behave, words) => {
    mkdirSync(join(folder, 'run'));
    const odd = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => behave(socket));
    }).listen(path);
    await new Promise((resolve) => odd.once('listening', resolve));
    await expect((await daemon()).status()).rejects.toThrow(words);
    odd.close();
  });
});
