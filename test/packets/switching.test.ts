import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { article } from '../../lab/article.ts';
import type { Daemon } from '../../lab/daemon.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { type BackendName, backendNames } from '../../src/enforce/backend.ts';
import { lastLineTable } from '../../src/netlink/last-line.ts';
import { full } from '../campaign/campaign.ts';
import { holdWith } from './backends.ts';
import { expectNoWindow, flows, policy } from './flowing.ts';
import { ourRules } from './kernel.ts';
import { applyPolicy, removePolicy } from './support.ts';

const everyOrder: readonly BackendName[] = [
  'iptables-nft',
  'iptables-legacy',
  'nftables',
  'iptables-legacy',
  'nftables',
];
const engines = full ? (['20.10', '26.1', '28.5'] as const) : (['20.10', '28.5'] as const);
/** In what the rules are held that a daemon holds with nftables at first. */
const fromNftables: Readonly<Record<(typeof engines)[number], readonly (readonly BackendName[])[]>> = full
  ? { '20.10': [everyOrder], '26.1': [everyOrder], '28.5': [everyOrder] }
  : { '20.10': [], '26.1': [], '28.5': [['iptables-nft', 'nftables']] };

/** The capabilities that docs/operations.md gives a daemon that holds with nftables. */
const asDocumented = ['setpriv', '--bounding-set=-all,+net_admin,+sys_nice', '--inh-caps=-all', '--no-new-privs'];

describe.each(engines)('on engine %s', { timeout: 180_000 }, (engine) => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite({ engine });
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
  });
  afterAll(() => site?.stop());

  /** Nothing stands of the others; the variants of iptables have ebtables and ipset in common. */
  async function expectAlone(backend: BackendName): Promise<void> {
    for (const other of backendNames.filter((name) => name !== backend)) {
      if (other !== 'nftables' && backend !== 'nftables') {
        for (const start of ['iptables', 'ip6tables']) {
          const saved = await site.host.must([`${start}-${other.replace('iptables-', '')}-save`]);
          expect(saved, `${other} beside ${backend}`).not.toContain('DOCKER-OUTBOUND-');
        }
        continue;
      }
      expect(await ourRules(holdWith(site, other)), `${other} beside ${backend}`).toBe('');
    }
    holdWith(site, 'nftables');
  }

  test('apply --backend switches while traffic flows: nothing denied passes, nothing allowed is lost', async () => {
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
      await expectAlone(backend);
    }
    await expectNoWindow(running);
    await removePolicy(site);
  });

  test.each(fromNftables[engine].map((order) => [order.join(', then '), order] as const))(
    'beside a daemon apply --backend switches to %s in the same process while traffic flows',
    async (_, order) => {
      site.host.write('/etc/sluice/policy.yaml', policy);
      let daemon: Daemon = await site.host.daemon();
      onTestFailed(() => console.log(`the daemon's last words:\n${daemon.log.slice(-5_000)}`));
      const running = await flows(site);
      await sleep(500);
      for (const backend of order) {
        const { pid } = await daemon.status();
        const done = await site.host.sluice('apply', '--backend', backend, '--json');
        expect(done.code, `${backend}: ${done.stdout}${done.stderr}`).toBe(0);
        expect(JSON.parse(done.stdout)).toMatchObject({ by: 'daemon', backend });
        await expectAlone(backend);
        expect((await tables(site)).includes(lastLineTable), backend).toBe(backend === 'nftables');
        expect(await daemon.settled()).toMatchObject({ backend, pid, troubles: [], state: 'enforcing' });
        // and then without a word it stays there, and so does the next start
        expect(JSON.parse((await site.host.sluice('apply', '--json')).stdout)).toMatchObject({ by: 'daemon', backend });
        expect(await daemon.stop()).toBe(0);
        daemon = await site.host.daemon();
        expect(await daemon.status()).toMatchObject({ backend, troubles: [] });
      }
      await expectNoWindow(running);
      await removePolicy(site);
      for (const backend of backendNames) expect(await ourRules(holdWith(site, backend)), backend).toBe('');
      holdWith(site, 'nftables');
    },
  );

  test.each(fromNftables[engine].flatMap(([backend]) => backend ?? []))(
    'a daemon that may not take over with %s says what it lacks, and holds on',
    async (backend) => {
      site.host.write('/etc/sluice/policy.yaml', policy);
      await using daemon = await site.host.daemon({ under: asDocumented });
      const before = await daemon.status();
      const running = await flows(site);
      await sleep(1_500); // what is refused is over at once, and enough is to have been sent
      const done = await site.host.sluice('apply', '--backend', backend);
      expect(done.code).not.toBe(0);
      expect(done.stderr).toContain('CAP_NET_RAW');
      await expectAlone('nftables');
      const { pid, policy: inForce } = before;
      expect(await daemon.status()).toMatchObject({ backend: 'nftables', pid, policy: inForce, troubles: [] });
      expect(await tables(site)).toContain(lastLineTable);
      await expectNoWindow(running);
      await removePolicy(site);
    },
  );

  test.each(fromNftables[engine].map((order) => [order.join(', then '), order] as const))(
    'from nftables daemons take over by %s while traffic flows, and nothing of the others is left',
    async (_, order) => {
      site.host.write('/etc/sluice/policy.yaml', policy);
      let daemon: Daemon = await site.host.daemon({ args: ['--backend', 'nftables'] });
      onTestFailed(() => console.log(`the daemon's last words:\n${daemon.log.slice(-5_000)}`));
      expect(await tables(site)).toContain(lastLineTable);
      const running = await flows(site);
      await sleep(500);
      for (const backend of order) {
        expect(await daemon.stop()).toBe(0);
        expect(await tables(site)).not.toContain(lastLineTable);
        daemon = await site.host.daemon({ args: ['--backend', backend] });
        expect(await daemon.status()).toMatchObject({ backend, troubles: [] });
        await expectAlone(backend);
        expect((await tables(site)).includes(lastLineTable), backend).toBe(backend === 'nftables');
      }
      await expectNoWindow(running);

      // and whatever it was held with, `down` leaves nothing
      await daemon.stop();
      daemon = await site.host.daemon({ args: ['--backend', 'iptables-nft'] });
      await removePolicy(site);
      for (const backend of backendNames) expect(await ourRules(holdWith(site, backend)), backend).toBe('');
      holdWith(site, 'nftables');
      expect(await tables(site)).not.toContain('sluice');
    },
  );
});

const tables = (site: Site): Promise<string> => site.host.must(['nft', 'list', 'tables']);
