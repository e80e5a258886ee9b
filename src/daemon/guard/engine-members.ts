import { unixGet } from '../../docker/transport.ts';
import { type Member, MembersError, readMembers } from './members.ts';

/** An engine answers within some milliseconds; a bridge has at most 1,023 ports, each some 400 bytes of the answer. */
const limits = { time: 2_000, size: 2 << 20 } as const;

/**
 * Asks the engine behind a socket who is on a network. Over a connection of its own, and without a version in the path,
 * which every engine takes as its newest.
 *
 * @param socketPath the engine's unix socket
 * @returns what asks; it rejects with EngineError or MembersError
 */
export function engineMembers(socketPath: string): (network: string) => Promise<readonly Member[]> {
  const get = unixGet(socketPath);
  return async (network) => {
    const { status, body } = await get(`/networks/${encodeURIComponent(network)}`, limits);
    if (status !== 200) throw new MembersError(`the engine answered ${status}`);
    return readMembers(body, network);
  };
}
