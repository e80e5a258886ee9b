import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'engine-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

let servers: (() => void)[] = [];
afterEach(() => {
  for (const close of servers) close();
  servers = [];
});

let number = 0;
/** The path of a socket where nobody listens. */
export function nowhere(): string {
  return join(folder, `${++number}.sock`);
}

/** Listens until the end of the test; returns how to end it before, with all its connections. */
export function listen(server: Server, path: string): Promise<() => void> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  servers.push(close);
  return new Promise((resolve) => server.listen(path, () => resolve(close)));
}

/** A server of HTTP; returns its path. */
export async function http(answer: RequestListener): Promise<string> {
  const path = nowhere();
  await listen(createHttpServer(answer), path);
  return path;
}

/** A server that speaks whatever it likes, once it was spoken to; returns its path. */
export async function raw(speak: (socket: Socket) => void): Promise<string> {
  const path = nowhere();
  await listen(
    createServer((socket) => socket.once('data', () => speak(socket))),
    path,
  );
  return path;
}
