import { describe, expect, test } from 'vitest';
import type { WorldSketch } from '../generate/build.ts';
import { judge, policyOf } from './support.ts';

const labelled = (
  labels: Readonly<Record<string, string>>,
  more: Partial<WorldSketch['containers'][number]> = {},
): WorldSketch => ({
  networks: [
    { name: 'bridge', subnets: ['172.17.0.0/16'] },
    { name: 'app_default', subnets: ['172.20.0.0/16'], project: 'app', composeKey: 'default' },
    { name: 'app_back', subnets: ['172.21.0.0/16'], project: 'app', composeKey: 'back' },
  ],
  containers: [
    { name: 'web', workload: 'app/web', on: ['app_default', 'app_back'], labels, ...more },
    { name: 'db', workload: 'app/db', on: ['app_back'] },
  ],
});
const standing = ({ ruleset }: ReturnType<typeof judge>, name = 'web') => {
  const endpoint = ruleset.endpoints.find(({ container }) => container.name === name);
  return ruleset.programs.find(({ id }) => id === endpoint?.program)?.standing;
};

describe('labels where the policy file is silent', () => {
  test('trusted: they are the policy', () => {
    const judged = judge('', labelled({ 'sluice.allow': '10.0.0.1 service/db:5432', 'sluice.deny': '10.0.0.1:22' }));
    expect(judged.say('web', '10.0.0.1:80/tcp')).toBe('allowed');
    expect(judged.say('web', '10.0.0.1:22/tcp')).toBe('denied');
    expect(judged.say('web', '172.21.0.3:5432/tcp')).toBe('allowed');
    expect(judged.say('web', '10.0.0.2:80/tcp')).toBe('denied');
    expect(standing(judged)).toBe('named');
  });

  test.each(['narrow', 'ignore'])('%s: the container is unmanaged', (labels) => {
    const judged = judge(
      `defaults: { labels: ${labels} }\nguardrails: { deny: ["10.9.9.9"] }`,
      labelled({ 'sluice.allow': 'none' }),
    );
    expect(judged.say('web', '10.0.0.2:80/tcp')).toBe('allowed');
    expect(standing(judged)).toBe('unmanaged');
  });

  test('a label block without any allow is an error, and nothing is allowed', () => {
    const judged = judge('', labelled({ 'sluice.deny': '10.0.0.1' }));
    expect(judged.codes()).toEqual(['SL1305']);
    expect(judged.say('web', '10.0.0.2:80/tcp')).toBe('denied');
    expect(standing(judged)).toBe('refused');
  });

  test('labels in error allow nothing', () => {
    const judged = judge('', labelled({ 'sluice.allow': '10.0.0.1 http-proxi' }));
    expect(judged.codes()).toEqual(['SL1204']);
    expect(judged.say('web', '10.0.0.1:80/tcp')).toBe('denied');
    expect(standing(judged)).toBe('refused');
  });
});

describe('labels where the policy file names the container', () => {
  const file = (rest: string) => `defaults: { labels: narrow }\nprojects: { app: { ${rest} } }`;

  test('they narrow', () => {
    const judged = judge(
      file('allow: [internet, same-project]'),
      labelled({ 'sluice.allow': '8.8.8.8:443 service/db:5432' }),
    );
    expect(judged.say('web', '8.8.8.8:443/tcp')).toBe('allowed');
    expect(judged.say('web', '172.21.0.3:5432/tcp')).toBe('allowed');
    expect(judged.say('web', '8.8.4.4:443/tcp')).toBe('denied');
    expect(judged.codes()).toEqual([]);
  });

  test.each([
    ['[internet]', '10.0.0.1'],
    ['[internet]', 'private'],
    ['["internet:443"]', 'internet'],
    ['["internet:443"]', 'internet:443/udp'],
    ['["10.0.0.0/8"]', '10.0.0.0/7'],
    ['[gateway]', 'host'],
    ['[same-project]', 'containers'],
    ['[service/db]', 'same-project'],
    ['[service/db]', 'service/web'],
    ['["project/app/d*"]', 'project/app/*'],
    ['["0.0.0.0/0"]', 'service/db'],
    ['["172.16.0.0/12"]', 'service/db'],
    ['[same-project]', 'any'],
    ['none', '10.0.0.1'],
    ['[project/shop]', 'project/shops'],
  ])('where the file allows %s, %s asks for too much and gets nothing', (allow, label) => {
    const judged = judge(file(`allow: ${allow}`), labelled({ 'sluice.allow': label }));
    expect(judged.codes()).toContain('SL1605');
    expect(standing(judged)).toBe('refused');
    for (const to of ['8.8.8.8:443/tcp', '10.0.0.1:80/tcp', '172.21.0.3:5432/tcp', '172.20.0.1:22/tcp'])
      expect(judged.say('web', to)).toBe('denied');
  });

  test.each([
    ['any', 'any'],
    ['[internet, private]', '8.8.8.8 10.0.0.1:22'],
    ['["10.0.0.0/9", "10.128.0.0/9"]', '10.0.0.0/8'],
    ['[host]', 'gateway'],
    ['[containers]', 'same-project project/shop network/x'],
    ['[same-project]', 'service/db project/app/nobody:80'],
    ['["project/*"]', 'project/shop/web'],
    ['["project/s*"]', 'project/sh*/web'],
    ['[internet]', 'none'],
    ['["10.0.0.1"]', 'inherit'],
  ])('where the file allows %s, %s is inside', (allow, label) => {
    const judged = judge(file(`allow: ${allow}`), labelled({ 'sluice.allow': label }));
    expect(judged.codes().filter((code) => code === 'SL1605')).toEqual([]);
    expect(standing(judged)).toBe('named');
  });

  test('an entry lasts no longer than what permits it', () => {
    const judged = judge(
      file('allow: [{ to: internet, until: 2026-12-01 }, "8.8.8.8"]'),
      labelled({ 'sluice.allow': '8.8.8.8 1.1.1.1' }),
    );
    const { programs } = judged.ruleset;
    const ends = programs.flatMap(({ allow }) => allow.map(({ entry, until }) => [entry, until]));
    expect(ends).toContainEqual(['1.1.1.1', Date.UTC(2026, 11, 2) - 1]);
    expect(ends).toContainEqual(['8.8.8.8', undefined]);
  });

  test('the mode may be tightened', () => {
    const judged = judge(file('mode: audit, allow: [internet]'), labelled({ 'sluice.mode': 'enforce' }));
    expect(judged.say('web', '10.0.0.1:80/tcp')).toBe('denied');
    expect(judged.say('db', '10.0.0.1:80/tcp')).toBe('audited');
    expect(judged.codes()).toEqual([]);
  });

  test('the mode is not loosened, and that is said', () => {
    const judged = judge(file('allow: [internet]'), labelled({ 'sluice.mode': 'off' }));
    expect(judged.say('web', '10.0.0.1:80/tcp')).toBe('denied');
    expect(judged.say('web', '8.8.8.8:80/tcp')).toBe('allowed');
    expect(judged.codes()).toEqual(['SL1606']);
  });

  test('ignored labels say nothing', () => {
    const judged = judge(
      'defaults: { labels: ignore }\nprojects: { app: { allow: [internet] } }',
      labelled({ 'sluice.allow': 'none' }),
    );
    expect(judged.say('web', '8.8.8.8:80/tcp')).toBe('allowed');
  });
});

