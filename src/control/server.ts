import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { connectDaemon } from './client.ts';
import { ControlError } from './error.ts';
import {
  type ApplyRequest,
  askedBackends,
  type ControlHandlers,
  type Refusal,
  type RollbackRequest,
} from './protocol.ts';

/** Bounds on what a client may cost: bytes, connections, and milliseconds. */
export interface ControlLimits {
  /** Bytes of a request's body. */
  readonly body: number;
  readonly connections: number;
  /** From its coming to the last byte of its question. */
  readonly question: number;
  /** The handler's: reading a large engine and changing many rules stay well below. */
  readonly work: number;
  /** From the answer's first byte to its last: a client that does not read is left. */
  readonly answer: number;
}

const standardLimits: ControlLimits = {
  body: 64 * 1024,
  connections: 32,
  question: 5_000,
  work: 120_000,
  answer: 10_000,
};

/** Longest path of a unix socket (struct sockaddr_un), without the zero at its end. */
const longestPath = 107;

/** The control socket, open until it is closed. */
export interface ControlServer {
  /** Takes the socket away and ends every connection. */
  close(): Promise<void>;
}

/**
 * Opens the control socket, for root alone: its directory is made for it when it is not there, and a socket that a dead
 * daemon left is replaced.
 *
 * @throws ControlError `taken` when a daemon answers there, `unusable` when the place cannot be used
 */
export async function serveControl(
  path: string,
  handlers: ControlHandlers,
  limits: ControlLimits = standardLimits,
): Promise<ControlServer> {
  if (Buffer.byteLength(path) > longestPath)
    throw new ControlError('unusable', `the path of the control socket is longer than ${longestPath} bytes: ${path}`);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await makeRoom(path);
  const patience = new Patience();
  // Node looks for slow clients on a timer that never rests; ours runs only while there is a client
  const options = { headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0, connectionsCheckingInterval: never };
  const server = createServer(options, (request, response) => {
    void answer(request, response, handlers, limits, patience);
  });
  server.maxConnections = limits.connections;
  server.maxRequestsPerSocket = 1; // what comes behind the first question of a connection is not one
  server.on('connection', (socket) => patience.give(socket, limits.question));
  server.on('clientError', (_, socket) => socket.destroy());
  await listen(server, path);
  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve)); // which removes the socket
      server.closeAllConnections();
      await closed;
    },
  };
}

const never = 2 ** 31 - 1;

/** How long each connection may take for what it is at. */
class Patience {
  readonly #timers = new WeakMap<Socket, NodeJS.Timeout>();

  /** From now on it has so many milliseconds. */
  give(socket: Socket, time: number): void {
    clearTimeout(this.#timers.get(socket));
    if (socket.destroyed) return;
    if (!this.#timers.has(socket)) socket.on('close', () => clearTimeout(this.#timers.get(socket)));
    this.#timers.set(
      socket,
      setTimeout(() => socket.destroy(), time),
    );
  }
}

/** Removes a socket that nobody listens at. */
async function makeRoom(path: string): Promise<void> {
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new ControlError('unusable', `the control socket cannot be at ${path}: ${error.message}`);
  });
  if (there === null) return;
  if (!there.isSocket()) throw new ControlError('unusable', `${path} is there already and is not a socket`);
  const daemon = await connectDaemon(path);
  if (daemon === null) return unlink(path);
  const pid = await daemon.status().then(
    (status) => `pid ${status.pid}`,
    () => 'which does not answer',
  );
  throw new ControlError('taken', `already running (${pid}): a daemon listens at ${path}`);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new ControlError('unusable', `the control socket cannot be at ${path}: ${error.message}`));
    });
    const mask = process.umask(0o177); // bind happens within listen: the socket is never open to others
    try {
      server.listen(path, () => {
        server.removeAllListeners('error');
        server.on('error', () => {}); // of accept: the client sees it too
        chmod(path, 0o600).then(resolve, reject);
      });
    } finally {
      process.umask(mask);
    }
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handlers: ControlHandlers,
  limits: ControlLimits,
  patience: Patience,
): Promise<void> {
  response.on('error', () => {});
  const { socket } = request; // which is null once the client has gone
  const say = (status: number, body: object, afterwards = () => {}) => {
    patience.give(socket, limits.answer);
    send(response, status, body, afterwards);
  };
  try {
    const body = await readBody(request, limits.body);
    if (body === null) return say(413, refusal('too-large', `at most ${limits.body} bytes are read`));
    const route = routes[`${request.method} ${request.url}`];
    if (route === undefined) return say(404, refusal('unknown', `there is no ${request.method} ${request.url} here`));
    const given = parse(body);
    if (given === undefined) return say(400, refusal('bad-request', 'the body is not a JSON object'));
    const todo = route(given, handlers);
    if (typeof todo === 'string') return say(400, refusal('bad-request', todo));
    patience.give(socket, limits.work);
    const result = await todo();
    say(200, result, result === stopping ? () => handlers.stop() : undefined);
  } catch (error) {
    say(500, refusal('failed', error instanceof Error ? error.message : String(error)));
  }
}

const stopping = {};

type Given = Readonly<Record<string, unknown>>;

/** What is asked by which path: what to do about it, or what is wrong with the question. */
const routes: Readonly<Record<string, (given: Given, handlers: ControlHandlers) => string | (() => Promise<object>)>> =
  {
    'GET /v1/status': (_, handlers) => () => handlers.status(),
    'POST /v1/apply': (given, handlers) => {
      const request = applyRequest(given);
      return request === null ? 'not an ApplyRequest' : () => handlers.apply(request);
    },
    'POST /v1/rollback': (given, handlers) => {
      const request = rollbackRequest(given);
      return request === null ? 'not a RollbackRequest' : () => handlers.rollback(request);
    },
    'POST /v1/confirm': (_, handlers) => () => handlers.confirm(),
    'POST /v1/stop': () => async () => stopping,
  };

function applyRequest({ digest, confirm, backend: asked }: Given): ApplyRequest | null {
  if (typeof digest !== 'string') return null;
  const backend = askedBackends.find((one) => one === asked);
  if (asked !== undefined && backend === undefined) return null;
  const request = backend === undefined ? { digest } : { digest, backend };
  if (confirm === undefined) return request;
  if (typeof confirm !== 'object' || confirm === null) return null;
  const { until, token } = confirm as Given;
  return typeof until === 'number' && typeof token === 'string' ? { ...request, confirm: { until, token } } : null;
}

function rollbackRequest({ by, token }: Given): RollbackRequest | null {
  if (by === 'rollback') return { by };
  return by === 'confirm-expired' && typeof token === 'string' ? { by, token } : null;
}

function refusal(code: Refusal['error']['code'], message: string): Refusal {
  return { error: { code, message } };
}

function send(response: ServerResponse, status: number, body: object, afterwards: () => void): void {
  if (response.destroyed) return afterwards();
  const text = `${JSON.stringify(body)}\n`;
  response.on('close', afterwards);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    Connection: 'close', // a conversation is one question
  });
  response.end(text);
}

/** @returns null when it is longer than `limit`; what is too much is read and not kept, so that the answer is heard */
async function readBody(request: IncomingMessage, limit: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
  }
  return length > limit ? null : Buffer.concat(chunks).toString('utf8');
}

function parse(body: string): Given | undefined {
  if (body === '') return {};
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Given) : undefined;
  } catch {
    return undefined;
  }
}
