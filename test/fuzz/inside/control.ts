/** The control socket from both sides: what a client sends is asked or refused, and what a daemon answers is an answer or an error. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDaemon } from '../../../src/control/client.ts';
import { ControlError } from '../../../src/control/error.ts';
import type { ControlHandlers, Status } from '../../../src/control/protocol.ts';
import { serveControl } from '../../../src/control/server.ts';
import type { Target } from '../target.ts';

const folder = mkdtempSync(join(tmpdir(), 'fuzz-control-'));
const path = join(folder, 'sluice.sock');

const asked: unknown[] = [];
const answer = { ok: true, digest: 'd', cut: [], pending: null, warnings: [] } as const;
const handlers: ControlHandlers = {
  status: async () => {
    asked.push('status');
    return { version: 1, pid: process.pid } as Status;
  },
  apply: async (request) => {
    const { digest, confirm } = request;
    if (typeof digest !== 'string') throw new Error('asked to apply something that is no digest');
    if (confirm !== undefined && (typeof confirm.until !== 'number' || typeof confirm.token !== 'string'))
      throw new Error('asked to confirm something that is not');
    asked.push(request);
    return answer;
  },
  rollback: async (request) => {
    if (request.by !== 'rollback' && typeof request.token !== 'string')
      throw new Error('asked to go back from nothing');
    asked.push(request);
    return answer;
  },
  confirm: async () => {
    asked.push('confirm');
    return { confirmed: false };
  },
  stop: () => void asked.push('stop'),
};
process.umask = () => 0o077; // which a thread may not set: here it is one, and the folder is ours alone
const limits = { body: 4_096, connections: 32, question: 300, work: 1_000, answer: 300 };
const server = await serveControl(path, handlers, limits);

/** Sends bytes, half-closes, and gives what came back until the other side had closed. */
function exchange(input: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let got = '';
    const timer = setTimeout(() => reject(new Error('the connection is still open')), 20_000);
    socket.on('data', (data) => (got += data.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(got);
    });
    socket.end(input);
  });
}

const http = (method: string, to: string, body: string): Buffer =>
  Buffer.from(
    `${method} ${to} HTTP/1.1\r\nHost: sluice\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
const questions = [
  http('GET', '/v1/status', ''),
  http('POST', '/v1/apply', JSON.stringify({ digest: 'd', confirm: { until: 5, token: 't' } })),
  http('POST', '/v1/rollback', '{"by":"confirm-expired","token":"t"}'),
  http('POST', '/v1/confirm', '{}'),
  http('POST', '/v1/stop', '{}'),
];
const words = [
  'GET ',
  'POST ',
  'CONNECT /v1/stop HTTP/1.1\r\n\r\n',
  '/v1/status',
  '/v1/stop',
  '/v1/apply',
  '/v1/../v1/stop',
  'http://x/v1/status',
  ' HTTP/1.1\r\n',
  ' HTTP/1.0\r\n',
  '\r\n\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: websocket\r\nConnection: upgrade\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: 99999999999\r\n',
  'ffffffffffffffff\r\n',
  '0\r\n\r\n',
  '{"digest":',
  '"by":"rollback"',
  '"__proto__":{"digest":"x"}',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
];

// A daemon that answers what the fuzzer likes

const odd = join(folder, 'odd.sock');
let reply: Buffer = Buffer.alloc(0);
const sockets = new Set<Socket>();
const liar = createServer((socket) => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => {});
  socket.once('data', () => socket.end(reply));
});
await new Promise<void>((resolve) => liar.listen(odd, resolve));
const daemon = await connectDaemon(odd);

const answered = (status: string, body: string): Buffer =>
  Buffer.from(`HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);

export const target: Target = {
  readers: {
    questions: {
      corpus: () => questions,
      words,
      read: async (input) => {
        asked.length = 0;
        const got = await exchange(input);
        if (/asked to/.test(got)) throw new Error(got);
        if (asked.length > 1 && !got.includes('Connection: close'))
          throw new Error('several questions in one connection');
        return asked.length > 0 ? 'accepted' : 'refused';
      },
    },
    answers: {
      corpus: () => [
        answered('200 OK', '{"version":1,"state":"enforcing"}'),
        answered('400 Bad Request', '{"error":{"code":"failed","message":"no nft"}}'),
      ],
      words: [...words, 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', 'null', '{"error":', '\\u001b[31m'],
      read: async (input) => {
        reply = input;
        try {
          await daemon?.status();
          return 'accepted';
        } catch (error) {
          if (error instanceof ControlError) return 'refused';
          throw error;
        }
      },
    },
  },
  end: async () => {
    for (const socket of sockets) socket.destroy();
    liar.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  },
};
