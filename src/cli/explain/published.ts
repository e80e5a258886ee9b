import type { Packet } from '../../evaluate/verdict.ts';
import { protocolNumbers } from '../../ip/protocol.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import type { Container } from '../../world/world.ts';

/**
 * The container for whose published port the host answers at a packet's destination, given that this is an address of
 * the host. The engine turns such a packet to the container, or its docker-proxy takes it: which, depends on the bridge
 * the sender is on and on the engine's settings.
 */
export function publisherOf({ to, protocol, port }: Packet, index: WorldIndex): Container | undefined {
  return index.containers.find(
    ({ running, published }) =>
      running &&
      published.some(({ protocol: word, hostPort, hostAddress }) => {
        const here =
          hostAddress === null || (hostAddress.family === to.family && [0n, to.value].includes(hostAddress.value));
        return here && protocolNumbers[word] === protocol && hostPort === port;
      }),
  );
}
