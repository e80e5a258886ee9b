import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../src/ip/address.ts';
import type { ContainerSketch, WorldSketch } from '../generate/build.ts';
import { judge, policyOf } from './support.ts';

const bridges = (text: string, sketch?: WorldSketch) =>
  judge(text, sketch)
    .ruleset.bridges.map(({ network }) => network)
    .toSorted();

describe('enrolled are', () => {
  test('docker0 alone where nothing is named', () => {
    expect(bridges('')).toEqual(['bridge']);
  });

  test('every network of a named project, also one that nothing is attached to', () => {
    const sketch: WorldSketch = {
      networks: [
        { name: 'bridge', subnets: ['172.17.0.0/16'] },
        { name: 'app_default', subnets: ['172.20.0.0/16'], project: 'app' },
        { name: 'shop_default', subnets: ['172.21.0.0/16'], project: 'shop' },
      ],
      containers: [],
    };
    expect(bridges('projects: { app: { allow: any } }', sketch)).toEqual(['app_default', 'bridge']);
    expect(bridges('projects: { "*": { allow: any } }', sketch)).toEqual(['app_default', 'bridge', 'shop_default']);
  });

  test('every bridge a named container is attached to, whosever network it is', () => {
    const sketch: WorldSketch = {
      networks: [
        { name: 'shared', subnets: ['172.20.0.0/16'] },
        { name: 'other', subnets: ['172.21.0.0/16'] },
      ],
      containers: [{ name: 'web', workload: 'app/web', on: ['shared'] }],
    };
    expect(bridges('projects: { app: { allow: any } }', sketch)).toEqual(['shared']);
    const label: WorldSketch = {
      ...sketch,
      containers: [{ name: 'x', on: ['other'], labels: { 'sluice.allow': 'any' } }],
    };
    expect(bridges('', label)).toEqual(['other']);
    expect(bridges('defaults: { labels: narrow }', label)).toEqual([]);
  });

  test('with guardrails, all of them', () => {
    expect(bridges('guardrails: { deny: [cloud-metadata] }')).toEqual([
      'app_back',
      'app_default',
      'bridge',
      'shop_default',
    ]);
  });

  test('the project of a listed compose file that has something to say', () => {
    const compose = { 'docker-compose.yml': 'name: app\nx-sluice: { allow: any }\nservices: { web: {} }\n' };
    const sketch: WorldSketch = {
      networks: [{ name: 'app_x', subnets: ['172.20.0.0/16'], project: 'app' }],
      containers: [],
    };
    const enrolled = (labels: string) =>
      judge(policyOf(`defaults: { labels: ${labels} }\ncompose: [docker-compose.yml]`, compose), sketch).ruleset.bridges
        .length;
    expect(enrolled('trusted')).toBe(1);
    expect(enrolled('narrow')).toBe(0);
  });
});

describe('docker build', () => {
  const docker0 = (text: string) => {
    const { ruleset } = judge(text);
    return { ruleset, bridge: ruleset.bridges.find(({ network }) => network === 'bridge') };
  };

  test('is judged by guardrails alone while it is allowed, on docker0 only', () => {
    const { ruleset, bridge } = docker0('guardrails: { deny: [cloud-metadata] }');
    const program = ruleset.programs.find(({ standing }) => standing === 'build');
    expect(bridge?.unknown).toMatchObject({ kind: 'judge', program: program?.id });
    expect(program?.guard.map(({ entry }) => entry)).toContain('cloud-metadata');
    expect(program?.allow.map(({ entry }) => entry)).toEqual(['any', 'any']);
    expect(ruleset.bridges.filter(({ unknown }) => unknown.kind === 'judge').length).toBe(1);
  });

  test('is dropped where it is denied', () => {
    expect(docker0('defaults: { build: deny }').bridge?.unknown).toEqual({ kind: 'drop' });
  });
});

describe('the proof of a sender', () => {
  test('is its port, its MAC, its addresses and the link-local one that the MAC gives', () => {
    const { ruleset } = judge('projects: { app: { allow: any } }');
    const endpoint = ruleset.endpoints.find(
      ({ container, bridge }) => container.name === 'app-web-1' && bridge.name.endsWith('2'),
    );
    expect(endpoint?.bridge.name).toBe('br-000000abc002');
    expect(endpoint?.mac).toBe('02:42:ac:00:00:02');
    expect(endpoint?.addresses.map(formatAddress)).toEqual(['172.21.0.2', 'fe80::42:acff:fe00:2']);
  });

  test('is not asked on a bridge that is not enrolled', () => {
    const { ruleset } = judge('projects: { app: { allow: any } }');
    expect(ruleset.endpoints.map(({ container }) => container.name)).not.toContain('shop-web-1');
  });
});

