import { expect, test } from 'vitest';
import { chooseBackend, standingBackends } from '../../src/enforce/choose-backend.ts';
import type { Answer } from '../../src/host/command.ts';
import type { RunCommand } from '../../src/iptables/command.ts';
import { NftMissingError, type RunNft } from '../../src/nftables/nft.ts';

type Host = NonNullable<Parameters<typeof chooseBackend>[1]>;

const said = (stdout: string, code = 0): Answer => ({ code, signal: null, stdout, stderr: '' });
const missing = said('', 1);

/** A host with what is told, and nothing else. */
function hostWith({
  nft = true,
  ours = [],
  docker = 'nft',
}: {
  readonly nft?: boolean;
  readonly ours?: readonly ('nftables' | 'nft' | 'legacy')[];
  readonly docker?: 'nft' | 'legacy' | 'nobody';
}): Host {
  const runNft: RunNft = async (args) => {
    if (!nft) throw new NftMissingError('nft is not installed');
    if (args[0] === '--version') return said('nftables v1.1.3');
    return ours.includes('nftables') ? said('{ "nftables": [] }') : { ...missing, stderr: 'No such file or directory' };
  };
  const save = (variant: 'nft' | 'legacy') => {
    const mangle = ours.includes(variant) ? '*mangle\n:DOCKER-OUTBOUND-FILTER - [0:0]\nCOMMIT\n' : '';
    return said(`${mangle}*filter\n${docker === variant ? ':DOCKER-USER - [0:0]\n' : ''}COMMIT\n`);
  };
  const run: RunCommand = async (program, args) => {
    if (program === 'ipset')
      return said(ours.some((one) => one !== 'nftables') ? 'sluice-bridges4.0\nother\n' : 'other\n');
    if (program === 'iptables' && args[0] === '--version') return said('iptables v1.8.11 (nf_tables)');
    if (program.endsWith('-nft-save')) return save('nft');
    if (program.endsWith('-legacy-save')) return save('legacy');
    return said('');
  };
  const readFile = (path: string) => (path === '/proc/net/ip_tables_names' ? 'mangle\nfilter\n' : undefined);
  return { nft: runNft, run, readFile };
}

const chosen = async (asked: Parameters<typeof chooseBackend>[0], host: Host) => {
  const { backend, replaced, between } = await chooseBackend(asked, host);
  return { backend: backend.name, replaced: replaced.map(({ name }) => name), between: between?.name };
};

test('nftables is usual, and iptables where there is no nft, in the variant that has the chains of Docker', async () => {
  expect(await chosen(null, hostWith({}))).toEqual({ backend: 'nftables', replaced: [], between: undefined });
  expect(await chosen(null, hostWith({ nft: false }))).toMatchObject({ backend: 'iptables-nft' });
  expect(await chosen(null, hostWith({ nft: false, docker: 'legacy' }))).toMatchObject({ backend: 'iptables-legacy' });
});

test('iptables means the variant that has the chains of Docker, else the one that the command is', async () => {
  expect(await chosen('iptables', hostWith({ docker: 'legacy' }))).toMatchObject({ backend: 'iptables-legacy' });
  expect(await chosen('iptables', hostWith({ docker: 'nft' }))).toMatchObject({ backend: 'iptables-nft' });
  expect(await chosen('iptables', hostWith({ docker: 'nobody' }))).toMatchObject({ backend: 'iptables-nft' });
});

test('what stands stays, unless something else is asked for, which then replaces it', async () => {
  const host = hostWith({ ours: ['legacy'] });
  expect(await standingBackends(host)).toEqual(['iptables-legacy']);
  expect(await chosen(null, host)).toMatchObject({ backend: 'iptables-legacy', replaced: [] });
  expect(await chosen('nftables', host)).toMatchObject({
    backend: 'nftables',
    replaced: ['iptables-legacy'],
    between: undefined,
  });
});

test('without root it cannot be told what stands', async () => {
  const host = hostWith({});
  const blind: Host = {
    ...host,
    nft: async () => ({ ...missing, stderr: 'Operation not permitted' }),
    run: async () => ({ ...missing, stderr: 'Kernel error received: Operation not permitted' }),
  };
  expect(await standingBackends(blind)).toBeNull();
});

test('between the variants of iptables nftables holds, where there is nft', async () => {
  const from = { ours: ['nft'] } as const;
  expect(await chosen('iptables-legacy', hostWith(from))).toEqual({
    backend: 'iptables-legacy',
    replaced: ['iptables-nft'],
    between: 'nftables',
  });
  expect(await chosen('iptables-legacy', hostWith({ ...from, nft: false }))).toMatchObject({ between: undefined });
});
