import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatDestination, formatSelector, formatWho } from '../../src/policy/format.ts';
import type { AllowList, Policy } from '../../src/policy/model.ts';
import { PolicyReader, type PolicyText, readPolicy } from '../../src/policy/read.ts';
import { now } from './fixture.ts';
import { wholeFile } from './whole-file.ts';

const text = (path: string, content: string, role: PolicyText['role'] = 'policy'): PolicyText => ({
  path,
  text: content,
  role,
  writableByOthers: false,
});

function read(...texts: readonly PolicyText[]): Policy {
  const { policy, diagnostics } = readPolicy(texts, { now });
  if (policy === null) throw new Error(JSON.stringify(diagnostics, null, 1));
  return policy;
}

function listed(allow: AllowList | undefined): readonly string[] | undefined {
  return allow?.items.map((item) => (item.kind === 'inherit' ? 'inherit' : formatDestination(item.destination)));
}

describe('the policy file', () => {
  test('of the article is read without an error', () => {
    const article = readFileSync(join(import.meta.dirname, '../../examples/article/policy.yaml'), 'utf8');
    const { policy, diagnostics } = readPolicy([text('policy.yaml', article)], { now });
    expect(diagnostics.map(({ code }) => code)).toEqual(['SL2005']);
    const [app] = policy?.projects ?? [];
    expect(listed(app?.allow)).toEqual(['same-project', 'http-proxy', 'resolver', 'internet']);
    expect(app?.allow?.source).toMatchObject({ file: 'policy.yaml', line: 13 });
    expect(app?.allow?.items[1]).toMatchObject({
      destination: { source: { line: 13, column: 27, text: 'http-proxy' } },
    });
  });

  test('with every key of the language', () => {
    const policy = read(text('policy.yaml', wholeFile));
    expect(policy.defaults).toEqual({
      unmanaged: 'allow',
      denied: 'reject',
      labels: 'trusted',
      unknownBridge: 'allow',
      build: 'allow',
    });
    expect([...policy.groups.keys()]).toEqual(['http-proxy', 'resolver', 'office']);
    expect(
      policy.guardrails.except.map(({ from, to, until }) => [from.map(formatSelector), to.who.map(formatWho), until]),
    ).toEqual([
      [['infra/imds-client'], ['cloud-metadata'], Date.UTC(2027, 3, 1) - 1],
      [['infra/imds-client', 'container/ops-*'], ['cloud-metadata', 'host'], undefined],
    ]);
    const [app, shop] = policy.projects;
    expect(app?.services.map(({ pattern, mode, allow }) => [pattern.text, mode, listed(allow)])).toEqual([
      ['elasticsearch', undefined, []],
      ['mongo', undefined, ['same-project']],
      ['ldap', 'off', ['inherit', '10.0.0.5:636']],
    ]);
    expect(listed(shop?.allow)).toEqual(['any']);
    expect(shop?.deny?.map(formatDestination)).toEqual([
      '{ to: "any", protocol: 89 }',
      '{ to: "project/app/mongo", protocol: icmp }',
    ]);
    expect(policy.tests).toHaveLength(2);
  });

  test('leaves every default as documented when a key is left out', () => {
    expect(read(text('policy.yaml', 'version: 1\n')).defaults).toEqual({
      unmanaged: 'allow',
      denied: 'reject',
      labels: 'trusted',
      unknownBridge: 'allow',
      build: 'allow',
    });
  });

  test('an alias stands for what it names', () => {
    const policy = read(
      text('policy.yaml', 'version: 1\nprojects:\n  app: &app { allow: [dns, internet] }\n  shop: *app\n'),
    );
    expect(policy.projects.map(({ allow }) => listed(allow))).toEqual([
      ['dns', 'internet'],
      ['dns', 'internet'],
    ]);
  });

  test('YAML of an older version: off is meant as off, and a date as a date', () => {
    const policy = read(
      text(
        'policy.yaml',
        'version: 1\nprojects:\n  app: { mode: off, allow: [dns, { to: host, until: 2027-01-31 }] }\n',
      ),
    );
    expect(policy.projects[0]?.mode).toBe('off');
    const item = policy.projects[0]?.allow?.items[1];
    expect(item?.kind === 'destination' ? item.destination.until : undefined).toBe(Date.UTC(2027, 1, 1) - 1);
  });

  test('with Windows line ends has the same places', () => {
    const crlf = wholeFile.replaceAll('\n', '\r\n').replace('same-project, http-proxy', 'same-project, http-proxi');
    const { diagnostics } = readPolicy([text('policy.yaml', crlf)], { now });
    const found = diagnostics.find(({ code }) => code === 'SL1204');
    expect(found?.source).toMatchObject({ line: 26, column: 27, text: 'http-proxi' });
  });

  test('a service pattern of a weaker project may give the allow list', () => {
    const policy = read(text('policy.yaml', 'version: 1\nprojects:\n  app: { mode: audit }\n  "*": { allow: none }\n'));
    expect(policy.projects).toHaveLength(2);
  });
});

