import { describe, expect, test } from 'vitest';
import { setIncludes } from '../../src/ip/address-set.ts';
import { address } from '../generate/build.ts';
import { judge } from './support.ts';

const allow = (...entries: readonly string[]) => judge(`projects: { app: { allow: ${JSON.stringify(entries)} } }`);
const deny = (...entries: readonly string[]) =>
  judge(`projects: { app: { allow: any, deny: ${JSON.stringify(entries)} } }`);

/** Who, what it reaches from app/web when allowed, and what it does not. */
const cases: readonly [who: string, inside: readonly string[], outside: readonly string[]][] = [
  ['192.168.100.1', ['192.168.100.1/icmp', '192.168.100.1:1/tcp'], ['192.168.100.2/icmp']],
  ['192.168.0.0/16', ['192.168.100.1/icmp'], ['192.168.1.2:22/tcp', '192.168.1.255:9/udp']],
  ['172.16.0.0/12', ['172.16.0.1/icmp'], ['172.21.0.3:5432/tcp', '172.22.0.2:80/tcp', '172.20.0.1/icmp']],
  ['2001:db8::/32', ['[2001:db8::5]/icmp'], ['[2001:db9::5]/icmp']],
  ['fe80::/10', [], ['[fe80::42:acff:fe00:3]:80/tcp']],
  ['239.1.2.3:5000/udp', ['239.1.2.3:5000/udp'], ['239.1.2.3:5001/udp']],
  ['service/db', ['172.21.0.3:5432/tcp', '[fe80::42:acff:fe00:3]:80/tcp', '127.0.0.1:5432/tcp'], ['172.22.0.2:80/tcp']],
  ['service/db:5432', ['172.21.0.3:5432/tcp', '127.0.0.1:5432/tcp'], ['172.21.0.3:5433/tcp', '127.0.0.1:5433/tcp']],
  ['project/shop', ['172.22.0.2:80/tcp', '172.22.0.2/icmp', '192.168.1.2:8080/tcp'], ['172.21.0.3:5432/tcp']],
  [
    'project/shop/web:80',
    ['172.22.0.2:80/tcp', '172.20.0.1:8080/tcp', '[2a01:4f8::2]:8080/tcp'],
    ['172.22.0.2:81/tcp', '192.168.1.2:80/tcp'],
  ],
  ['project/*/web', ['172.22.0.2:80/tcp', '192.168.1.2:3000/tcp'], ['172.21.0.3:5432/tcp']],
  ['container/portainer', ['172.17.0.2:9000/tcp'], ['172.22.0.2:80/tcp']],
  ['container/port*', ['172.17.0.2:9000/tcp'], ['172.22.0.2:80/tcp']],
  ['container/app-db-1', [], ['172.21.0.3:5432/tcp']],
  ['network/shop_default', ['172.22.0.2:80/tcp'], ['172.17.0.2:80/tcp', '172.22.0.9:80/tcp']],
  ['same-project', ['172.21.0.3:5432/tcp', '172.21.0.2:1/tcp'], ['172.22.0.2:80/tcp']],
  ['same-network', ['172.21.0.3:5432/tcp'], ['172.22.0.2:80/tcp']],
  [
    'containers',
    ['172.21.0.3:5432/tcp', '172.22.0.2:80/tcp', '172.17.0.2:1/udp'],
    ['172.22.0.77:80/tcp', '192.168.1.2:22/tcp'],
  ],
  [
    'host',
    ['192.168.1.2:22/tcp', '172.20.0.1:22/tcp', '[2a01:4f8::2]:22/tcp', '172.22.0.1/icmp'],
    ['192.168.1.3:22/tcp', '224.0.0.251:5353/udp', '172.20.255.255:9/udp'],
  ],
  [
    'gateway',
    ['172.20.0.1:22/tcp', '172.21.0.1:22/tcp', '[fd00:20::1]:22/tcp', '172.17.0.1:22/tcp'],
    ['172.22.0.1:22/tcp', '192.168.1.2:22/tcp'],
  ],
  ['dns', ['192.168.100.2:53/udp', '192.168.100.2:53/tcp'], ['192.168.100.2:54/udp', '192.168.100.3:53/udp']],
  ['cloud-metadata', ['169.254.169.254:80/tcp', '[fd00:ec2::254]:80/tcp'], ['169.254.169.253:80/tcp']],
  [
    'private',
    ['10.1.1.1/icmp', '[fd12::1]/icmp', '100.64.1.1/icmp'],
    ['8.8.8.8/icmp', '172.22.0.2/icmp', '169.254.169.254/icmp', '192.168.1.2/icmp', '192.168.1.255:9/udp'],
  ],
  [
    'internet',
    ['8.8.8.8/icmp', '[2a00::1]/icmp'],
    ['10.0.0.1/icmp', '[2a01:4f8::2]/icmp', '[64:ff9b::a00:1]/icmp', '168.63.129.16/icmp'],
  ],
  ['internet/icmp', ['8.8.8.8/icmp', '[2a00::1]/icmp'], ['8.8.8.8:443/tcp', '8.8.8.8/58', '[2a00::1]/1']],
  [
    'multicast',
    ['224.0.0.251:5353/udp', '[ff02::fb]:5353/udp', '255.255.255.255:67/udp', '172.20.255.255:9/udp'],
    ['172.22.255.255:9/udp', '240.0.0.1/icmp'],
  ],
  ['any', ['8.8.8.8/icmp', '192.168.1.2:22/tcp', '172.22.0.2:80/tcp', '224.0.0.1/2', '[ff02::1]/icmp'], []],
];

