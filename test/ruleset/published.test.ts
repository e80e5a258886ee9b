import { describe, expect, test } from 'vitest';
import type { ContainerSketch } from '../generate/build.ts';
import { judge, town } from './support.ts';

/** shop/web answers on 172.22.0.2:80, published on every host address as 8080. */
const service = '172.22.0.2:80/tcp';
const host = '192.168.1.2:8080/tcp';
const hostV6 = '[2a01:4f8::2]:8080/tcp';

describe('a published port counts as the host and as its service', () => {
  test('an allow of either is enough', () => {
    expect(judge('projects: { app: { allow: [host] } }').say('app-web-1', host)).toBe('allowed');
    const { say } = judge('projects: { app: { allow: ["project/shop/web:80"] } }');
    expect(say('app-web-1', host)).toBe('allowed');
    expect(say('app-web-1', hostV6)).toBe('allowed');
    expect(say('app-web-1', '172.20.0.1:8080/tcp')).toBe('allowed');
    expect(say('app-web-1', '192.168.1.2:80/tcp')).toBe('denied');
    expect(say('app-web-1', '192.168.1.2:8080/udp')).toBe('denied');
  });

  test('an allow of the host does not open the container itself', () => {
    expect(judge('projects: { app: { allow: [host] } }').say('app-web-1', service)).toBe('denied');
  });

  test("an allow of the service at another port than the container's does not open the host's", () => {
    expect(judge('projects: { app: { allow: ["project/shop/web:8080"] } }').say('app-web-1', host)).toBe('denied');
  });

  test.each(['host', 'project/shop/web', '172.22.0.0/16', '192.168.1.2'])('a deny of %s is enough', (entry) => {
    const { say } = judge(`projects: { app: { allow: any, deny: ["${entry}"] } }`);
    expect(say('app-web-1', host)).toBe('denied');
  });

  test('a guardrail on the service holds on the host', () => {
    const { say } = judge('guardrails: { deny: [project/shop] }\nprojects: { app: { mode: audit, allow: [host] } }');
    expect(say('app-web-1', host)).toBe('denied');
    expect(say('portainer', host)).toBe('denied');
    expect(say('app-web-1', '192.168.1.2:22/tcp')).toBe('allowed');
  });

  test('bound to one address of the host, it counts there', () => {
    const { say } = judge('projects: { shop: { allow: ["project/app/db:5432"] } }');
    expect(say('shop-web-1', '127.0.0.1:5432/tcp')).toBe('allowed');
    expect(say('shop-web-1', '192.168.1.2:5432/tcp')).toBe('denied');
  });

  test('the unspecified address is every address of its family', () => {
    const { say } = judge('projects: { a: { allow: [project/b] } }', {
      networks: [{ name: 'n', subnets: ['172.30.0.0/24', 'fd00:30::/64'] }],
      containers: [
        { name: 'a', workload: 'a/s', on: ['n'] },
        { name: 'b', workload: 'b/s', on: ['n'], published: ['0.0.0.0:81:80/tcp', '[::]:82:80/tcp'] },
      ],
      host: ['192.168.1.2/24', '2a01:4f8::2/64'],
    });
    expect(say('a', '192.168.1.2:81/tcp')).toBe('allowed');
    expect(say('a', '[2a01:4f8::2]:81/tcp')).toBe('denied');
    expect(say('a', '192.168.1.2:82/tcp')).toBe('denied');
    expect(say('a', '[2a01:4f8::2]:82/tcp')).toBe('allowed');
  });

  test('conversations from outside may begin at the published ports of each address', () => {
    const { ruleset } = judge('projects: { app: { allow: any } }');
    expect(ruleset.published.map(({ protocol, port }) => [protocol, port.low])).toEqual(
      expect.arrayContaining([
        [6, 80],
        [6, 3000],
        [6, 5432],
      ]),
    );
  });
});

describe('exceptions at a published port', () => {
  const guarded = (except: string, deny = 'project/shop') =>
    judge(`guardrails:\n  deny: [${deny}]\n  except: [${except}]\nprojects: { app: { allow: any } }`);

  test('an exception for something else leaves both ways of the service shut', () => {
    const { say } = guarded('{ from: app/web, to: "10.0.0.1" }', 'project/shop, private');
    expect(say('app-web-1', '10.0.0.1:80/tcp')).toBe('allowed');
    expect(say('app-web-1', service)).toBe('denied');
    expect(say('app-web-1', host)).toBe('denied');
  });

  test('an exception for the service opens both its ways', () => {
    const { say } = guarded('{ from: app/web, to: "project/shop/web:80" }');
    expect(say('app-web-1', service)).toBe('allowed');
    expect(say('app-web-1', host)).toBe('allowed');
    expect(say('portainer', host)).toBe('denied');
  });

  test('an exception for the host does not open a service that is forbidden', () => {
    const { say } = guarded('{ from: app/web, to: host }', 'project/shop, host');
    expect(say('app-web-1', '192.168.1.2:22/tcp')).toBe('allowed');
    expect(say('app-web-1', host)).toBe('denied');
    expect(say('app-web-1', '192.168.1.2:8080/udp')).toBe('allowed');
  });

  test('an exception for the service does not open a host that is forbidden', () => {
    const { say } = guarded('{ from: app/web, to: project/shop }', 'project/shop, host');
    expect(say('app-web-1', service)).toBe('allowed');
    expect(say('app-web-1', host)).toBe('denied');
  });

  test('exceptions for both open it, until the first of them ends', () => {
    const text = `
guardrails:
  deny: [project/shop, host]
  except:
    - { from: app/web, to: project/shop, until: 2026-12-01 }
    - { from: app/web, to: host, until: 2026-12-31 }
projects: { app: { allow: any } }
`;
    const { ruleset, verdict, say } = judge(text);
    expect(say('app-web-1', host)).toBe('allowed');
    const program = ruleset.programs.find(({ workload }) => workload === 'app/web');
    const ends = program?.except.filter(({ plane, l4 }) => plane === 'host' && l4 !== 'any' && l4.length === 1);
    expect(ends?.map(({ until }) => until)).toContain(Date.UTC(2026, 11, 2) - 1);
    expect(verdict('app-web-1', host).steps[0]).toMatchObject({ kind: 'guardrail', exception: expect.anything() });
    expect(judge(text, undefined, Date.UTC(2026, 11, 5)).say('app-web-1', host)).toBe('denied');
  });
});

test('of one that does not run, a thousand ports are denied beforehand, and of all such five thousand', () => {
  const bound = (many: number, at: number) =>
    Array.from({ length: many }, (_, its) => `127.${at}.${its >> 8}.${its & 255}:80:80/tcp`);
  const idle = (at: number): ContainerSketch => ({
    name: `idle-${at}`,
    workload: `evil/s${at}`,
    on: ['shop_default'],
    published: bound(3_000, at),
    running: false,
  });
  const clausesBeside = (...more: readonly ContainerSketch[]) => {
    const { ruleset } = judge('guardrails: { deny: [containers] }\nprojects: { app: { allow: none } }', {
      ...town,
      containers: [...town.containers, ...more],
    });
    return Math.max(...ruleset.programs.map(({ guard }) => guard.length));
  };
  const none = clausesBeside();
  expect(clausesBeside(idle(1)) - none).toBe(1_000);
  expect(clausesBeside(...Array.from({ length: 7 }, (_, at) => idle(at + 1))) - none).toBe(5_000);
});
