import { isInterfaceName } from '../world/names.ts';
import type { ReadFile } from './files.ts';

/**
 * Interfaces by which the kernel takes packets for 127.0.0.0/8 and routes them: the switch of all and the one's own are
 * added up (kernel doc ip-sysctl, route_localnet; include/linux/inetdevice.h, IN_DEV_ROUTE_LOCALNET).
 */
export function routingLoopback(interfaces: readonly string[], readFile: ReadFile): readonly string[] {
  const isOn = (name: string) => {
    const text = readFile(`/proc/sys/net/ipv4/conf/${name}/route_localnet`)?.trim() ?? '';
    return /^\d+$/.test(text) && text !== '0';
  };
  const all = isOn('all');
  return interfaces.filter((name) => isInterfaceName(name) && !name.includes('/') && (all || isOn(name)));
}
