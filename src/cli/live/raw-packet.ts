import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { type Address, parseAddress } from '../../ip/address.ts';
import { encodeIp } from '../../netlink/conntrack.ts';
import type { ProbeRequest } from './probe-protocol.ts';
import { payloadOf } from './raw-payload.ts';

type Send = Extract<ProbeRequest, { ask: 'send' }>;

// asm-generic/socket.h, bits/socket.h
const families = { 4: 2, 6: 10 } as const;
const rawType = 3 | 0o2000000; // SOCK_RAW | SOCK_CLOEXEC

/**
 * Sends one packet of any IP protocol from the network namespace we are in (raw(7), ipv6(7)).
 *
 * @throws Error when the kernel refuses; a refusal by the firewall is none
 */
export function sendRaw({ protocol, to, port, source, sourcePort }: Send): void {
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const bind = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)');
  const sendTo = libc.func(
    'int64_t sendto(int fd, const uint8_t *data, size_t length, int flags, const uint8_t *address, uint32_t size)',
  );
  const must = (what: string, result: number): number => {
    if (result >= 0) return result;
    throw new Error(`${what} failed (errno ${koffi.errno()})`);
  };
  const [from, target] = [parsed(source), parsed(to)];
  const fd = must('socket', socket(families[target.family], rawType, protocol) as number);
  try {
    const local = socketAddress(from);
    must('bind', bind(fd, local, local.length) as number);
    const remote = socketAddress(target);
    const payload = payloadOf(protocol, target.family, sourcePort, port);
    const result = Number(sendTo(fd, payload, payload.length, 0, remote, remote.length));
    const refusedByFirewall = result < 0 && koffi.errno() === koffi.os.errno['EPERM'];
    if (!refusedByFirewall) must('sendto', result);
  } finally {
    closeSync(fd);
  }
}

function parsed(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

/** struct sockaddr_in or sockaddr_in6, port 0 (raw sockets have none). */
function socketAddress(address: Address): Buffer {
  const buffer = Buffer.alloc(address.family === 4 ? 16 : 28);
  buffer.writeUInt16LE(families[address.family], 0);
  encodeIp(address).copy(buffer, address.family === 4 ? 4 : 8);
  return buffer;
}
