import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { openSite } from '../../lab/site.ts';
import type { BackendName } from '../../src/enforce/backend.ts';
import { holdWith } from './backends.ts';
import { expectNoWindow, flows, policy } from './flowing.ts';
import { ourRules } from './kernel.ts';
import { applyPolicy, removePolicy } from './support.ts';

test.each(['20.10', '28.5'] as const)(
  'on engine %s apply --backend switches while traffic flows: nothing denied passes, nothing allowed is lost',
  { timeout: 120_000 },
  async (engine) => {
    await using site = await openSite({ engine });
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    await applyPolicy(site, policy);
    const running = await flows(site);
    await sleep(500);
    const order: readonly BackendName[] = ['iptables-nft', 'iptables-legacy', 'iptables-nft', 'nftables'];
    for (const backend of order) {
      const done = await site.host.sluice('apply', '--backend', backend, '--json');
      expect(done.code, `${backend}: ${done.stdout}${done.stderr}`).toBe(0);
      expect(JSON.parse(done.stdout)).toMatchObject({ backend });
      // and then without a word it stays there
      expect(JSON.parse((await site.host.sluice('apply', '--json')).stdout)).toMatchObject({ backend });
      for (const other of ['nftables', 'iptables-nft', 'iptables-legacy'] as const) {
        holdWith(site, other);
        if (other !== backend && (other === 'nftables' || backend === 'nftables'))
          expect(await ourRules(site), `${other} beside ${backend}`).toBe('');
      }
    }
    holdWith(site, 'nftables');
    await expectNoWindow(running);
    await removePolicy(site);
  },
);