const alone = (container: Omit<ContainerSketch, 'name'>, driver?: string): WorldSketch => ({
  networks: [
    { name: 'bridge', subnets: ['172.17.0.0/16'] },
    { name: 'net', subnets: ['172.20.0.0/16'], ...(driver === undefined ? {} : { driver }) },
  ],
  containers: [{ name: 'x', workload: 'app/x', on: ['net'], ...container }],
});

describe('what cannot be held is said', () => {
  const named = 'projects: { app: { allow: none } }';

  test.each([
    ['host-network', alone({ mode: 'host', on: [] })],
    ['macvlan', alone({}, 'macvlan')],
    ['ipvlan', alone({}, 'ipvlan')],
    ['overlay', alone({}, 'overlay')],
    ['driver', alone({}, 'weave')],
    ['no-namespace', alone({ mode: 'container:nobody', on: [] })],
  ])('%s', (code, sketch) => {
    const { ruleset, codes } = judge(named, sketch);
    expect(ruleset.unheld.map((one) => [one.code, one.wanted, one.workload])).toEqual([[code, 'enforce', 'app/x']]);
    expect(codes()).toEqual(['SL1604']);
    expect(ruleset.endpoints).toEqual([]);
  });

  describe.each([
    ['no-port', 'port'],
    ['no-mac', 'mac'],
    ['no-address', 'addresses'],
  ] as const)('%s', (code, lacks) => {
    const docker0 = alone({ lacks, on: ['bridge'] });

    test('as a line and not as an error where its bridge drops what nobody knows', () => {
      for (const [text, sketch] of [
        [named, alone({ lacks })],
        [`defaults: { build: deny }\n${named}`, docker0],
      ] as const) {
        const { ruleset, codes } = judge(text, sketch);
        expect(ruleset.unheld).toMatchObject([{ code, wanted: 'enforce', workload: 'app/x', cutOff: true }]);
        expect(ruleset.unheld[0]?.reason).toMatch(/everything it sends there is dropped$/);
        expect(codes()).toEqual([]);
        expect(ruleset.endpoints).toEqual([]);
      }
    });

    test('as an error on docker0 while builds may run there, since what it sends would be judged as one of them', () => {
      const { ruleset, codes } = judge(named, docker0);
      expect(ruleset.unheld).toMatchObject([{ code, wanted: 'enforce', cutOff: false }]);
      expect(ruleset.unheld[0]?.reason).toMatch(/not judged as its own$/);
      expect(codes()).toEqual(['SL1604']);
    });
  });

  test("as a line where its address is the host's own, by which it could answer for the host", () => {
    const { ruleset, codes } = judge(named, { ...alone({}), host: ['172.20.0.2/24'] });
    expect(ruleset.unheld).toMatchObject([{ code: 'host-address', cutOff: true }]);
    expect(ruleset.unheld[0]?.reason).toMatch(/172\.20\.0\.2 .* everything it sends there is dropped$/);
    expect([codes(), ruleset.endpoints]).toEqual([[], []]);
  });

  test('on each network for itself', () => {
    const { ruleset, codes } = judge(named, alone({ lacks: 'port', on: ['bridge', 'net'] }));
    expect(ruleset.unheld.map(({ cutOff }) => cutOff).toSorted()).toEqual([false, true]);
    expect(codes()).toEqual(['SL1604']);
  });

  test('of who shares the network of one that took its interface away, as of that one', () => {
    const { ruleset, codes } = judge(named, {
      networks: [{ name: 'net', subnets: ['172.20.0.0/16'] }],
      containers: [
        { name: 'x', workload: 'app/x', on: ['net'], lacks: 'port' },
        { name: 'y', workload: 'app/y', mode: 'container:x' },
      ],
    });
    expect(ruleset.unheld.map(({ container, cutOff }) => [container.name, cutOff])).toEqual([
      ['x', true],
      ['y', true],
    ]);
    expect(codes()).toEqual([]);
  });

  test('in audit as a line and not as an error', () => {
    const { ruleset, codes } = judge(
      'projects: { app: { mode: audit, allow: none } }',
      alone({ mode: 'host', on: [] }),
    );
    expect(ruleset.unheld.map(({ wanted }) => wanted)).toEqual(['audit']);
    expect(codes()).toEqual([]);
  });

  test('not where nothing is to be held', () => {
    expect(
      judge('projects: { app: { mode: off, allow: none } }', alone({ mode: 'host', on: [] })).ruleset.unheld,
    ).toEqual([]);
    expect(judge('', alone({ mode: 'host', on: [] })).ruleset.unheld).toEqual([]);
    expect(judge(named, alone({ mode: 'none', on: [] })).ruleset.unheld).toEqual([]);
    expect(judge(named, alone({ running: false })).ruleset.unheld).toEqual([]);
  });

  test('of containers that nothing names where guardrails were to hold, never as an error', () => {
    const { ruleset, codes } = judge('guardrails: { deny: [cloud-metadata] }', alone({ mode: 'host', on: [] }));
    expect(ruleset.unheld.map(({ wanted }) => wanted)).toEqual(['audit']);
    expect(codes()).toEqual([]);
  });
});

