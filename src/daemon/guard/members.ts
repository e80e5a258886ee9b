import { type Address, parseAddress } from '../../ip/address.ts';
import { isMac } from '../../ruleset/mac.ts';

/** A container on a network: as the engine's network inspect lists it, or as the kernel shows it before that. */
export interface Member {
  /** Engine id, 64 hex digits. */
  readonly container: string;
  /** Id of this attachment, another one after every start and connect; null when only the kernel has shown it. */
  readonly endpoint: string | null;
  /** Lower case with colons. */
  readonly mac: string;
  readonly addresses: readonly Address[];
}

export class MembersError extends Error {
  override readonly name = 'MembersError';
}

const hexId = /^[0-9a-f]{64}$/;

/**
 * The members of a network from the answer to `GET /networks/{id}` (Docker Engine API 1.41 to 1.51: Containers[id] =
 * { EndpointID, MacAddress, IPv4Address "10.88.1.2/24", IPv6Address }). Written by hand, since the thread that reads it
 * has no room for a schema library. An entry that is not complete yet, or belongs to no container (`ep-…`), is left out.
 *
 * @param network engine id that the answer must be about
 * @throws MembersError when it is not such an answer
 */
export function readMembers(body: Buffer, network: string): readonly Member[] {
  const answer = parse(body);
  if (!isObject(answer) || answer['Id'] !== network) throw new MembersError('the answer is not about the network');
  const containers = answer['Containers'];
  if (containers === null || containers === undefined) return [];
  if (!isObject(containers)) throw new MembersError('the network has no list of containers');
  return Object.entries(containers).flatMap(([container, value]) => {
    const member = hexId.test(container) && isObject(value) ? readMember(container, value) : null;
    return member === null ? [] : [member];
  });
}

function readMember(container: string, value: Readonly<Record<string, unknown>>): Member | null {
  const { EndpointID: endpoint, MacAddress: mac, IPv4Address: v4, IPv6Address: v6 } = value;
  if (typeof endpoint !== 'string' || !hexId.test(endpoint) || typeof mac !== 'string') return null;
  const addresses = [v4, v6].flatMap(readPrefix);
  const lower = mac.toLowerCase();
  return isMac(lower) && addresses.length > 0 ? { container, endpoint, mac: lower, addresses } : null;
}

/** An address with its network's length; the empty text is none. */
function readPrefix(text: unknown): readonly Address[] {
  if (typeof text !== 'string' || text.length > 60) return [];
  const address = parseAddress(text.replace(/\/\d{1,3}$/, ''));
  return address === undefined ? [] : [address];
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    throw new MembersError('the answer is not JSON');
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
