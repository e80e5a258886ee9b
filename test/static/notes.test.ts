import { describe, expect, test } from 'vitest';
import type { PolicyText } from '../../src/policy/yaml-text.ts';
import { readComposeProject } from '../../src/static/compose-file.ts';
import { makePlan } from '../../src/static/make-plan.ts';
import type { Note, StaticPlan } from '../../src/static/plan.ts';
import { remark, restoreWord, ruleComment, systemdWord } from '../../src/static/text.ts';
import { address, buildWorld, type ContainerSketch } from '../generate/build.ts';
import { articleWorld, policyOf, staticTime } from './article.ts';
import { walk } from './walk.ts';

const networks = [
  { name: 'bridge', subnets: ['172.17.0.0/16'] },
  { name: 'app_default', subnets: ['172.20.0.0/16'], project: 'app', composeKey: 'default' },
];

function planOf(text: string, containers?: readonly ContainerSketch[]): StaticPlan {
  const world = containers === undefined ? articleWorld : buildWorld({ networks, containers });
  return makePlan(policyOf(text), world, [], staticTime);
}

function notesOf(plan: StaticPlan): readonly Note[] {
  return [...plan.notes, ...plan.senders.flatMap(({ notes }) => notes)];
}

function noteLike(plan: StaticPlan, text: RegExp): Note {
  const found = notesOf(plan).find((one) => text.test(one.text));
  if (found === undefined)
    throw new Error(
      `no note like ${text}: ${notesOf(plan)
        .map((one) => one.text)
        .join('\n')}`,
    );
  return found;
}

const toPort = (to: string, port: number) => ({ to: address(to), protocol: 6, port });
const differing = `version: 1
projects:
  app:
    allow: [same-project, "10.0.0.5:443"]
    services:
      mongo: { allow: none }
`;

describe('services with blocks of their own', () => {
  test('without fixed addresses each may do what all of them may, and the lines that would mend it are offered', () => {
    const plan = planOf(differing);
    const note = noteLike(plan, /blocks that differ and no fixed addresses/);
    expect(note.warn).toBe(true);
    expect(note.source?.file).toBe('policy.yaml');
    expect(note.compose.join('\n')).toContain(
      '  mongo:\n    networks:\n      default:\n        ipv4_address: "172.20.255.2',
    );
    const { rule } = walk(plan, address('172.20.0.2'), toPort('10.0.0.5', 443), 'forward', staticTime);
    expect(rule?.verdict).toBe('deny');
  });

  test('with a fixed address each is judged by its own', () => {
    const plan = planOf(differing, [
      { name: 'app-app-1', workload: 'app/app', on: ['app_default'] },
      { name: 'app-mongo-1', workload: 'app/mongo', on: ['app_default'], fixed: ['172.20.0.200'] },
    ]);
    const verdict = (from: string) =>
      walk(plan, address(from), toPort('10.0.0.5', 443), 'forward', staticTime).rule?.verdict;
    expect(verdict('172.20.0.200')).toBe('deny');
    expect(verdict('172.20.0.2')).toBe('allow');
    expect(notesOf(plan).filter(({ text }) => /blocks that differ/.test(text))).toEqual([]);
  });
});

describe('groups of containers', () => {
  const text = 'version: 1\nprojects:\n  app: { allow: ["service/mongo:27017"] }\n';

  test('who has no fixed address beside others is left out of a permission', () => {
    const plan = planOf(text);
    expect(noteLike(plan, /service\/mongo:27017: left out for app\/mongo/).compose).toContain('  mongo:');
    const { rule } = walk(plan, address('172.20.0.2'), toPort('172.20.0.4', 27017), 'forward', staticTime);
    expect(rule?.verdict).toBe('deny');
  });

  test('a prohibition is for the whole network then', () => {
    const plan = planOf('version: 1\nprojects:\n  app: { allow: [same-project], deny: ["service/mongo:27017"] }\n');
    noteLike(plan, /denied to everybody on the network of app\/mongo/);
    const verdict = (port: number) =>
      walk(plan, address('172.20.0.2'), toPort('172.20.0.3', port), 'forward', staticTime).rule?.verdict;
    expect(verdict(27017)).toBe('deny');
    expect(verdict(9200)).toBe('allow');
  });
});

test('audit passes, and says that nothing is recorded', () => {
  const plan = planOf(
    'version: 1\nprojects:\n  app: { mode: audit, allow: none, deny: ["10.0.0.5:22"] }\nguardrails: { deny: [cloud-metadata] }\n',
  );
  expect(noteLike(plan, /mode audit of app\/app: passes as in Sluice, and nothing is recorded/).warn).toBe(true);
  const verdict = (to: string) =>
    walk(plan, address('172.20.0.2'), toPort(to, 22), 'forward', staticTime).rule?.verdict;
  expect(verdict('10.0.0.5')).toBe('allow');
  expect(verdict('169.254.169.254')).toBe('deny');
});

