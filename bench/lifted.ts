/**
 * A hand-written alternative for neighbours on one bridge (docs/decisions/0001-neighbours.md): frames from one container
 * to another are turned to the bridge itself, which routes them back, so that inet judges them without br_netfilter.
 */
import type { Anchor } from './scene.ts';

/** To be loaded beside our own tables: it comes after the proof of the sender. */
export function liftedText({ bridge, real }: Anchor): string {
  const ports = real.map(({ port }) => port.index).join(', ');
  return `table bridge sluice {
	chain lift4 {
		ip daddr 224.0.0.0/4 accept
		meta pkttype set host ether daddr set ${bridge.mac} accept
	}
	chain lift6 {
		ip6 daddr ff00::/8 accept
		icmpv6 type { 133, 134, 135, 136, 137 } accept
		meta pkttype set host ether daddr set ${bridge.mac} accept
	}
	chain prerouting {
		type filter hook prerouting priority -290; policy accept;
		ether daddr ${bridge.mac} accept
		iif { ${ports} } meta protocol vmap { ip : goto lift4, ip6 : goto lift6 }
	}
}
`;
}
