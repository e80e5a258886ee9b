import { describe, expect, test } from 'vitest';
import { checkPolicy } from '../../src/evaluate/check.ts';
import { now, policyOf } from '../ruleset/support.ts';

const check = (text: string, compose?: Record<string, string>) =>
  checkPolicy(policyOf(text, compose), now).map(({ code, message }) => `${code} ${message}`);

/** One entry of a test of app/web, with the policy's `projects: { app: … }`. */
const tested = (kind: 'allow' | 'deny', entry: string, app: string, more = '') =>
  check(`${more}\nprojects: { app: ${app} }\ntests: [{ from: app/web, ${kind}: ["${entry}"] }]`);

describe('a test of the policy', () => {
  test.each([
    ['192.168.5.5:22', '{ allow: [private] }'],
    ['8.8.8.0/24:443', '{ allow: ["internet:443"] }'],
    ['internet', '{ allow: [internet] }'],
    ['host', '{ allow: [host] }'],
    ['gateway:53/udp', '{ allow: [host] }'],
    ['dns', '{ allow: [dns] }'],
    ['same-project', '{ allow: [same-project] }'],
    ['service/db:5432', '{ allow: [same-project] }'],
    ['project/app/db', '{ allow: [service/db] }'],
    ['project/shop', '{ allow: [containers] }'],
    ['same-network', '{ allow: [containers] }'],
    ['network/shop_back', '{ allow: [containers] }'],
    ['cloud-metadata', '{ allow: any }'],
    ['any', '{ allow: any }'],
    ['239.1.1.1:5000/udp', '{ allow: [multicast] }'],
    ['224.0.0.0/4', '{ allow: ["0.0.0.0/0"] }'],
  ])('that %s is allowed holds with %s', (entry, app) => {
    expect(tested('allow', entry, app)).toEqual([]);
  });

  test.each([
    ['192.168.5.5:22', '{ allow: [internet] }'],
    ['8.8.8.8', '{ allow: ["internet:443"] }'],
    ['8.8.8.0/24:443', '{ allow: ["internet:443"], deny: ["8.8.8.77"] }'],
    ['host', '{ allow: [gateway] }'],
    ['dns', '{ allow: [internet, private] }'],
    ['same-project', '{ allow: [service/db, service/web] }'],
    ['project/app', '{ allow: ["project/app/*b"] }'],
    ['containers', '{ allow: [same-project] }'],
    ['service/db', '{ allow: ["0.0.0.0/0", "::/0"] }'],
    ['same-network', '{ allow: [same-project], services: { web: { allow: none } } }'],
    ['any', '{ allow: [internet, private, host, containers, dns, multicast, cloud-metadata] }'],
  ])('that %s is allowed fails with %s', (entry, app) => {
    expect(tested('allow', entry, app).map((line) => line.slice(0, 18))).toEqual(['SL1601 test fails:']);
  });

  test.each([
    ['192.168.5.5:22', '{ allow: [internet] }'],
    ['0.0.0.0/0', '{ allow: [same-project, host, dns] }'],
    ['host', '{ allow: [internet, private, containers, dns] }'],
    ['same-project', '{ allow: ["0.0.0.0/0", "::/0"] }'],
    ['containers', '{ allow: [internet, host] }'],
    ['dns', '{ allow: [internet, host] }'],
    ['project/shop', '{ allow: [same-project] }'],
    ['169.254.169.254:80', '{ allow: [private, internet] }'],
  ])('that %s is denied holds with %s', (entry, app) => {
    expect(tested('deny', entry, app)).toEqual([]);
  });

  test.each([
    ['10.0.0.0/8', '{ allow: ["10.1.2.3:443"] }'],
    ['host', '{ allow: [gateway] }'],
    ['containers', '{ allow: [service/db] }'],
    ['project/shop', '{ allow: ["project/s*/web"] }'],
    ['internet', '{ allow: ["8.8.8.8:53/udp"] }'],
    ['any', '{ allow: [dns] }'],
    ['multicast', '{ allow: ["239.1.1.1"] }'],
    ['internet', '{ allow: ["64:ff9b::/96"] }'],
    ['private', '{ allow: ["2002::/16"] }'],
  ])('that %s is denied fails with %s', (entry, app) => {
    expect(tested('deny', entry, app).map((line) => line.slice(0, 18))).toEqual(['SL1601 test fails:']);
  });

  test('reads modes as enforce', () => {
    expect(tested('deny', '10.0.0.1', '{ mode: audit, allow: none }')).toEqual([]);
    expect(tested('deny', '10.0.0.1', '{ mode: off, allow: none }')).toEqual([]);
    expect(
      check(
        'defaults: { unmanaged: audit }\nguardrails: { deny: [cloud-metadata] }\ntests: [{ from: x/y, deny: ["10.0.0.1"] }]',
      ),
    ).toEqual([]);
  });

  test('says what the verdict is and what decides', () => {
    expect(tested('deny', '192.168.0.0/16:22', '{ allow: [private] }')).toEqual([
      'SL1601 test fails: app/web may reach 192.168.0.0:22/tcp: "private" allows it',
    ]);
    expect(tested('allow', 'project/shop/db:5432', '{ allow: [same-project] }')).toEqual([
      'SL1601 test fails: app/web may not reach shop/db:5432/tcp: nothing allows it',
    ]);
    expect(tested('allow', '169.254.169.254:80', '{ allow: any }', 'guardrails: { deny: [cloud-metadata] }')).toEqual([
      'SL1601 test fails: app/web may not reach 169.254.169.254:80/tcp: the guardrail "cloud-metadata" denies it',
    ]);
    expect(tested('allow', 'service/db:5432', '{ allow: [same-project], deny: [service/db] }')[0]).toBe(
      'SL1601 test fails: app/web may not reach app/db:5432/tcp: "service/db" denies it',
    );
    expect(tested('deny', 'gateway:22', '{ allow: [host] }')[0]).toBe(
      'SL1601 test fails: app/web may reach gateway:22/tcp: "host" allows it',
    );
  });

  test('stands at the entry, with what decides beside it', () => {
    const policy = policyOf(
      'projects:\n  app: { allow: [private] }\ntests:\n  - from: app/web\n    deny: ["8.8.8.8", "10.0.0.1"]\n',
    );
    const [found] = checkPolicy(policy, now);
    expect(found?.source).toMatchObject({ file: 'policy.yaml', line: 6, text: '10.0.0.1' });
    expect(found?.related).toMatchObject([{ line: 3, text: 'private' }]);
  });

  test('of every workload that a pattern means, those that a pattern of the policy tells apart among them', () => {
    const text = (services: string) => `
projects: { app: { allow: none, services: { ${services} } } }
tests: [{ from: "app/w*", deny: ["8.8.8.8"] }]`;
    expect(check(text(''))).toEqual([]);
    expect(check(text('"*b": { allow: [internet] }')).length).toBe(1);
    expect(check(text('web: { allow: [internet] }')).length).toBe(1);
    expect(check(text('db: { allow: [internet] }'))).toEqual([]);
  });

  test('of a container that nothing names: it may send everything', () => {
    expect(check('tests: [{ from: other/web, allow: ["8.8.8.8"] }]')).toEqual([]);
    expect(check('tests: [{ from: other/web, deny: ["8.8.8.8"] }]').length).toBe(1);
    expect(check('tests: [{ from: container/x, deny: ["8.8.8.8"] }]').length).toBe(1);
    expect(check('defaults: { unmanaged: deny }\ntests: [{ from: container/x, deny: ["8.8.8.8"] }]')).toEqual([]);
  });

  test('that speaks of nobody fails', () => {
    expect(
      check('containers: { x: { allow: [same-project] } }\ntests: [{ from: container/x, allow: [same-project] }]'),
    ).toEqual(['SL1601 test fails: "same-project" stands for nobody when container/x says it']);
  });

  test('reads x-sluice blocks too: a denial must hold through every network, a permission through one', () => {
    const compose = {
      'docker-compose.yml': `
name: app
x-sluice: { allow: [internet] }
services: { web: {} }
networks: { back: { x-sluice: { allow: ["10.0.0.1"] } } }
`,
    };
    const run = (entries: string) =>
      check(`compose: [docker-compose.yml]\ntests: [{ from: app/web, ${entries} }]`, compose);
    expect(run('allow: ["8.8.8.8", "10.0.0.1"], deny: ["10.0.0.2"]')).toEqual([]);
    expect(run('deny: ["10.0.0.1"]').length).toBe(1);
  });
});

