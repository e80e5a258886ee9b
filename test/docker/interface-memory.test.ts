import { expect, test, vi } from 'vitest';
import { InterfaceMemory } from '../../src/docker/interface-memory.ts';
import { FakeKernel } from '../../src/host/fake-kernel.ts';

function host() {
  const kernel = new FakeKernel();
  const front = kernel.bridge('br-front', '172.20.0.1/16');
  const back = kernel.bridge('br-back', '172.21.0.1/16');
  for (const pid of [10, 11, 12]) kernel.process(pid);
  kernel.veth('veth1', 'br-front', 10);
  kernel.veth('veth2', 'br-back', 11);
  const memory = new InterfaceMemory(kernel);
  memory.read();
  const names = (masters: readonly number[]) =>
    memory
      .readPortsOf(new Set(masters))
      .links.map(({ name }) => name)
      .toSorted();
  return { kernel, memory, front, back, names };
}

test('ports of the bridges that are asked for are as they are, others as they were', () => {
  const { kernel, front, names } = host();
  kernel.exit(10);
  kernel.veth('veth3', 'br-front', 12);
  kernel.exit(11);
  expect(names([front])).toEqual(['br-back', 'br-front', 'lo', 'veth2', 'veth3']);
});

test('bridges are as they are, whichever are asked for', () => {
  const { kernel, names } = host();
  kernel.remove('br-back');
  kernel.bridge('virbr0');
  expect(names([])).toEqual(['br-front', 'lo', 'veth1', 'veth2', 'virbr0']);
});

test('an address on an interface that is not known makes it read all of them', () => {
  const { kernel, memory, names } = host();
  kernel.process(13);
  kernel.veth('wg0', 'br-front', 13);
  const all = vi.spyOn(kernel, 'links');
  expect(names([])).not.toContain('wg0');
  kernel.address('wg0', '10.9.0.1/24');
  expect(names([])).toContain('wg0');
  expect(all).toHaveBeenLastCalledWith();
  expect(memory.readPortsOf(new Set()).addresses.map(({ length }) => length)).toContain(24);
});
