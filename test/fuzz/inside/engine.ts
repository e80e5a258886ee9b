/** What the engine answers: refused as an EngineError, or a world that can be held. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MembersError, readMembers } from '../../../src/daemon/guard/members.ts';
import { connectEngine, openEngine } from '../../../src/docker/client.ts';
import { EngineError } from '../../../src/docker/engine-error.ts';
import { isReadByItsEnds, readEvent, readLongEvent } from '../../../src/docker/event-message.ts';
import { ListReader, LongListReader, longestText } from '../../../src/docker/list-reader.ts';
import { containerShape, networkShape } from '../../../src/docker/lists.ts';
import { openMirror } from '../../../src/docker/mirror.ts';
import type { Members } from '../../../src/docker/shape.ts';
import { readWorld } from '../../../src/docker/snapshot.ts';
import { subscribe } from '../../../src/docker/subscribe.ts';
import { type Get, unixGet } from '../../../src/docker/transport.ts';
import { readPolicy } from '../../../src/policy/read.ts';
import { type Recorded, recorded, recordedGet, recordedKernel, recordedVersions } from '../../docker/recorded.ts';
import { comesIntoForce } from '../force.ts';
import { mutateJson } from '../mutate-json.ts';
import type { Reader, Target } from '../target.ts';

const now = Date.UTC(2026, 10, 25);
const text = `version: 1
defaults: { unmanaged: deny, unknown-bridge: deny, build: deny }
guardrails: { deny: [cloud-metadata] }
projects: { "*": { allow: [same-project, same-network, dns, "internet:443"] } }
containers: { "*": { allow: [host, containers] } }
`;
const { policy } = readPolicy([{ path: 'policy.yaml', text, role: 'policy', writableByOthers: false }], { now });

/** Refused is what throws one of these; anything else it throws is a finding. */
async function orRefused(
  kinds: readonly (new (...args: never[]) => Error)[],
  work: () => unknown,
): Promise<'accepted' | 'refused'> {
  try {
    await work();
    return 'accepted';
  } catch (error) {
    if (kinds.some((kind) => error instanceof kind)) {
      const { message } = error as Error;
      if (!/^[\x20-\x7e]*$/.test(message)) throw new Error(`told unsafely: ${JSON.stringify(message)}`);
      return 'refused';
    }
    throw error;
  }
}

// Answers as they are in memory: `PATH\nBODY`, in place of the recorded one

const record = recorded('28.5');
const answerTo = (path: string, body: string): Buffer => Buffer.from(`${path}\n${body}`);
const parts = (input: Buffer) => {
  const end = input.indexOf('\n');
  return { path: input.subarray(0, Math.max(end, 0)).toString(), body: input.subarray(end + 1) };
};
/** Few containers: of a whole host most of the time goes into what is as it was. */
const small = fewer(record);

function fewer(whole: Recorded): Recorded {
  const list = whole.answers['/containers/json?all=1'] as readonly { readonly Id: string }[];
  const kept = new Set(list.slice(0, 6).map(({ Id }) => Id));
  const answers = Object.entries(whole.answers).filter(([path]) => {
    const id = /^\/containers\/([0-9a-f]{64})\/json$/.exec(path)?.[1];
    return id === undefined || kept.has(id);
  });
  return { ...whole, answers: { ...Object.fromEntries(answers), '/containers/json?all=1': list.slice(0, 6) } };
}

const changedGet = (input: Buffer): Get => {
  const { path, body } = parts(input);
  const get = recordedGet(small);
  return async (asked, options) => {
    const bare = decodeURIComponent(asked.replace(`/v${small.api}`, ''));
    return bare === path && path !== '/_ping' ? { status: 200, headers: {}, body } : get(asked, options);
  };
};
const engineAt = { kind: 'unix', path: '/run/docker.sock', from: 'test' } as const;

async function held(input: Buffer): Promise<void> {
  const engine = await connectEngine(engineAt, changedGet(input));
  const world = await readWorld(engine, recordedKernel(small));
  if (policy === null) throw new Error('the policy is bad');
  comesIntoForce(policy, world, now);
  await engine.info();
}