describe('x-sluice of a listed compose file', () => {
  const compose = (text: string) => ({ 'docker-compose.yml': `name: app\n${text}` });
  const services = 'services: { web: {}, db: {} }\nnetworks: { default: {}, back: {} }\n';
  const listed = 'compose: [docker-compose.yml]\n';

  test('is the policy where the file is silent', () => {
    const policy = policyOf(listed, compose(`x-sluice: { allow: [service/db] }\n${services}`));
    const { say } = judge(policy, labelled({}));
    expect(say('web', '172.21.0.3:5432/tcp')).toBe('allowed');
    expect(say('web', '8.8.8.8:80/tcp')).toBe('denied');
  });

  test('of a network counts for what leaves through it; the service is more specific', () => {
    const text = `
x-sluice: { allow: [internet] }
services:
  web: {}
  db: { x-sluice: { allow: ["10.0.0.7"] } }
networks:
  default: {}
  back: { x-sluice: { allow: ["10.0.0.6"], deny: ["10.0.0.7:22"] } }
`;
    const { say } = judge(policyOf(listed, compose(text)), labelled({}));
    expect(say('web', '8.8.8.8:80/tcp', 'app_default')).toBe('allowed');
    expect(say('web', '8.8.8.8:80/tcp', 'app_back')).toBe('denied');
    expect(say('web', '10.0.0.6:80/tcp', 'app_back')).toBe('allowed');
    expect(say('web', '10.0.0.6:80/tcp', 'app_default')).toBe('denied');
    expect(say('db', '10.0.0.7:80/tcp')).toBe('allowed');
    expect(say('db', '10.0.0.7:22/tcp')).toBe('denied');
  });

  test('inherits through service, network and project', () => {
    const text = `
x-sluice: { allow: ["10.0.0.1"] }
services:
  web: { x-sluice: { allow: [inherit, "10.0.0.3"] } }
networks:
  back: { x-sluice: { allow: [inherit, "10.0.0.2"] } }
`;
    const { say } = judge(policyOf(listed, compose(text)), labelled({}));
    const reached = (network: string) =>
      [1, 2, 3].filter((last) => say('web', `10.0.0.${last}:80/tcp`, network) === 'allowed');
    expect(reached('app_back')).toEqual([1, 2, 3]);
    expect(reached('app_default')).toEqual([1, 3]);
  });

  test('names networks by their key', () => {
    const text = `x-sluice: { allow: [network/back] }\n${services}`;
    const { say } = judge(policyOf(listed, compose(text)), labelled({}));
    expect(say('web', '172.21.0.3:5432/tcp')).toBe('allowed');
  });

  test('must lie inside what the policy file allows', () => {
    const text = `x-sluice: { allow: [internet, "10.0.0.1"] }\n${services}`;
    const judged = judge(policyOf(`${listed}projects: { app: { allow: [internet] } }`, compose(text)), labelled({}));
    expect(judged.codes()).toContain('SL1605');
    expect(judged.say('web', '8.8.8.8:80/tcp')).toBe('denied');
  });

  test('the file, where it names the service, outranks the project of the compose file', () => {
    const text = `x-sluice: { allow: ["8.8.8.8"] }\n${services}`;
    const policy = policyOf(
      `${listed}projects: { app: { allow: [internet], services: { db: { allow: none } } } }`,
      compose(text),
    );
    const judged = judge(policy, labelled({}));
    expect(judged.codes()).toEqual([]);
    expect(judged.say('web', '8.8.8.8:80/tcp')).toBe('allowed');
    expect(judged.say('web', '8.8.4.4:80/tcp')).toBe('denied');
    expect(judged.say('db', '8.8.8.8:80/tcp')).toBe('denied');
  });
});