describe('a rule that can never match', () => {
  const dead = (text: string, compose?: Record<string, string>) =>
    checkPolicy(policyOf(text, compose), now).map(({ code, source }) => `${code} ${source.text}`);

  test.each([
    ['a deny of the same block', 'projects: { app: { allow: ["10.1.2.3"], deny: ["10.0.0.0/8"] } }'],
    [
      'two denies together',
      'projects: { app: { allow: ["10.1.2.3"], deny: ["10.1.2.3/tcp", "10.1.2.0/24", "10.1.2.3/udp"] } }',
    ],
    ['a guardrail', 'guardrails: { deny: [private] }\nprojects: { app: { allow: ["10.1.2.3"] } }'],
    [
      'both together',
      'guardrails: { deny: ["10.1.0.0/17"] }\nprojects: { app: { allow: ["10.1.2.3", "10.1.0.0/16"], deny: ["10.1.128.0/17", "10.1.2.3"] } }',
    ],
    ['an identity', 'containers: { x: { allow: ["project/shop/web:80"], deny: [project/shop] } }'],
    [
      'a guardrail with an exception for others',
      'guardrails: { deny: [private], except: [{ from: shop/web, to: private }] }\nprojects: { app: { allow: ["10.1.2.3"] } }',
    ],
    [
      'a guardrail with an exception elsewhere',
      'guardrails: { deny: [private], except: [{ from: app/web, to: "10.9.9.9" }] }\nprojects: { app: { allow: ["10.1.2.3"] } }',
    ],
  ])('is found: %s', (_, text) => {
    expect(dead(text)).toContain(`SL1602 ${text.includes('project/shop/web:80') ? 'project/shop/web:80' : '10.1.2.3'}`);
  });

  test.each([
    ['a deny of part of it', 'projects: { app: { allow: ["10.1.2.3"], deny: ["10.1.2.3:22"] } }'],
    [
      'a deny of another level',
      'projects: { app: { allow: [internet], deny: ["10.1.2.3"], services: { web: { allow: ["10.1.2.3"] } } } }',
    ],
    [
      'an exception for some it names',
      'guardrails: { deny: [private], except: [{ from: "app/w*", to: "10.1.0.0/16" }] }\nprojects: { app: { allow: ["10.1.2.3"] } }',
    ],
    [
      'a DNS name, which has a warning of its own',
      'guardrails: { deny: [internet] }\nprojects: { app: { allow: ["api.example.com:443"] } }',
    ],
    ['IPv6 still open', 'guardrails: { deny: ["0.0.0.0/0"] }\nprojects: { app: { allow: [internet] } }'],
  ])('is not cried at: %s', (_, text) => {
    expect(dead(text)).toEqual([]);
  });

  test('in a compose file too', () => {
    const compose = {
      'docker-compose.yml': 'name: app\nservices: { web: { x-sluice: { allow: ["10.1.2.3"], deny: [private] } } }\n',
    };
    expect(dead('compose: [docker-compose.yml]', compose)).toEqual(['SL1602 10.1.2.3']);
  });

  test('names what denies it', () => {
    const [found] = checkPolicy(
      policyOf('guardrails: { deny: [cloud-metadata, private] }\nprojects: { app: { allow: ["10.1.2.3"] } }'),
      now,
    );
    expect(found?.message).toBe('"10.1.2.3" can never match: "private" denies all of it');
  });
});
