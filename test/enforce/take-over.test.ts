import { expect, test } from 'vitest';
import type { BackendName } from '../../src/enforce/backend.ts';
import { type EnforcedKernel, enforce } from '../../src/enforce/enforce.ts';
import { readCase } from '../golden/cases.ts';
import { tellingBackend } from './telling-backend.ts';

/** Backends that write down what happens to them, on a kernel without conversations. */
function kernelOf(names: { readonly to: BackendName; readonly from?: BackendName; readonly between?: BackendName }) {
  const said: string[] = [];
  const fake = (name: BackendName) => tellingBackend(name, said);
  const kernel: EnforcedKernel = {
    backend: fake(names.to),
    replaced: names.from === undefined ? [] : [fake(names.from)],
    ...(names.between === undefined ? {} : { between: fake(names.between) }),
    bridges: { load: async () => {}, read: () => null, set: () => {} },
    conntrack: { dumpFlows: () => [], deleteFlows: () => ({ deleted: 0, gone: 0 }), markFlows: () => {} },
  };
  return { said, kernel };
}

test.each([
  [{ to: 'nftables' }, ['apply nftables']],
  [{ to: 'iptables-nft', from: 'nftables' }, ['apply iptables-nft', 'remove nftables beside iptables-nft']],
  [
    { to: 'iptables-legacy', from: 'iptables-nft', between: 'nftables' },
    ['apply nftables', 'remove iptables-nft', 'apply iptables-legacy', 'remove nftables'],
  ],
] as const)('%o: the new rules stand before the old ones go', async (names, expected) => {
  const { said, kernel } = kernelOf(names);
  await enforce(readCase('01-modes').ruleset, kernel, 0);
  expect(said).toEqual(expected);
});
