import { describe, expect, test } from 'vitest';
import { judge } from './support.ts';

const say = (policy: string, to: string) => judge(policy).say('app-web-1', to);
const guarded = (deny: string) => `guardrails: { deny: [${deny}] }\nprojects: { app: { allow: any } }`;
const listed = (deny: string) => `projects: { app: { allow: any, deny: [${deny}] } }`;

/** 10.1.2.3, 169.254.169.254 and 8.8.8.8 as they stand in addresses of IPv6. */
const inside = {
  private: ['64:ff9b::a01:203', '64:ff9b:1::a01:203', '2002:a01:203:5::1', '2001:0:a01:203::7', '::a01:203'],
  'cloud-metadata': ['64:ff9b::a9fe:a9fe', '64:ff9b:1::a9fe:a9fe', '2002:a9fe:a9fe::1', '::ffff:169.254.169.254'],
  internet: ['64:ff9b::808:808', '64:ff9b:1:fffe::808:808', '2002:808:808::1', '2001:0:808:808::1', '::808:808'],
} as const;

describe.each(['private', 'cloud-metadata', 'internet'] as const)('a denial of %s', (group) => {
  test.each(inside[group])('means %s, which carries one of its addresses', (to) => {
    expect(say(guarded(group), `[${to}]:80/tcp`)).toBe('denied');
    expect(say(listed(group), `[${to}]:80/tcp`)).toBe('denied');
  });

  test('is no permission of them', () => {
    for (const to of inside[group])
      expect(say(`projects: { app: { allow: [${group}] } }`, `[${to}]:80/tcp`), to).toBe('denied');
  });
});

test('a denial of what is inside leaves other addresses inside alone', () => {
  for (const to of inside.internet) {
    expect(say(guarded('private'), `[${to}]:80/tcp`), to).toBe('allowed');
    expect(say(guarded('cloud-metadata'), `[${to}]:80/tcp`), to).toBe('allowed');
  }
  for (const to of ['64:ff9b::a01:203', '2002:a01:203::1'])
    expect(say(guarded('cloud-metadata'), `[${to}]:80/tcp`), to).toBe('allowed');
});

test.each(['192.88.99.1', '192.31.196.1', '[2620:4f:8000::1]'])('a denial of internet means %s', (to) => {
  expect(say(guarded('internet'), `${to}:80/tcp`)).toBe('denied');
  expect(say('projects: { app: { allow: [internet] } }', `${to}:80/tcp`)).toBe('denied');
});

test('an exception for the internet gives back what "internet" says, and no more', () => {
  const policy =
    'guardrails: { deny: [internet], except: [{ from: app/web, to: internet }] }\nprojects: { app: { allow: any } }';
  expect(say(policy, '8.8.8.8:80/tcp')).toBe('allowed');
  expect(say(policy, '[64:ff9b::808:808]:80/tcp')).toBe('denied');
});

test("the host's own addresses stay the host's", () => {
  for (const group of ['private', 'internet'])
    expect(say(guarded(group), '[2a01:4f8::2]:80/tcp'), group).toBe('allowed');
});
