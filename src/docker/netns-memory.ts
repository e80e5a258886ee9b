import type { KernelView } from '../host/kernel-view.ts';
import type { FindNetns } from './build-world.ts';
import type { ContainerDetails } from './engine-api.ts';

/**
 * Asks the kernel for a container's namespace once, and again when the veths that lead there are others than before.
 *
 * While one of those veths is there, so is the namespace, and its id means it: the id is given to another one only
 * after the namespace has ended, and with it end the veths whose other end is in it (net/core/dev.c, default_device_exit);
 * an interface's index is never given again. So an id that was another container's before is never believed, and a
 * process that leaves its namespace takes its container's name nowhere.
 */
export function rememberNetns(kernel: KernelView): FindNetns {
  // by what the engine said of one start of it: after a restart it says something new
  const known = new WeakMap<ContainerDetails, { readonly netns: number; readonly ports: string }>();
  return (container, veths) => {
    const before = known.get(container);
    if (before !== undefined && veths.portsInto(before.netns) === before.ports) return before.netns;
    const netns = container.pid === null ? null : kernel.netnsIdOf(container.pid);
    const ports = netns === null ? '' : veths.portsInto(netns);
    if (netns === null || ports === '') known.delete(container);
    else known.set(container, { netns, ports });
    return netns;
  };
}
