import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { checkout } from '../../lab/host.ts';
import { openSite } from '../../lab/site.ts';

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

test.each(['20.10', '26.1', '28.5'] as const)('apply, live tests and down on engine %s', async (engine) => {
  await using site = await openSite({ engine });
  await site.host.compose('app', article({ ipv6: engine !== '20.10' }), 'up', '-d');
  const write = (text: string) => site.host.write('/etc/sluice/policy.yaml', text);
  const sluice = async (...args: string[]) => {
    const { code, stdout, stderr } = await site.host.sluice(...args, '--json');
    expect(stderr).toBe('');
    return { code, value: JSON.parse(stdout) as Record<string, unknown> };
  };
  const live = async () => {
    const { code, value } = await sluice('test', '--live');
    const probes = value['probes'] as { result: string; wanted: string; kernel: string | null }[];
    return { code, results: [...new Set(probes.map(({ result }) => result))], probes };
  };

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
