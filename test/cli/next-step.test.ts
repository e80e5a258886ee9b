import { expect, test } from 'vitest';
import { articleHost, articlePolicy, configured } from './hosts.ts';

const asked = [
  '192.168.5.5:22',
  '192.168.5.5',
  '10.0.0.0/8:8000-8100',
  '192.168.100.2:53/tcp',
  '[2001:db8:1::7]:443/udp',
  '172.20.0.4:27017', // of its own project, and allowed already
  '172.22.0.2:80',
  '172.22.0.2/icmp',
  'shop/web:80',
  'container/portainer',
  'host:22',
  '192.168.1.2:22',
  '172.20.255.255:137/udp',
  '224.0.0.251:5353/udp',
  'gateway:22',
] as const;

test.each(asked)('what explain says would allow %s does', async (to) => {
  const host = articleHost(articlePolicy.replace(/tests:[^]*/, ''));
  const first = await host.sluice(['explain', 'app/app', to], 1000);
  const entry = /^To allow it, add (.*) to the allow list at /m.exec(first.out)?.[1];
  expect([first.code, entry !== undefined]).toEqual(first.out.startsWith('ALLOWED') ? [0, false] : [1, true]);
  host.files.write(configured, articlePolicy.replace(/tests:[^]*/, '').replace('internet]', `internet, ${entry}]`));
  if (entry !== undefined) expect((await host.sluice(['explain', 'app/app', to])).out).toMatch(/^ALLOWED/);
});
