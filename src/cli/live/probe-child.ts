import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { createInterface } from 'node:readline';
import type { ProbeAnswer, ProbeRequest } from './probe-protocol.ts';

/**
 * The part of a live test that runs inside a container's network namespace (nsenter starts it there): it answers
 * requests on standard input, a line of JSON each, and ends with it. Nothing of the container but its network is near.
 */
export async function serveProbes(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = await answerTo(JSON.parse(line) as ProbeRequest).catch(
      (error: NodeJS.ErrnoException): ProbeAnswer => ({ error: error.message, code: error.code ?? null }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

async function answerTo(request: ProbeRequest): Promise<ProbeAnswer> {
  if (request.ask === 'source') return { source: await sourceFor(request.to) };
  if (request.protocol === 6) await sendTcp(request);
  else if (request.protocol === 17) await sendUdp(request);
  else {
    const { sendRaw } = await import('./raw-packet.ts');
    sendRaw(request);
  }
  return { sent: true };
}

/** A connected UDP socket knows where it would send from, and sends nothing. */
function sourceFor(to: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(to) ? 'udp6' : 'udp4');
    socket.on('error', reject);
    socket.connect(9, to, () => {
      const { address } = socket.address();
      socket.close();
      resolve(address);
    });
  });
}

type Send = Extract<ProbeRequest, { ask: 'send' }>;

/** Errors that come before anything left; others are answers of the network. */
const unsent: ReadonlySet<string> = new Set(['EADDRINUSE', 'EADDRNOTAVAIL', 'EINVAL', 'EAFNOSUPPORT', 'ENETUNREACH']);
const patience = 400; // ms: the first packet has long left; its answer is of no interest

function sendTcp({ to, port, source, sourcePort }: Send): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to, port, localAddress: source, localPort: sourcePort });
    const timer = setTimeout(done, patience);
    function done(): void {
      clearTimeout(timer);
      socket.destroy();
      resolve();
    }
    socket.on('connect', done);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!unsent.has(error.code ?? '')) return done();
      clearTimeout(timer);
      reject(error);
    });
  });
}

function sendUdp({ to, port, source, sourcePort }: Send): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(to) ? 'udp6' : 'udp4');
    socket.on('error', reject);
    socket.bind({ address: source, port: sourcePort, exclusive: true }, () => {
      socket.send(Buffer.from([0]), port, to, (error) => {
        socket.close();
        // a refusal by the firewall comes back as an error of the send itself
        if (error === null || !unsent.has((error as NodeJS.ErrnoException).code ?? '')) resolve();
        else reject(error);
      });
    });
  });
}
