import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { checkout } from '../../lab/host.ts';
import { RealNft } from '../nftables/real-nft.ts';

test('a monitor whose thread was busy while more came than the kernel keeps is told so, and hears on', async () => {
  await using nft = await RealNft.open('28.5');
  const program = [join(checkout, 'node_modules/.bin/node'), join(checkout, 'test/netlink/inside/overrun.ts')];
  const inside = spawn('nsenter', [`--net=${nft.net}`, ...program], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const lines = createInterface({ input: inside.stdout })[Symbol.asyncIterator]();
    const said = async () => (await lines.next()).value;
    expect(await said()).toBe('ready');
    for (let round = 0; round < 60; round++)
      expect(await nft.run(['add', 'table', 'inet', `t${round}`])).toMatchObject({ code: 0 });
    inside.stdin.write('\n');
    const { datagrams, lost } = JSON.parse(String(await said())) as { datagrams: number; lost: number };
    expect(lost).toBeGreaterThan(0);
    expect(datagrams).toBeLessThan(120); // two of each change
    expect(await nft.run(['add', 'table', 'inet', 'after'])).toMatchObject({ code: 0 });
    expect(await said()).toBe('hears');
  } finally {
    inside.kill();
  }
});
