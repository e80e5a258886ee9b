import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { readLongEvent } from '../../src/docker/event-message.ts';
import { type EngineNotice, type Following, followEvents } from '../../src/docker/events.ts';
import { subscribe } from '../../src/docker/subscribe.ts';
import { listen, nowhere } from './sockets.ts';

/** Waits until it holds; a busy machine may take its time. */
const soon = <Result>(holds: () => Result | Promise<Result>) => vi.waitFor(holds, { timeout: 20_000 });

const container = 'c'.repeat(64);
const network = 'd'.repeat(64);

/** A message as engines up to 28 write it, with the fields of before API 1.22 too. */
function message(fields: object): string {
  return JSON.stringify({ status: 'x', id: 'x', from: 'lab/app', scope: 'local', time: 1, ...fields });
}
const about = (Action: string, timeNano = '1700000000123456789', Attributes: object = {}) =>
  message({ Type: 'container', Action, Actor: { ID: container, Attributes }, timeNano: 0 }).replace(
    '"timeNano":0',
    `"timeNano":${timeNano}`,
  );

/** An engine whose stream of events the test speaks. */
class Engine {
  readonly path = nowhere();
  /** What was asked for, in order. */
  readonly asked: URLSearchParams[] = [];
  status = 200;
  #streams: ServerResponse[] = [];
  #close = () => {};

