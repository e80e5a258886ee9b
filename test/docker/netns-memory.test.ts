import { describe, expect, test, vi } from 'vitest';
import type { ContainerDetails } from '../../src/docker/engine-api.ts';
import { rememberNetns } from '../../src/docker/netns-memory.ts';
import { indexVeths } from '../../src/docker/veth.ts';
import { FakeKernel } from '../../src/host/fake-kernel.ts';

function host() {
  const kernel = new FakeKernel();
  const asked = vi.spyOn(kernel, 'netnsIdOf');
  const find = rememberNetns(kernel);
  kernel.bridge('docker0');
  kernel.bridge('br-front');
  kernel.process(10);
  kernel.veth('veth1', 'docker0', 10);
  return { kernel, asked, netns: (container: ContainerDetails) => find(container, indexVeths(kernel.links())) };
}

/** What an inspect says of a container of this process; nothing else of it matters here. */
const container = (pid: number | null) => ({ pid }) as ContainerDetails;

describe('the namespace of a container', () => {
  test('is asked for once, and again after another answer about it', () => {
    const { asked, netns } = host();
    const one = container(10);
    expect([netns(one), netns(one), netns(one)]).toEqual([0, 0, 0]);
    expect(asked).toHaveBeenCalledTimes(1);
    expect(netns(container(10))).toBe(0);
    expect(asked).toHaveBeenCalledTimes(2);
  });

  test('is asked for again when a veth that leads there comes or goes', () => {
    const { kernel, asked, netns } = host();
    const one = container(10);
    netns(one);
    kernel.veth('veth2', 'br-front', 10);
    netns(one);
    expect(asked).toHaveBeenCalledTimes(2);
    kernel.remove('veth1');
    netns(one);
    netns(one);
    expect(asked).toHaveBeenCalledTimes(3);
  });

  test('is none once its process and its veths are gone, whoever has its id then', () => {
    const { kernel, netns } = host();
    const one = container(10);
    expect(netns(one)).toBe(0);
    const index = kernel.links().find(({ name }) => name === 'docker0')?.index ?? 0;
    kernel.exit(10);
    const others = { index: 99, name: 'veth9', kind: 'veth', mac: null, up: true, bridgeCalls: null } as const;
    vi.spyOn(kernel, 'links').mockReturnValue([{ ...others, master: index, peer: { index: 2, netns: 0 } }]);
    expect(netns(one)).toBeNull();
  });

  test('is none without a process, and nobody is asked', () => {
    const { asked, netns } = host();
    expect(netns(container(null))).toBeNull();
    expect(asked).not.toHaveBeenCalled();
  });
});
