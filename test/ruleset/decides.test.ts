import { describe, expect, test } from 'vitest';
import { judge } from './support.ts';

describe('what decides', () => {
  const base = judge(`
groups:
  http-proxy: [192.168.100.1]
  resolver: ["192.168.100.2:53/udp"]
guardrails:
  deny: [cloud-metadata]
projects:
  app:
    allow: [same-project, http-proxy, resolver, internet]
    deny: ["1.1.1.1:443"]
    services:
      db: { allow: none }
`);

  test.each([
    ['192.168.100.1:3128/tcp', 'allowed'],
    ['192.168.100.1/icmp', 'allowed'],
    ['192.168.100.2:53/udp', 'allowed'],
    ['192.168.100.2:53/tcp', 'denied'],
    ['192.168.5.5:22/tcp', 'denied'],
    ['8.8.8.8:443/tcp', 'allowed'],
    ['[2606:4700::1111]:443/tcp', 'allowed'],
    ['[fd12::1]:443/tcp', 'denied'],
    ['1.1.1.1:443/tcp', 'denied'],
    ['1.1.1.1:80/tcp', 'allowed'],
    ['169.254.169.254:80/tcp', 'denied'],
    ['[fd00:ec2::254]:80/tcp', 'denied'],
    ['168.63.129.16:80/tcp', 'denied'],
    ['172.21.0.3:5432/tcp', 'allowed'],
    ['172.22.0.2:80/tcp', 'denied'],
    ['192.168.1.2:22/tcp', 'denied'],
    ['172.20.0.1:22/tcp', 'denied'],
    ['[fd00:20::1]:22/tcp', 'denied'],
  ])('app/web → %s is %s', (to, outcome) => {
    expect(base.say('app-web-1', to)).toBe(outcome);
  });

  test('the service is more specific than its project', () => {
    expect(base.say('app-db-1', '8.8.8.8:443/tcp')).toBe('denied');
  });

  test('what nothing names stays open but for the guardrails', () => {
    expect(base.say('portainer', '192.168.5.5:22/tcp')).toBe('allowed');
    expect(base.say('portainer', '192.168.1.2:22/tcp')).toBe('allowed');
    expect(base.say('portainer', '169.254.169.254:80/tcp')).toBe('denied');
  });

  test('denials of every level add up', () => {
    const { say } = judge(`
projects:
  "*": { allow: any, deny: ["10.1.0.0/16"] }
  app:
    allow: any
    deny: ["10.2.0.0/16"]
    services: { web: { allow: any, deny: ["10.3.0.0/16"] } }
`);
    for (const to of ['10.1.0.1/icmp', '10.2.0.1/icmp', '10.3.0.1/icmp']) expect(say('app-web-1', to)).toBe('denied');
    expect(say('app-db-1', '10.3.0.1/icmp')).toBe('allowed');
    expect(say('shop-web-1', '10.2.0.1/icmp')).toBe('allowed');
  });

  test('the pattern with more literal characters is more specific, the exact name most', () => {
    const { say } = judge(`
projects:
  "*": { allow: ["10.0.0.1"] }
  "a*": { allow: ["10.0.0.2"] }
  app: { allow: ["10.0.0.3"], services: { "w*": { allow: ["10.0.0.4"] } } }
`);
    expect(say('app-web-1', '10.0.0.4/icmp')).toBe('allowed');
    expect(say('app-web-1', '10.0.0.3/icmp')).toBe('denied');
    expect(say('app-db-1', '10.0.0.3/icmp')).toBe('allowed');
    expect(say('shop-web-1', '10.0.0.1/icmp')).toBe('allowed');
  });

  test("inherit is the next level's list as an entry", () => {
    const { say } = judge(`
projects:
  app: { allow: ["10.0.0.1"], services: { web: { allow: [inherit, "10.0.0.5:636"] } } }
`);
    expect(say('app-web-1', '10.0.0.1/icmp')).toBe('allowed');
    expect(say('app-web-1', '10.0.0.5:636/tcp')).toBe('allowed');
    expect(say('app-db-1', '10.0.0.5:636/tcp')).toBe('denied');
  });

  test('audit lets the denied pass and says so, but not past a guardrail', () => {
    const { say } = judge(`
guardrails: { deny: ["10.9.9.9"] }
projects: { app: { mode: audit, allow: ["10.0.0.1"], deny: ["10.0.0.1:22"] } }
`);
    expect(say('app-web-1', '10.0.0.1:80/tcp')).toBe('allowed');
    expect(say('app-web-1', '10.0.0.1:22/tcp')).toBe('audited');
    expect(say('app-web-1', '10.0.0.2:80/tcp')).toBe('audited');
    expect(say('app-web-1', '10.9.9.9:80/tcp')).toBe('denied');
  });

  test('off passes what no guardrail denies', () => {
    const { say } = judge(`
guardrails: { deny: ["10.9.9.9"] }
projects: { app: { mode: off, allow: none } }
`);
    expect(say('app-web-1', '10.0.0.2:80/tcp')).toBe('allowed');
    expect(say('app-web-1', '10.9.9.9:80/tcp')).toBe('denied');
  });

  test('an exception opens a guardrail for whom it names only, and only until its day ends', () => {
    const text = `
guardrails:
  deny: [cloud-metadata, private]
  except: [{ from: app/web, to: cloud-metadata, until: 2027-03-31 }]
projects: { "*": { allow: any } }
`;
    const day = judge(text, undefined, Date.UTC(2027, 2, 31, 23, 59, 59));
    expect(day.say('app-web-1', '169.254.169.254:80/tcp')).toBe('allowed');
    expect(day.say('shop-web-1', '169.254.169.254:80/tcp')).toBe('denied');
    expect(day.say('app-web-1', '10.0.0.1:80/tcp')).toBe('denied');
    const after = judge(text, undefined, Date.UTC(2027, 3, 1));
    expect(after.say('app-web-1', '169.254.169.254:80/tcp')).toBe('denied');
  });

  test.each([
    ['allow', 'allowed'],
    ['audit', 'audited'],
    ['deny', 'denied'],
  ])('unmanaged: %s', (unmanaged, outcome) => {
    const { say } = judge(`defaults: { unmanaged: ${unmanaged} }\nprojects: { app: { allow: any } }`);
    expect(say('portainer', '10.0.0.2:80/tcp')).toBe(outcome);
  });
});
