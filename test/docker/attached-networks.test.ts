import { expect, test } from 'vitest';
import { attachedNetworks } from '../../src/docker/containers.ts';
import type { Attachment, ContainerSummary, NetworkDetails } from '../../src/docker/engine-api.ts';
import { indexNetworks } from '../../src/docker/networks.ts';

const network = (name: string, id: string): NetworkDetails => ({
  ...({ driver: 'bridge' } as NetworkDetails),
  name,
  id,
});
const networks = indexNetworks([
  network('bridge', 'aa11'.repeat(16)),
  network('free', 'aa22'.repeat(16)),
  network('back', 'bb33'.repeat(16)),
  network('bb', 'cc44'.repeat(16)),
]);

/** The networks of one that has not run, attached by these words, with its mode. */
function joins(words: readonly string[], networkMode: string, attached: Partial<Attachment> = {}): readonly string[] {
  const attachments = words.map(
    (name): Attachment => ({
      name,
      networkId: '',
      endpoint: '',
      addresses: [],
      mac: null,
      ...(attached.name === name ? attached : {}),
    }),
  );
  const summary = { ...({} as ContainerSummary), attachments, networkMode, running: false };
  return attachedNetworks(summary, networks).map((one) => `${one.network.name}${one.attachment.endpoint}`);
}

test('a network is meant by its name, its id, or the beginning of an id that is no other’s', () => {
  expect(joins(['free'], 'free')).toEqual(['free']);
  expect(joins(['aa22'.repeat(16)], 'x')).toEqual(['free']);
  expect(joins(['aa22aa22aa22'], 'x')).toEqual(['free']);
  expect(joins([], 'bb33bb33bb33')).toEqual(['back']);
  expect(joins(['bb'], 'x')).toEqual(['bb']);
  expect(joins(['aa'], 'x')).toEqual([]);
  expect(joins(['AA22'], 'x')).toEqual([]);
});

test('one that is listed under two words is attached once, as it really is', () => {
  expect(joins(['aa22aa22', 'free'], 'free', { name: 'free', endpoint: '+' })).toEqual(['free+']);
  expect(joins(['free', 'aa22aa22'], 'free', { name: 'free', endpoint: '+' })).toEqual(['free+']);
});