describe('a shared network namespace', () => {
  const pair: WorldSketch = {
    networks: [{ name: 'net', subnets: ['172.20.0.0/16'], project: 'app' }],
    containers: [
      { name: 'vpn', workload: 'app/vpn', on: ['net'], published: ['8080:80/tcp'] },
      { name: 'web', workload: 'app/web', mode: 'container:vpn' },
      { name: 'db', workload: 'app/db', on: ['net'] },
    ],
  };

  test('is judged by the policy that both have', () => {
    const { say, codes, ruleset } = judge('projects: { app: { allow: [internet] } }', pair);
    expect(codes()).toEqual([]);
    expect(say('vpn', '8.8.8.8:80/tcp')).toBe('allowed');
    expect(ruleset.endpoints.map(({ container }) => container.name).toSorted()).toEqual(['db', 'vpn']);
  });

  test('with two different ones may reach nothing, and that is an error', () => {
    const { say, codes, ruleset } = judge(
      'projects: { app: { allow: [internet], services: { web: { mode: audit, allow: [internet, private] } } } }',
      pair,
    );
    expect(codes()).toEqual(['SL1603']);
    expect(say('vpn', '8.8.8.8:80/tcp')).toBe('denied');
    expect(ruleset.programs.find(({ workload }) => workload === 'app/vpn')).toMatchObject({
      standing: 'refused',
      mode: 'enforce',
    });
  });

  test('with an exception from a guardrail for one of them has it for neither', () => {
    const judged = judge(
      'guardrails: { deny: [private], except: [{ from: app/vpn, to: private }] }\nprojects: { app: { mode: audit, allow: any } }',
      pair,
    );
    expect(judged.codes()).toEqual(['SL1603']);
    expect(judged.verdict('vpn', '10.0.0.1:80/tcp').steps).toMatchObject([{ kind: 'guardrail', exception: null }]);
  });

  test('named for one only: the one that shares takes its policy; the owner does not take theirs', () => {
    const outside: WorldSketch = {
      ...pair,
      containers: [pair.containers[0] as ContainerSketch, { name: 'web', mode: 'container:vpn' }],
    };
    expect(judge('projects: { app: { allow: none } }', outside).say('vpn', '8.8.8.8:80/tcp')).toBe('denied');
    const other = judge('containers: { web: { allow: [internet] } }', outside);
    expect(other.codes()).toEqual(['SL1603']);
    expect(other.say('vpn', '8.8.8.8:80/tcp')).toBe('denied');
  });

  /** Somebody of a project that nothing names has joined `vpn`. */
  const joined: WorldSketch = {
    ...pair,
    containers: [
      pair.containers[0] as ContainerSketch,
      { name: 'guest', workload: 'evil/guest', mode: 'container:vpn' },
      { name: 'evil', workload: 'evil/evil', on: ['net'] },
    ],
  };
  const shares = 'projects: { app: { allow: [internet, cloud-metadata] } }';

  test('with one that nothing names keeps its policy where that may reach as much', () => {
    for (const defaults of ['', 'defaults: { unmanaged: audit }', 'guardrails: { deny: [private] }']) {
      const { say, codes } = judge(`${defaults}\n${shares}`, joined);
      expect(codes().filter((code) => code.startsWith('SL16'))).toEqual([]);
      expect(say('vpn', '8.8.8.8:80/tcp')).toBe('allowed');
    }
  });

  test('with one that nothing names, where that may reach nothing, reaches nothing', () => {
    const { say, codes } = judge(`defaults: { unmanaged: deny }\n${shares}`, joined);
    expect(codes()).toContain('SL1603');
    expect(say('vpn', '8.8.8.8:80/tcp')).toBe('denied');
  });

  test('with one that nothing names has no exception that is its own alone', () => {
    const guarded = (from: string) =>
      `guardrails: { deny: [cloud-metadata], except: [{ from: ${from}, to: cloud-metadata }] }\n${shares}`;
    const [own, everybody] = [guarded('app/vpn'), guarded('"*/*"')].map((policy) => judge(policy, joined));
    expect(own?.codes()).toContain('SL1603');
    expect(own?.say('vpn', '169.254.169.254:80/tcp')).toBe('denied');
    expect(own?.say('vpn', '8.8.8.8:80/tcp')).toBe('allowed');
    expect(everybody?.codes()).not.toContain('SL1603');
    expect(everybody?.say('vpn', '169.254.169.254:80/tcp')).toBe('allowed');
  });

  test('is nobody of the project that has joined it, to those who may send there', () => {
    for (const running of [true, false]) {
      const { say } = judge('projects: { app: { allow: none }, evil: { allow: [same-project] } }', {
        ...joined,
        containers: joined.containers.map((one) => (one.name === 'guest' ? { ...one, running } : one)),
      });
      expect(say('evil', '172.20.0.2:80/tcp')).toBe('denied');
      expect(say('evil', '172.20.0.1:8080/tcp')).toBe('denied');
    }
  });

  test('gives every sharer the same addresses as a destination', () => {
    const { say } = judge('projects: { app: { allow: none, services: { db: { allow: ["service/web:80"] } } } }', pair);
    expect(say('db', '172.20.0.2:80/tcp')).toBe('allowed');
    expect(say('db', '172.20.0.1:8080/tcp')).toBe('allowed');
  });
});