describe('a permission reaches', () => {
  test.each(cases)('%s', (who, inside, outside) => {
    const { say } = allow(who);
    expect(inside.filter((to) => say('app-web-1', to) !== 'allowed')).toEqual([]);
    expect(outside.filter((to) => say('app-web-1', to) !== 'denied')).toEqual([]);
  });

  test('as the host not what the kernel takes in beside everybody else', () => {
    const { ruleset } = allow('host');
    const [clause] = ruleset.programs.flatMap((program) => program.allow.filter(({ entry }) => entry === 'host'));
    const set = clause?.to.kind === 'addresses' ? clause.to.set : undefined;
    expect(clause?.plane).toBe('host');
    const inside = (text: string) => set !== undefined && setIncludes(set, address(text));
    expect(['224.0.0.251', 'ff02::fb', '255.255.255.255', '172.22.255.255', '192.168.1.255'].filter(inside)).toEqual(
      [],
    );
    expect(['192.168.1.2', '10.0.0.1', '2a01::1', 'fe80::1'].filter((text) => !inside(text))).toEqual([]);
  });

  test('nobody by an entry whose day has passed: it is not even handed to the kernel', () => {
    const { ruleset } = judge(
      'projects: { app: { allow: [{ to: "10.0.0.1", until: 2026-11-22 }, { to: "10.0.0.2", until: 2026-11-23 }] } }',
    );
    const entries = ruleset.programs.flatMap((program) => program.allow.map(({ entry }) => entry));
    expect(new Set(entries)).toEqual(new Set(['10.0.0.2', 'any']));
  });

  test('nobody by `none`', () => {
    expect(judge('projects: { app: { allow: none } }').say('app-web-1', '8.8.8.8/icmp')).toBe('denied');
  });

  test('nobody by a DNS name', () => {
    expect(allow('api.example.com:443').say('app-web-1', '8.8.8.8:443/tcp')).toBe('denied');
  });

  test('only the resolvers of the container itself', () => {
    expect(allow('dns').say('app-db-1', '192.168.100.2:53/udp')).toBe('denied');
  });
});

/** A denial counts by identity and by address: what an allow by address does not reach, a deny does. */
const alsoDenied: typeof cases = [
  ['192.168.0.0/16', ['192.168.100.1/icmp', '192.168.1.2:22/tcp', '192.168.1.255:9/udp'], ['192.169.0.1/icmp']],
  [
    '172.16.0.0/12',
    ['172.21.0.3:5432/tcp', '172.22.0.2:80/tcp', '172.20.0.1/icmp', '192.168.1.2:8080/tcp'],
    ['192.168.1.2:22/tcp'],
  ],
  ['192.168.1.2', ['192.168.1.2:22/tcp'], ['192.168.1.3:22/tcp']],
  ['fe80::/10', ['[fe80::42:acff:fe00:3]:80/tcp'], []],
  [
    'private',
    ['172.21.0.3:5432/tcp', '192.168.1.255:9/udp', '10.0.0.1/icmp'],
    ['192.168.1.2:22/tcp', '8.8.8.8/icmp', '169.254.169.254/icmp'],
  ],
  ['internet', ['8.8.8.8/icmp'], ['[2a01:4f8::2]/icmp', '10.0.0.1/icmp']],
  ['cloud-metadata', ['169.254.169.254:80/tcp'], ['169.254.169.253:80/tcp']],
];

describe('a denial reaches', () => {
  test.each([...cases.filter(([who]) => !alsoDenied.some(([other]) => other === who)), ...alsoDenied])(
    '%s',
    (who, inside, outside) => {
      const { say } = deny(who);
      expect(inside.filter((to) => say('app-web-1', to) !== 'denied')).toEqual([]);
      expect(outside.filter((to) => say('app-web-1', to) !== 'allowed')).toEqual([]);
    },
  );
});