/** The mirror, which remembers: after the answer is as it was again, so is the world. */
async function mirrored(input: Buffer): Promise<void> {
  let lies = true;
  const [lying, honest] = [changedGet(input), recordedGet(small)];
  const engine = openEngine(engineAt, (path, options) => (lies ? lying : honest)(path, options));
  const mirror = openMirror(engine, recordedKernel(small), () => {});
  let refusal: unknown;
  await mirror.readWorld().catch((error: unknown) => (refusal = error));
  lies = false;
  mirror.forget();
  await mirror.readWorld();
  const again = await mirror.readWorld();
  const wanted = await readWorld(await connectEngine(engineAt, honest), recordedKernel(small));
  const ids = (world: typeof again) => JSON.stringify(world.containers.map(({ id, name, pid }) => [id, name, pid]));
  if (ids(again) !== ids(wanted)) throw new Error('what was a lie is still believed');
  if (refusal !== undefined) throw refusal;
}

const answers = (): readonly Buffer[] =>
  Object.entries(small.answers).map(([path, answer]) => answerTo(path, JSON.stringify(answer)));
const parse = (bytes: Buffer): unknown => JSON.parse(bytes.toString());
let values: readonly unknown[] | undefined;
const byStructure: Reader['make'] = (random, corpus) => {
  values ??= corpus.map((one) => parse(parts(one).body));
  const { path, body } = parts(random.pick(corpus) ?? Buffer.from('/version\n{}'));
  return answerTo(path, JSON.stringify(mutateJson(random, parse(body), values)) ?? 'null');
};

/** Without the texts that are too long to be kept whole: of a long list their beginnings are. */
const textOf = (entries: unknown): string | undefined =>
  JSON.stringify(entries, (_, value: unknown) =>
    typeof value === 'string' && value.length > longestText / 6 ? null : value,
  );

const bothShapes: Members = {
  ...containerShape,
  of: (key) => containerShape.of(key) ?? networkShape.of(key),
  always: containerShape.always.union(networkShape.always),
};

// Answers as they come over the socket

const folder = mkdtempSync(join(tmpdir(), 'fuzz-engine-'));
const socketPath = join(folder, 'engine.sock');
let reply: Buffer = Buffer.alloc(0);
const sockets = new Set<Socket>();
const server = createServer((socket) => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => {});
  socket.once('data', () => socket.end(reply));
});
await new Promise<void>((resolve) => server.listen(socketPath, resolve));