describe('names in the ruleset', () => {
  const hostile: WorldSketch = {
    networks: [{ name: 'net; flush ruleset', subnets: ['172.20.0.0/16'] }],
    containers: [
      { name: 'a b', on: ['net; flush ruleset'] },
      { name: 'a\u001b[2Jb', on: ['net; flush ruleset'] },
      { name: 'a_b', on: ['net; flush ruleset'] },
      { name: 'x'.repeat(300), on: ['net; flush ruleset'] },
      { name: `${'x'.repeat(300)}y`, on: ['net; flush ruleset'] },
    ],
  };

  test('are made of allowed characters, short, and never shared by two workloads', () => {
    const { ruleset } = judge('containers: { "*": { allow: [same-network, containers, "container/a*"] } }', hostile);
    const ids = [...ruleset.programs.filter(({ standing }) => standing === 'named'), ...ruleset.groups].map(
      ({ id }) => id,
    );
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_.\-/]{1,100}$/);
    const programs = ruleset.endpoints.map(({ program }) => program);
    expect(new Set(programs).size).toBe(5);
    expect(new Set(ruleset.programs.map(({ id }) => id)).size).toBe(ruleset.programs.length);
    expect(new Set(ruleset.groups.map(({ id }) => id)).size).toBe(ruleset.groups.length);
  });

  test('say whose they are', () => {
    const { ruleset } = judge('projects: { app: { allow: [same-project, project/shop/web, "project/sh*"] } }');
    expect(ruleset.programs.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['app/db', 'app/web', 'unmanaged', 'build']),
    );
    expect(ruleset.groups.map(({ id }) => id)).toEqual(['project-pattern/sh_', 'project/app', 'service/shop/web']);
  });

  test('tell a Compose project called "container" from containers outside Compose', () => {
    const { ruleset } = judge('projects: { "*": { allow: [same-project] } }\ncontainers: { "*": { allow: none } }', {
      networks: [{ name: 'net', subnets: ['172.20.0.0/16'] }],
      containers: [
        { name: 'x', on: ['net'] },
        { name: 'y', workload: 'container/x', on: ['net'] },
      ],
    });
    expect(new Set(ruleset.endpoints.map(({ program }) => program)).size).toBe(2);
  });
});

describe('warnings about the absent', () => {
  test('name each rule for a workload that nothing runs', () => {
    const { diagnostics } = judge(`
guardrails: { deny: [cloud-metadata], except: [{ from: infra/imds, to: cloud-metadata }] }
projects:
  app: { allow: [project/cms, service/db], services: { worker: { allow: none } } }
  blog: { allow: none }
containers: { "legacy-*": { allow: none }, app-db-1: { allow: none } }
`);
    const absent = diagnostics.filter(({ code }) => code === 'SL2003').map(({ message, fix }) => [message, fix]);
    expect(absent).toEqual([
      ['nothing runs infra/imds yet', undefined],
      ['nothing runs project/cms yet', undefined],
      ['nothing runs app/worker yet', undefined],
      ['nothing runs project "blog" yet', undefined],
      ['nothing runs container/legacy-* yet', undefined],
      ['nothing runs container/app-db-1 yet', 'Compose runs a container of this name: call it "app/db"'],
    ]);
  });
});
