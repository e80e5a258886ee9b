import { expect, test } from 'vitest';
import type { HeldIn } from '../../src/daemon/holder.ts';
import { takingOver } from '../../src/daemon/taking-over.ts';
import type { BackendName } from '../../src/enforce/backend.ts';
import { tellingBackend } from '../enforce/telling-backend.ts';
import { rulesetOf } from '../nftables/rulesets.ts';

function heldIn(name: BackendName): HeldIn {
  return {
    backend: name,
    holder: () => {
      throw new Error('nobody holds anything here');
    },
    takeOver: (_ruleset, hold) => hold(),
    standing: async () => false,
    proven: async () => new Set(['own port']),
    loadable: () => [],
    load: async () => {},
    narrower: () => [],
    lastLine: () => 'stands',
    listing: '',
  };
}

test.each([
  ['nothing stands', 'iptables-nft', [], undefined, ['hold', 'hold']],
  ['nftables stands', 'iptables-nft', ['nftables'], undefined, ['hold', 'remove nftables beside iptables-nft', 'hold']],
  [
    'the other variant stands',
    'iptables-legacy',
    ['iptables-nft'],
    'nftables',
    ['apply nftables', 'remove iptables-nft', 'hold', 'remove nftables', 'hold'],
  ],
] as const)('a daemon that starts where %s: the old rules go when the new ones stand, once', async (...given) => {
  const [, to, from, between, expected] = given;
  const said: string[] = [];
  const replaced = from.map((name) => tellingBackend(name, said));
  const choice = {
    backend: tellingBackend(to, said),
    replaced,
    ...(between === undefined ? {} : { between: tellingBackend(between, said) }),
  };
  const kernel = takingOver(heldIn(to), choice);
  const hold = async () => said.push('hold');
  await kernel.takeOver(rulesetOf(), hold);
  await kernel.takeOver(rulesetOf(), hold);
  expect(said).toEqual(expected);
  // whose rules stand is not loaded over from memory, and whom they prove is no stranger
  expect(await kernel.standing()).toBe(from.length > 0);
  expect([...(await kernel.proven())]).toEqual(['own port', ...from.map((name) => `port of ${name}`)]);
});

test('what cannot be held takes nothing away', async () => {
  const said: string[] = [];
  const choice = { backend: tellingBackend('iptables-nft', said), replaced: [tellingBackend('nftables', said)] };
  const kernel = takingOver(heldIn('iptables-nft'), choice);
  await expect(kernel.takeOver(rulesetOf(), () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  expect(said).toEqual([]);
  await kernel.takeOver(rulesetOf(), async () => {});
  expect(said).toEqual(['remove nftables beside iptables-nft']);
});