  async start(): Promise<void> {
    const server = createServer((request, answer) => this.#answer(request, answer));
    this.#close = await listen(server, this.path);
  }

  stop(): void {
    this.#close();
    this.#streams = [];
  }

  say(text: string | Buffer): void {
    for (const stream of this.#streams) stream.write(text);
  }

  /** Ends the stream properly, as an engine that is stopped does. */
  hangUp(): void {
    for (const stream of this.#streams) stream.end();
    this.#streams = [];
  }

  #answer({ url = '' }: IncomingMessage, answer: ServerResponse): void {
    answer.setHeader('Api-Version', '1.45');
    if (url === '/_ping') return void answer.end('OK');
    const { pathname, searchParams } = new URL(url, 'http://docker');
    expect(pathname).toBe('/v1.45/events');
    this.asked.push(searchParams);
    if (this.status !== 200) return void answer.writeHead(this.status).end('{"message":"no"}');
    answer.flushHeaders();
    this.#streams.push(answer);
  }
}

let following: Following | undefined;
afterEach(() => following?.stop());

async function followed(): Promise<{ engine: Engine; notices: EngineNotice[] }> {
  const engine = new Engine();
  await engine.start();
  const notices: EngineNotice[] = [];
  following = followEvents({ kind: 'unix', path: engine.path, from: 'test' }, (notice) => notices.push(notice));
  await soon(() => expect(notices).toEqual([{ kind: 'connected' }]));
  return { engine, notices };
}
const kinds = (notices: readonly EngineNotice[]) =>
  notices.map((notice) => (notice.kind === 'event' ? notice.event.action : notice.kind));

describe('what the engine says', () => {
  test('is told as it comes: of containers, and of networks with whom they are about', async () => {
    const { engine, notices } = await followed();
    engine.say(`${about('start')}\n`);
    const Actor = { ID: network, Attributes: { container, name: 'app_front', type: 'bridge' } };
    engine.say(`${JSON.stringify({ Type: 'network', Action: 'connect', Actor, timeNano: 1.7e18 })}\n`);
    await soon(() => expect(notices).toHaveLength(3));
    expect(notices.slice(1)).toEqual([
      { kind: 'event', event: { kind: 'container', action: 'start', container, at: 1700000000123456789n } },
      {
        kind: 'event',
        event: { kind: 'network', action: 'connect', network, container, at: 1700000000000000000n },
      },
    ]);
  });

  test('is understood in pieces, several at once, with record separators and with blank lines', async () => {
    const { engine, notices } = await followed();
    const bytes = Buffer.from(
      `\x1e${about('start', '1', { label: 'ä€🙂' })}\n\n\r\n${about('die')}\n\x1e${about('destroy')}\n`,
    );
    for (const byte of bytes) {
      engine.say(Buffer.of(byte));
      if (byte === 0x0a) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    engine.say(`${about('create')}\n${about('start')}\n`);
    await soon(() => expect(kinds(notices)).toEqual(['connected', 'start', 'die', 'destroy', 'create', 'start']));
  });

  test('is not what a label of a container says', async () => {
    const { engine, notices } = await followed();
    const Attributes = { timeNano: '5', Type: 'network', container: 'e'.repeat(64), __proto__: null, action: 'x' };
    engine.say(`${about('die', '7', Attributes)}\n`);
    await soon(() => expect(notices).toHaveLength(2));
    expect(notices[1]).toEqual({ kind: 'event', event: { kind: 'container', action: 'die', container, at: 7n } });
  });

  test('of labels longer than anybody reads is about whom it begins with, and nothing is lost behind it', async () => {
    const { engine, notices } = await followed();
    const label = `","Attributes":{}},"timeNano":1}${'x'.repeat(70 << 20)}`;
    const long = about('start', '1700000000000000007', { label });
    for (let at = 0; at < long.length; at += 1 << 20) engine.say(long.slice(at, at + (1 << 20)));
    engine.say(`\n${about('die', '1700000000000000008')}\n`);
    await soon(() => expect(notices).toHaveLength(3));
    expect(notices.slice(1)).toEqual([
      { kind: 'event', event: { kind: 'container', action: 'start', container, at: 1700000000000000007n } },
      { kind: 'event', event: { kind: 'container', action: 'die', container, at: 1700000000000000008n } },
    ]);
  });

  test('of a container is read by its two ends from 64 KiB on, and all of them in little time', async () => {
    const { engine, notices } = await followed();
    const label = '\\n'.repeat(1 << 20);
    const many = Array.from({ length: 20 }, (_, at) => `${about('die', String(at + 1), { label })}\n`);
    const parse = vi.spyOn(JSON, 'parse');
    for (const one of many) engine.say(one);
    for (const length of [65_000, 66_000]) engine.say(`${about('start', '99', { label: 'x'.repeat(length) })}\n`);
    await soon(() => expect(notices).toHaveLength(23));
    expect(parse.mock.calls.filter(([text]) => text.length > 65_536)).toEqual([]);
    parse.mockRestore();
    expect(notices.slice(1, 21)).toEqual(
      many.map((_, at) => ({
        kind: 'event',
        event: { kind: 'container', action: 'die', container, at: BigInt(at + 1) },
      })),
    );
    expect(kinds(notices).slice(21)).toEqual(['start', 'start']);
  });

  test('of a network is read whole, however long, up to what nobody reads', async () => {
    const { engine, notices } = await followed();
    const connected = (name: string) => {
      const Actor = { ID: network, Attributes: { a: name, container, type: 'bridge' } };
      return `${JSON.stringify({ Type: 'network', Action: 'connect', Actor, timeNano: 1.7e18 })}\n`;
    };
    for (const length of [1, 60_000, 70_000, 1 << 20, 4_000_000]) engine.say(connected('n'.repeat(length)));
    engine.say(`${about('die')}\n`);
    await soon(() => expect(notices).toHaveLength(7));
    for (const notice of notices.slice(1, 6))
      expect(notice).toEqual({
        kind: 'event',
        event: { kind: 'network', action: 'connect', network, container, at: 1700000000000000000n },
      });
  });

  test('what is about neither containers nor networks is nothing to us', async () => {
    const { engine, notices } = await followed();
    for (const Type of ['image', 'volume', 'daemon', 'builder', 'to-come'])
      engine.say(`${JSON.stringify({ Type, Action: 'x', Actor: { ID: '', Attributes: null }, timeNano: 1 })}\n`);
    engine.say(`${about('create')}\n`);
    await soon(() => expect(kinds(notices)).toEqual(['connected', 'create']));
  });

  test.each([
    ['no JSON', 'null}'],
    ['JSON that is no object', '"start"'],
    ['no time', message({ Type: 'container', Action: 'die', Actor: { ID: container } })],
    ['a time that is a text', about('die', '"7"')],
    ['a time with a fraction', about('die', '7.5')],
    ['no actor', message({ Type: 'container', Action: 'die', timeNano: 1 })],
    ['an id that is none', message({ Type: 'container', Action: 'die', Actor: { ID: '../x' }, timeNano: 1 })],
    ['a line that is too long', 'x'.repeat((4 << 20) + 1)],
  ])('%s: something is lost, and it is followed anew, without asking for it again', async (_what, line) => {
    const { engine, notices } = await followed();
    engine.say(`${about('start', '1700000000000000001')}\n${line}\n${about('die')}\n`);
    await soon(() => expect(kinds(notices)).toEqual(['connected', 'start', 'gap', 'connected']));
    expect(Number(engine.asked[1]?.get('since'))).toBeGreaterThan(Date.now() / 1000 - 10);
  });

  test('a line without end is given up', async () => {
    const { engine } = await followed();
    let opened = false;
    const ended = subscribe({
      socketPath: engine.path,
      path: '/v1.45/events?',
      time: 5_000,
      longLine: 100,
      isReadByItsEnds: () => false,
      longestLine: 1_000,
      endlessLine: 100_000,
      signal: new AbortController().signal,
      onOpen: () => (opened = true),
      onLine: () => true,
      onLong: (beginning, end) => readLongEvent(beginning, end) !== null,
    });
    await soon(() => expect(opened).toBe(true));
    engine.say('y'.repeat(100_001));
    expect(await ended).toMatch(/cannot be read/);
  });
});

describe('the stream', () => {
  test('asks for containers and networks, since now, and after an end since the last event', async () => {
    const { engine, notices } = await followed();
    const [first] = engine.asked;
    expect(JSON.parse(first?.get('filters') ?? '')).toMatchObject({
      type: ['container', 'network'],
      event: expect.arrayContaining(['create', 'start', 'die', 'destroy', 'rename', 'connect', 'disconnect']),
    });
    expect(first?.get('since')).toMatch(/^\d{10}\.\d{9}$/);
    expect(Math.abs(Number(first?.get('since')) - Date.now() / 1000)).toBeLessThan(5);
    engine.say(`${about('start', '1700000000000000009')}\n`);
    await soon(() => expect(notices).toHaveLength(2));
    engine.hangUp();
    await soon(() => expect(kinds(notices)).toEqual(['connected', 'start', 'gap', 'connected']));
    expect(engine.asked[1]?.get('since')).toBe('1700000000.000000010');
  });

  test.each<[string, (engine: Engine) => void]>([
    ['is ended', (engine) => engine.hangUp()],
    ['is cut off', (engine) => engine.say('{"Type":')],
  ])('that %s is opened again, and what was cut is not believed', async (_what, end) => {
    const { engine, notices } = await followed();
    end(engine);
    engine.stop();
    await soon(() => expect(kinds(notices).slice(0, 2)).toEqual(['connected', 'gap']));
    await engine.start();
    await soon(() => expect(kinds(notices).at(-1)).toBe('connected'));
    engine.say(`${about('start')}\n`);
    await soon(() => expect(kinds(notices).at(-1)).toBe('start'));
  });

  test('an engine that is away is tried again and again, and told of once', async () => {
    const { engine, notices } = await followed();
    engine.stop();
    await new Promise((resolve) => setTimeout(resolve, 700));
    const gaps = notices.slice(1);
    expect(gaps.length).toBeGreaterThan(0);
    expect(gaps.length).toBeLessThan(4); // one for the end, one for why it cannot be opened
    expect(gaps.at(-1)).toMatchObject({ kind: 'gap', reason: expect.stringMatching(/engine/) });
    const back = performance.now();
    await engine.start();
    await soon(() => expect(kinds(notices).at(-1)).toBe('connected'));
    expect(performance.now() - back).toBeLessThan(1_500);
  });

  test('an engine that refuses is told of', async () => {
    const engine = new Engine();
    engine.status = 500;
    await engine.start();
    const notices: EngineNotice[] = [];
    following = followEvents({ kind: 'unix', path: engine.path, from: 'test' }, (notice) => notices.push(notice));
    await soon(() => expect(notices).toEqual([{ kind: 'gap', reason: 'the engine refused (500)' }]));
    engine.status = 200;
    await soon(() => expect(kinds(notices)).toEqual(['gap', 'connected']));
  });

  test('after stop nothing is told', async () => {
    const { engine, notices } = await followed();
    following?.stop();
    engine.say(`${about('start')}\n`);
    engine.hangUp();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(kinds(notices)).toEqual(['connected']);
    expect(engine.asked).toHaveLength(1);
  });

  test('ten thousand events at once all arrive, in their order', async () => {
    const { engine, notices } = await followed();
    const times = Array.from({ length: 10_000 }, (_, at) => BigInt(at + 1));
    engine.say(times.map((at) => `${about('start', String(at))}\n`).join(''));
    await soon(() => expect(notices).toHaveLength(10_001));
    expect(notices.slice(1).map((notice) => notice.kind === 'event' && notice.event.at)).toEqual(times);
  });
});
