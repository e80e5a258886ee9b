import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { CliError } from '../error.ts';
import type { Ports, Sink, Versions } from '../ports.ts';
import { systemFiles } from './files.ts';
import { systemHost } from './host.ts';
import { systemKernel } from './kernel.ts';

/** The process we are and the host it runs on. Sockets and native code are loaded when a command asks for them. */
export function systemPorts(): Ports {
  const ports: Ports = {
    env: process.env,
    out: sink(process.stdout),
    err: sink(process.stderr),
    input: readInput,
    now: Date.now,
    user: { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 },
    files: systemFiles,
    engine: async (address) => (await import('./engine.ts')).openEngine(address, process.env),
    kernel: systemKernel,
    host: systemHost,
    daemon: async (socket) => (await import('../../control/client.ts')).connectDaemon(socket),
    lock: async (directory, patience) => (await import('../../state/lock.ts')).lockState(directory, patience),
    startTimer: async (order) => (await import('./timer.ts')).startTimer(order),
    token: randomUUID,
    sleep: setTimeout,
    runDaemon: async (options) => {
      // before its programs are loaded: a SIGHUP would end us, which systemd takes for a clean end. What it asks for is done:
      // the files are read later
      process.on('SIGHUP', () => {});
      return (await import('./daemon.ts')).runDaemonHere(options, ports);
    },
    versions: versions(),
  };
  return ports;
}

/** A reader that went away (`sluice ps | head -1`) is no error of ours. */
function sink(stream: NodeJS.WriteStream): Sink {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return {
    write: (text) => void stream.write(text),
    terminal: stream.isTTY === true,
    columns: stream.isTTY === true ? stream.columns : undefined,
  };
}

async function readInput(limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw new CliError('unable', `standard input has more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

// set by scripts/build.ts
declare const SLUICE_VERSION: string | undefined;
declare const SLUICE_COMMIT: string | undefined;

function versions(): Versions {
  return {
    sluice: typeof SLUICE_VERSION === 'string' ? SLUICE_VERSION : sourceVersion(),
    commit: typeof SLUICE_COMMIT === 'string' && SLUICE_COMMIT !== '' ? SLUICE_COMMIT : null,
    node: process.version,
    kernel: release(),
  };
}

/** Run from source, the version is package.json's. */
function sourceVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
