import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith, waysOf } from './backends.ts';
import { expectNoWindow, flows, policy } from './flowing.ts';
import { type Attempt, applyPolicy, expectAllowed, expectControl, expectDenied } from './support.ts';

const families = ['v4', 'v6'] as const;
const from = 'app/app';
const allowed: readonly Attempt[] = families.map((family) => ({ from, to: places.internet[family], port: 443 }));
const denied: readonly Attempt[] = families.flatMap((family): readonly Attempt[] => [
  { from, to: places.private[family], port: 22 },
  { from, to: places.private[family], port: 514, proto: 'udp' },
]);

const ways = waysOf({ '26.1': 'iptables-legacy', '28.5': 'iptables-nft' }).filter(
  ({ backend }) => backend !== 'nftables',
);

describe.each(ways)('what other people do to iptables, engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;
  const variant = backend === 'iptables-nft' ? 'nft' : 'legacy';
  const commands = [`iptables-${variant}`, `ip6tables-${variant}`];

  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    await expectControl(site, [...allowed, ...denied]);
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  // mangle refuses REJECT (EINVAL), and what stands in filter an accept above it passes by: security has the last word
  test('with filter flushed and an accept above us in raw, mangle and filter, denied stays denied', async () => {
    await expectDenied(site, denied);
    for (const command of commands) {
      await site.host.must([command, '-F', 'FORWARD']);
      for (const [table, hook] of [
        ['raw', 'PREROUTING'],
        ['mangle', 'PREROUTING'],
        ['filter', 'FORWARD'],
      ] as const)
        await site.host.must([command, '-t', table, '-I', hook, '-j', 'ACCEPT']);
      await site.host.must([command, '-P', 'FORWARD', 'ACCEPT']);
    }
    await expectDenied(site, denied);
    for (const command of commands)
      for (const [table, hook] of [
        ['raw', 'PREROUTING'],
        ['mangle', 'PREROUTING'],
      ] as const)
        await site.host.must([command, '-t', table, '-D', hook, '-j', 'ACCEPT']);
    await expectDenied(site, denied);
    await expectAllowed(site, allowed);
  });

  test('an accept above us in mangle takes the judgement away, and with it the permission', async () => {
    for (const command of commands) await site.host.must([command, '-t', 'mangle', '-I', 'FORWARD', '-j', 'ACCEPT']);
    await expectDenied(site, [...denied, ...allowed]);
    // the next apply puts us first again, and leaves theirs where it is
    await applyPolicy(site, policy);
    await expectAllowed(site, allowed);
    await expectDenied(site, denied);
    for (const command of commands) await site.host.must([command, '-t', 'mangle', '-D', 'FORWARD', '-j', 'ACCEPT']);
  });

  test("other people's rules in mangle still see what passes us", async () => {
    const [v4] = commands as [string];
    const rule = ['FORWARD', '-d', places.internet.v4, '-p', 'tcp', '-m', 'comment', '--comment', 'theirs'];
    await site.host.must([v4, '-t', 'mangle', '-A', ...rule]);
    await expectAllowed(site, allowed);
    const seen = await site.host.must([v4, '-t', 'mangle', '-nvxL', 'FORWARD']);
    expect(Number(/^\s*(\d+).*theirs/m.exec(seen)?.[1])).toBeGreaterThan(0);
    await site.host.must([v4, '-t', 'mangle', '-D', ...rule]);
  });

  // `ipset swap` is atomic for one set, not for two: swapping would open or close what the change does not mean to
  test('policies that change places under load let nothing pass and lose nothing', async () => {
    const running = await flows(site);
    await sleep(500);
    const other = `${policy}      mongo: { allow: ["internet:443"] }\n      elasticsearch: { allow: any, deny: [private] }\n`;
    for (let round = 0; round < 4; round++) await applyPolicy(site, round % 2 === 0 ? other : policy);
    await expectNoWindow(running);
  });

  test('a permission that ends later than iptables can say is told by whoever applies it, plans it or asks', async () => {
    const late = '{ to: "internet:443", until: 2040-12-31, reason: "much later" }';
    await applyPolicy(site, `${policy}      mongo: { allow: [${late}] }\n`);
    for (const args of [['plan'], ['apply'], ['status']]) {
      const { stdout } = await site.host.sluice(...args, '--json');
      const { narrower } = JSON.parse(stdout) as { narrower: readonly { code: string; message: string }[] };
      expect(narrower, args[0]).toEqual([
        {
          code: 'until',
          message: expect.stringMatching(/^iptables knows no time after 2038-01-19: "internet:443" \(/),
        },
      ]);
    }
  });
});
