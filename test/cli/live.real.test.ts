import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { checkout } from '../../lab/host.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { full, randomFor } from '../campaign/campaign.ts';

const policy = readFileSync(join(checkout, 'examples/article/policy.yaml'), 'utf8');

/** Entries of every protocol that a probe can be made of, on both families. */
const tests = `tests:
  - from: app/app
    allow: ["service/mongo:27017", "8.8.8.8/icmp", "[2606:4700:4700::1111]/icmp", "8.8.8.8:5/sctp", "192.168.100.1:3128"]
    deny:
      - "192.168.5.5:22"
      - "192.168.5.5:22/udp"
      - "192.168.5.5:22/sctp"
      - "192.168.5.5/icmp"
      - "192.168.5.5/gre"
      - { to: 192.168.5.5, protocol: 89 }
      - "gateway:22"
      - "host:53/udp"
      - "169.254.169.254:80"
`;

/** Fewer, for rules in iptables: a way over each hook, denied and allowed. */
const fewTests = `tests:
  - from: app/app
    allow: ["service/mongo:27017", "8.8.8.8/icmp", "192.168.100.1:3128"]
    deny: ["192.168.5.5:22", "192.168.5.5:22/udp", "192.168.5.5/icmp", "gateway:22"]
`;

const asked = (site: Site) => ({
  write: (text: string) => site.host.write('/etc/sluice/policy.yaml', text),
  async sluice(...args: string[]) {
    const { code, stdout, stderr } = await site.host.sluice(...args, '--json');
    expect(stderr).toBe('');
    return { code, value: JSON.parse(stdout) as Record<string, unknown> };
  },
  async live() {
    const { code, value } = await this.sluice('test', '--live');
    const probes = value['probes'] as { result: string; wanted: string; kernel: string | null; note: string | null }[];
    return { code, results: [...new Set(probes.map(({ result }) => result))], probes };
  },
});

test.each(['20.10', '26.1', '28.5'] as const)('apply, live tests and down on engine %s', async (engine) => {
  await using site = await openSite({ engine });
  await site.host.compose('app', article({ ipv6: engine !== '20.10' }), 'up', '-d');
  const host = asked(site);
  const { write } = host;
  const sluice = host.sluice.bind(host);
  const live = host.live.bind(host);

  const tight = policy.replace(/tests:[\s\S]*/, tests);
  write(tight);
  const rules = async () => (await site.host.must(['nft', 'list', 'ruleset'])).replaceAll(/packets \d+ bytes \d+/g, '');
  const before = await rules();
  expect((await site.host.sluice('test', '--live')).code).toBe(3);
  expect((await sluice('apply')).code).toBe(0);
  const enforced = await live();
  expect(enforced).toMatchObject({ code: 0, results: ['holds'] });
  expect(enforced.probes.length).toBeGreaterThanOrEqual(14);
  expect(new Set(enforced.probes.map(({ wanted, kernel }) => `${wanted} ${kernel}`))).toEqual(
    new Set(['allow allowed', 'deny denied']),
  );

  write(tight.replace('mode: enforce', 'mode: audit'));
  expect((await sluice('apply')).code).toBe(0);
  const audited = await live();
  expect(audited).toMatchObject({ code: 0, results: ['holds'] });
  expect(audited.probes.filter(({ kernel }) => kernel === 'audited').length).toBeGreaterThan(5);

  // the kernel no longer does what the policy says: the probes find it
  await site.host.nft('insert rule inet sluice forward accept\n');
  expect(await live()).toMatchObject({ code: 1 });

  expect((await sluice('down')).code).toBe(0);
  expect(await rules()).toBe(before);
  expect((await sluice('down')).value).toMatchObject({ tables: false });
});

const variants = [
  ['28.5', 'nft'],
  ['20.10', 'legacy'],
] as const;

test.each(full ? variants : [randomFor('live tests by iptables').pick(variants) ?? variants[0]])(
  'live tests of rules in iptables, engine %s by iptables-%s',
  async (engine, variant) => {
    await using site = await openSite({ engine });
    await site.host.compose('app', article({ ipv6: engine !== '20.10' }), 'up', '-d');
    const host = asked(site);
    const standing = async () => (await site.host.must(['nft', 'list', 'tables'])).includes('sluice-trace');

    const tight = policy.replace(/tests:[\s\S]*/, fewTests);
    host.write(tight);
    expect((await host.sluice('apply', '--backend', `iptables-${variant}`)).code).toBe(0);
    const enforced = await host.live();
    expect(enforced.probes.filter(({ result }) => result !== 'holds')).toEqual([]);
    expect(enforced).toMatchObject({ code: 0, results: ['holds'] });
    expect(new Set(enforced.probes.map(({ wanted, kernel }) => `${wanted} ${kernel}`))).toEqual(
      new Set(['allow allowed', 'deny denied']),
    );
    expect(await standing()).toBe(false);

    // somebody else stops what is allowed; somebody takes our last word away, and what is denied gets out
    const iptables = `iptables-${variant}`;
    await site.host.must([iptables, '-I', 'FORWARD', '-d', '192.168.100.1', '-j', 'DROP']);
    const stopped = (await host.live()).probes.filter(({ result }) => result !== 'holds');
    expect(stopped).toMatchObject([{ result: 'fails', wanted: 'allow', kernel: null }]);
    await site.host.must([iptables, '-D', 'FORWARD', '-d', '192.168.100.1', '-j', 'DROP']);
    for (const table of ['security', 'filter', 'mangle']) {
      const flushed = await site.host.run([iptables, '-t', table, '-F', 'DOCKER-OUTBOUND-FILTER']);
      if (variant === 'nft' || table === 'mangle') expect(flushed.code, flushed.stderr).toBe(0); // not every kernel has all legacy tables
    }
    const open = await host.live();
    expect(open.code).toBe(1);
    expect(new Set(open.probes.filter(({ wanted }) => wanted === 'deny').map(({ result }) => result))).toContain(
      'differs',
    );

    host.write(tight.replace('mode: enforce', 'mode: audit'));
    expect((await host.sluice('apply')).code).toBe(0);
    const audited = await host.live();
    if (variant === 'nft') {
      expect(audited).toMatchObject({ code: 0, results: ['holds'] });
      expect(audited.probes.filter(({ kernel }) => kernel === 'audited').length).toBeGreaterThan(3);
    } else {
      expect(audited.code).toBe(1);
      const [unproven] = audited.probes.filter(({ result }) => result === 'unproven');
      expect(unproven?.note).toContain('legacy tables do not tell');
    }
  },
);
