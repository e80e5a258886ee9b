import { forward } from './docker-iptables/forward.ts';
import { isolation } from './docker-iptables/isolation.ts';
import { publishing } from './docker-iptables/ports.ts';
import { resolver } from './docker-iptables/resolver.ts';
import type { Entry } from './entry.ts';

/**
 * Docker's rules in iptables, per layout. Read from libnetwork 17.06 to 27 (`drivers/bridge/setup_ip_tables.go`,
 * `iptables/iptables.go`), moby 28.0 to 29.7 (`drivers/bridge/internal/iptabler/`) and its generated listings
 * (`integration/network/bridge/iptablesdoc/`), and measured on 20.10, 26.1 and 28.5.
 */
export const dockerIptables: readonly Entry[] = [...forward, ...isolation, ...publishing, ...resolver];