const http = (body: string, head = ''): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\n${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
const chunked = (...pieces: readonly string[]): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nTransfer-Encoding: chunked\r\n\r\n${pieces.map((one) => `${Buffer.byteLength(one).toString(16)}\r\n${one}\r\n`).join('')}0\r\n\r\n`,
  );

const id = 'c'.repeat(64);
const event = (Type: string, Action: string, Attributes: object): string =>
  JSON.stringify({
    status: Action,
    Type,
    Action,
    Actor: { ID: id, Attributes },
    scope: 'local',
    time: 1,
    timeNano: 17,
  }).replace('"timeNano":17', '"timeNano":1700000000123456789');
const events = [
  event('container', 'start', { image: 'x', name: 'app-web-1', 'sluice.allow': 'internet' }),
  event('network', 'connect', { container: id, name: 'app_default', type: 'bridge' }),
  `\u001e${event('container', 'die', {})}`,
  event('image', 'pull', {}),
];
const words = [
  '\r\n',
  '\r\n\r\n',
  'HTTP/1.1 ',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  '304',
  '500',
  'Content-Length: ',
  'Transfer-Encoding: chunked\r\n',
  'Content-Encoding: gzip\r\n',
  'Connection: upgrade\r\n',
  'Connection: keep-alive\r\n',
  'ffffffff\r\n',
  '0\r\n\r\n',
  '"timeNano":',
  '"Type":"container"',
  '"Actor":{"ID":',
  '"__proto__":{',
  '\\u0000',
  '\n',
  '\u001e',
  'null',
  '[',
  '{',
];

export const target: Target = {
  readers: {
    'event messages': {
      corpus: () => events.map((one) => Buffer.from(one)),
      words,
      make: (random) =>
        Buffer.from(
          JSON.stringify(mutateJson(random, JSON.parse(random.pick(events)?.replace('\u001e', '') ?? '0'))) ?? '',
        ),
      read: (input) => {
        const found = readEvent(input.toString());
        if (found === null || found === undefined) return 'refused';
        const { container, at } = found;
        if (container !== null && !/^[0-9a-f]{64}$/.test(container)) throw new Error('not the id of a container');
        if (typeof at !== 'bigint') throw new Error('a time that is none');
        return 'accepted';
      },
    },
    answers: {
      corpus: answers,
      words,
      make: byStructure,
      read: (input) => orRefused([EngineError], () => held(input)),
    },
    'answers to one that remembers': {
      corpus: answers,
      words,
      make: byStructure,
      read: (input) => orRefused([EngineError], () => mirrored(input)),
    },
    members: {
      corpus: () =>
        recordedVersions.flatMap((version) =>
          (recorded(version).answers['/networks'] as readonly { readonly Id: string }[]).map((network) =>
            Buffer.from(
              JSON.stringify({
                ...network,
                Id: id,
                Containers: {
                  [id]: {
                    EndpointID: id,
                    MacAddress: '02:42:AC:11:00:02',
                    IPv4Address: '172.17.0.2/16',
                    IPv6Address: '',
                  },
                  'ep-1': { EndpointID: '', MacAddress: '', IPv4Address: '', IPv6Address: '' },
                },
              }),
            ),
          ),
        ),
      words,
      make: (random, corpus) =>
        Buffer.from(JSON.stringify(mutateJson(random, parse(random.pick(corpus) ?? Buffer.from('{}')))) ?? ''),
      read: (input) =>
        orRefused([MembersError], () => {
          for (const { container, endpoint, mac, addresses } of readMembers(input, id))
            if (
              ![container, endpoint].every((one) => /^[0-9a-f]{64}$/.test(one ?? '')) ||
              mac.length !== 17 ||
              addresses.length === 0
            )
              throw new Error('not a member');
        }),
    },
    'long lists': {
      corpus: () =>
        recordedVersions.flatMap((version) =>
          ['/containers/json?all=1', '/networks'].map((path) =>
            Buffer.from(JSON.stringify((recorded(version).answers[path] as readonly unknown[]).slice(0, 3))),
          ),
        ),
      words,
      make: (random, corpus) =>
        Buffer.from(JSON.stringify(mutateJson(random, parse(random.pick(corpus) ?? Buffer.from('[]')))) ?? ''),
      read: (input) => {
        const [whole, inPieces] = [new ListReader(bothShapes), new LongListReader(bothShapes)];
        whole.add(input);
        for (let at = 0; at < input.length; at += 61) inPieces.add(input.subarray(at, at + 61));
        const [wanted, found] = [whole.end(), inPieces.end()];
        // of what is let go no more is looked at than where it ends
        if (wanted !== undefined && textOf(found?.entries) !== textOf(wanted.entries))
          throw new Error('another list in pieces than at once');
        return found === undefined ? 'refused' : 'accepted';
      },
    },
    'bytes of an answer': {
      corpus: () => [http('{"Version":"28.5.2","ApiVersion":"1.51"}'), http('[]'), chunked('[1', ',2]'), chunked('{}')],
      words,
      read: (input) => {
        reply = input;
        return orRefused([EngineError], () => unixGet(socketPath)('/x', { time: 1_000, size: 64 * 1024 }));
      },
    },
    'bytes of a stream': {
      corpus: () => [chunked(...events.map((one) => `${one}\n`)), http(events.map((one) => `${one}\n`).join(''))],
      words,
      read: async (input) => {
        reply = input;
        let lines = 0;
        const reason = await subscribe({
          socketPath,
          path: '/events',
          time: 1_000,
          longLine: 512,
          isReadByItsEnds,
          longestLine: 4_096,
          endlessLine: 65_536,
          signal: new AbortController().signal,
          onOpen() {},
          onLine: (line) => {
            lines++;
            if (line.length > 4_096) throw new Error('a line that is too long');
            return readEvent(line) !== null;
          },
          onLong: (beginning, end) => {
            lines++;
            return readLongEvent(beginning, end) !== null;
          },
        });
        if (!/^[\x20-\x7e]+$/.test(reason)) throw new Error(`told unsafely: ${JSON.stringify(reason)}`);
        return lines > 0 ? 'accepted' : 'refused';
      },
    },
  },
  end: () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  },
};