describe('policy.d', () => {
  test('adds to the same project key by key', () => {
    const policy = read(
      text(
        'policy.yaml',
        'version: 1\nprojects:\n  app: { allow: [dns, internet], services: { web: { allow: any } } }\n',
      ),
      text(
        'policy.d/a.yaml',
        'version: 1\nprojects:\n  app: { mode: audit, services: { db: { allow: none }, web: { mode: off } } }\n',
      ),
    );
    expect(policy.projects).toHaveLength(1);
    const [app] = policy.projects;
    expect(app?.mode).toBe('audit');
    expect(app?.services.map(({ pattern, mode, allow }) => [pattern.text, mode, listed(allow)])).toEqual([
      ['web', 'off', ['any']],
      ['db', undefined, []],
    ]);
  });

  test('each file says its version', () => {
    const { diagnostics } = readPolicy(
      [text('policy.yaml', 'version: 1\n'), text('policy.d/a.yaml', 'groups: { a: [host] }\n')],
      { now },
    );
    expect(diagnostics.map(({ code, source }) => [code, source.file])).toEqual([['SL1105', 'policy.d/a.yaml']]);
  });

  test('an unreadable file makes no errors in the others', () => {
    const { diagnostics } = readPolicy(
      [
        text('policy.yaml', 'version: 1\nprojects: { app: { allow: [proxy] } }\n'),
        text('policy.d/a.yaml', 'version: 1\ngroups: { proxy: [host\n'),
      ],
      { now },
    );
    expect(diagnostics.map(({ source }) => source.file)).toEqual(['policy.d/a.yaml']);
  });

  test('no file of policy at all is an error, never an empty policy', () => {
    expect(readPolicy([], { now }).policy).toBeNull();
  });
});

describe('until', () => {
  const withUntil = text(
    'policy.yaml',
    'version: 1\nprojects: { app: { allow: [dns, { to: internet, until: 2026-11-23 }] } }\n',
  );
  test.each([
    ['the last millisecond of its day', Date.UTC(2026, 10, 24) - 1, []],
    ['the first of the next', Date.UTC(2026, 10, 24), ['SL2004']],
  ])('at %s', (_, instant, expected) => {
    expect(readPolicy([withUntil], { now: instant }).diagnostics.map(({ code }) => code)).toEqual(expected);
  });
});

describe('compose files', () => {
  const listing = text('policy.yaml', 'version: 1\ncompose: [srv/Shop.Prod/docker-compose.yml]\n');
  const path = 'srv/Shop.Prod/docker-compose.yml';

  test('are listed by the policy files, each once', () => {
    expect(
      new PolicyReader().composePaths([
        listing,
        text('policy.d/a.yaml', 'version: 1\ncompose: [b.yml, b.yml]\n'),
        text('c.yml', 'compose: [x]', 'compose'),
      ]),
    ).toEqual([path, 'b.yml']);
    expect(new PolicyReader().composePaths([text('policy.yaml', 'compose: { a: b }\n: [')])).toEqual([]);
  });

  test('say who they are: name, or the folder as Compose normalises it', () => {
    const file = 'services: { web: { x-sluice: { allow: none } } }\n';
    expect(read(listing, text(path, file, 'compose')).compose[0]?.project).toBe('shopprod');
    expect(read(listing, text(path, `name: other\n${file}`, 'compose')).compose[0]?.project).toBe('other');
  });

  test('are read at the top, at services and at networks, through anchors and merge keys; the rest is not ours', () => {
    const file = `name: shop
x-common: &common
  x-sluice: { allow: [service/db, "internet:443", dns] }
  deploy: { replicas: 2 }
x-sluice: { mode: audit, allow: [same-project] }
services:
  web:
    <<: *common
    image: web
    command: [a, 1, 08, yes]
  worker:
    <<: [*common]
    x-sluice: { allow: [inherit, network/front, network/proxy, network/named, network/default], deny: [cloud-metadata] }
  db: !override
    image: postgres
networks:
  front: { x-sluice: { allow: none } }
  back:
  named: { name: shared, x-sluice: { allow: any } }
  proxy: { external: true }
`;
    const [shop] = read(listing, text(path, file, 'compose')).compose;
    expect(shop?.top?.mode).toBe('audit');
    expect([...(shop?.services ?? [])].map(([name, { allow }]) => [name, listed(allow)])).toEqual([
      ['web', ['service/db', 'internet:443', 'dns']],
      ['worker', ['inherit', 'network/front', 'network/proxy', 'network/shared', 'network/default']],
    ]);
    expect([...(shop?.networks ?? [])].map(([key, { engineName }]) => [key, engineName])).toEqual([
      ['front', 'shop_front'],
      ['named', 'shared'],
    ]);
    const who = shop?.services
      .get('worker')
      ?.allow?.items.flatMap((item) => (item.kind === 'destination' ? item.destination.who : []));
    expect(who).toEqual([
      { kind: 'network', name: 'front', composeKey: true },
      { kind: 'network', name: 'proxy', composeKey: false },
      { kind: 'network', name: 'shared', composeKey: false },
      { kind: 'network', name: 'default', composeKey: true },
    ]);
  });

  test('without x-sluice say nothing, whatever else is in them', () => {
    const odd = 'version: "3"\nname: ${NAME}\nservices: [not, a, map]\nnetworks: { a, b }\n';
    expect(read(listing, text(path, odd, 'compose')).compose).toEqual([]);
  });

  test('that include others are not blamed for services they do not have themselves', () => {
    const file = 'include: [db.yml]\nservices: { web: { x-sluice: { allow: [service/db] } } }\n';
    expect(read(listing, text(path, file, 'compose')).compose).toHaveLength(1);
  });

  test('a service may inherit what the policy file gives its project', () => {
    const policy = text(
      'policy.yaml',
      `version: 1\ncompose: [${path}]\nprojects: { shopprod: { allow: [same-project] } }\n`,
    );
    const file = 'services: { web: { x-sluice: { allow: [inherit] } } }\n';
    expect(read(policy, text(path, file, 'compose')).compose).toHaveLength(1);
  });
});