test('builds that are denied deny whoever cannot be told from them', () => {
  const plan = planOf('version: 1\ndefaults: { build: deny }\nprojects:\n  app: { allow: any }\n', [
    { name: 'app-app-1', workload: 'app/app', on: ['app_default'] },
    { name: 'portainer', on: ['bridge'] },
  ]);
  noteLike(plan, /build: deny/);
  expect(walk(plan, address('172.17.0.2'), toPort('10.0.0.5', 22), 'forward', staticTime).rule?.verdict).toBe('deny');
});

test('labels are said to be read once', () => {
  const plan = planOf('version: 1\nguardrails: { deny: [cloud-metadata] }\n', [
    { name: 'app-app-1', workload: 'app/app', on: ['app_default'], labels: { 'sluice.allow': 'internet:443' } },
  ]);
  noteLike(plan, /its policy is in its labels/);
});

test('a project without networks is named, with what would make it known', () => {
  const plan = planOf('version: 1\nprojects:\n  app: { allow: any }\n  gone: { allow: none }\n');
  expect(noteLike(plan, /project gone has no network here, so nothing holds it/).source?.line).toBe(4);
});

describe('compose files of projects that are down', () => {
  const compose = (text: string): PolicyText => ({
    path: '/srv/app/docker-compose.yml',
    text,
    role: 'compose',
    writableByOthers: false,
  });
  const empty = buildWorld({ networks: [networks[0] as (typeof networks)[number]], containers: [] });
  const file = `services:
  app: { ports: ["3000:3000"] }
  mongo: { networks: { default: { ipv4_address: 172.20.0.9 } } }
  "a'; b": {}
networks:
  default:
    ipam: { config: [{ subnet: 172.20.0.0/16 }] }
    driver_opts: { com.docker.network.bridge.name: br-app }
`;

  test('give subnets, fixed addresses and names of bridges', () => {
    const project = readComposeProject(compose(file));
    expect(project).toMatchObject({
      project: 'app',
      networks: [{ key: 'default', engineName: 'app_default', bridge: 'br-app' }],
    });
    const plan = makePlan(policyOf(differing), empty, project === undefined ? [] : [project], staticTime);
    const verdict = (from: string) =>
      walk(plan, address(from), toPort('10.0.0.5', 443), 'forward', staticTime).rule?.verdict;
    expect(verdict('172.20.0.9')).toBe('deny');
    expect(verdict('172.20.0.2')).toBe('allow');
    expect(plan.senders.map(({ bridge }) => bridge)).toContain('br-app');
    expect(notesOf(plan).filter(({ text }) => /go by its subnet/.test(text))).toEqual([]);
  });

  test('ports that a service which is down publishes are said not to be mirrored, those of one that runs are', () => {
    const file = 'services:\n  app: { ports: ["8080:80"] }\n  mongo: {}\n';
    const project = readComposeProject(compose(file));
    const projects = project === undefined ? [] : [project];
    expect(noteLike(makePlan(policyOf(differing), empty, projects, staticTime), /app\/app is down/)).toMatchObject({
      warn: true,
    });
    const up = buildWorld({ networks, containers: [{ name: 'app-app-1', workload: 'app/app', on: ['app_default'] }] });
    const notes = notesOf(makePlan(policyOf(differing), up, projects, staticTime));
    expect(notes.filter(({ text }) => /is down/.test(text))).toEqual([]);
  });

  test('without a subnet the project is said to be unknown', () => {
    const project = readComposeProject(compose('services: { app: {} }\n'));
    const plan = makePlan(policyOf(differing), empty, project === undefined ? [] : [project], staticTime);
    noteLike(plan, /docker-compose.yml fixes no subnet/);
    expect(plan.senders).toEqual([]);
  });
});

describe('words and remarks', () => {
  test.each([
    ['100%', '100%%'],
    ['$HOME', '$$HOME'],
    ['a b', '"a b"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    [';', '";"'],
    ["it's", `"it's"`],
  ])('systemd: %s', (word, written) => {
    expect(systemdWord(word)).toBe(written);
  });

  test.each([
    ['172.20.0.0/16', '172.20.0.0/16'],
    ['a b', '"a b"'],
    ['a"b', '"a\\"b"'],
  ])('iptables-restore: %s', (word, written) => {
    expect(restoreWord(word)).toBe(written);
  });

  test('a comment keeps no character that means something to anybody, and has a bound', () => {
    const source = { file: 'p%n$x.yaml', line: 3, column: 1, text: '' };
    expect(ruleComment({ comment: 'a"b\\c\nd;e`f$(g)%h', source }, 200)).toBe('a_b_c d_e_f_(g)_h (p_n_x.yaml:3)');
    expect(ruleComment({ comment: 'x'.repeat(500), source: null }, 120)).toHaveLength(120);
  });

  test('a remark stays on its lines', () => {
    for (const line of remark(`a\nExecStartPre=/bin/evil \\\n${'long '.repeat(60)}`)) {
      expect(line).toMatch(/^# /);
      expect(line.length).toBeLessThanOrEqual(118);
      expect(line).not.toContain('\\');
    }
  });
});
