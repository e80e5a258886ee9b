import fc from 'fast-check';
import { expect, test } from 'vitest';
import { paintWith } from '../../src/cli/paint.ts';
import { cell, table } from '../../src/cli/table.ts';
import { columns, safe, safeJson, wrap } from '../../src/cli/text.ts';
import { articleHost, articleWorld, worldOf } from './hosts.ts';

/** Clears the screen, sets the title, turns text round, ends the line; nft syntax; and a name that looks like JSON. */
const names = [
  '\u001b[2J\u001b]0;owned\u0007',
  'a\u202eb\u2066',
  'x\n}\ntable inet evil {',
  '\u009b31m',
  '{"a":1}',
  '日本語-🐳',
  '\ud800',
];

/** A filter that is never reached, with names in chains, comments and lines that are none. */
const hostileRules = [
  '*filter',
  ':FORWARD DROP [0:0]',
  ':DOCKER-ISOLATION-STAGE-1 - [0:0]',
  ':DOCKER-USER - [0:0]',
  '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
  '-A FORWARD -i br-000000abc001 ! -o br-000000abc001 -j ACCEPT',
  ...names.flatMap((name) => [`-A FORWARD -m comment --comment "${name}" -j DROP`, `-A FORWARD -j ${name}`, name]),
  '-A FORWARD -j DOCKER-USER',
  '-A DOCKER-USER -j RETURN',
  ...names.map((name) => `-A DOCKER-USER -m comment --comment "${name}" -j DROP`),
  'COMMIT',
].join('\n');

function hostileHost() {
  const host = articleHost();
  host.world = worldOf({
    ...articleWorld,
    networks: [
      ...articleWorld.networks,
      ...names.map((name, at) => ({
        name: `${name}${at}`,
        driver: name,
        subnets: [`10.${at}.0.0/16`],
        options: { parent: name, macvlan_mode: name },
      })),
    ],
    containers: names.flatMap((name, at) => [
      {
        name: `${name}${at}`,
        on: ['bridge', `${name}${at}`],
        powers: { capabilities: [name, 'NET_ADMIN'], engineSockets: [name] },
        mounts: [
          { kind: 'bind' as const, path: `/etc/sluice/${name}`, writable: true },
          { kind: 'bind' as const, path: `/run/${name}.sock`, writable: true },
          { kind: 'volume' as const, volume: `${name}nfs`, writable: true },
          { kind: 'volume' as const, volume: `${name}run`, writable: true },
        ],
        logging: { driver: 'gelf', address: `udp://${name}:1` },
        imageLabels: [`sluice.${name}`],
        lookupsFromHost: true as const,
        labels: { 'sluice.allow': name, [`sluice.${name}`]: name },
      },
      { name: `app-${at}`, workload: `app/${name.replace('/', '')}`, on: ['app_default'] },
    ]),
  });
  host.host.socketPaths = names.map((name) => `/run/${name}.sock`);
  host.host.api = names.map((name) => ({ address: `tcp://${name}`, loopback: false, verifies: false }));
  host.volumes = names.flatMap((name) => [
    {
      name: `${name}nfs`,
      driver: 'local',
      options: new Map(Object.entries({ type: 'nfs', o: `addr=${name}`, device: name })),
    },
    {
      name: `${name}run`,
      driver: 'local',
      options: new Map(Object.entries({ o: 'rbind', device: `/etc/${name}/..` })),
    },
  ]);
  const rules = names.flatMap((name) => [
    `:${name} - [0:0]`,
    `-A FORWARD -i ${name} -m comment --comment "${name}" -j ${name}`,
  ]);
  host.files.write('/tmp/rules', ['*filter', ':FORWARD ACCEPT [0:0]', ...rules, 'COMMIT', ...names].join('\n'));
  host.files.write('rules', hostileRules);
  return host;
}

const obeyed = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const commands = [
  ['ps'],
  ['apply'],
  ['apply', '--dry-run'],
  ['plan'],
  ['apply', '--confirm', names[0] as string],
  ['rollback'],
  ['status'],
  ['world'],
  ['doctor'],
  ['doctor', '--listing', 'rules'],
  ['doctor', '--listing', names[0] as string],
  ['networks'],
  ['networks', 'app_default'],
  ['networks', names[0] as string],
  ['explain', 'app-0', '192.168.5.5:22'],
  ['explain', `${names[0]}0`, '192.168.5.5:22'],
  ['explain', names[0] as string, names[1] as string],
  ['explain', 'app-0', '8.8.8.8:443', '--network', names[0] as string],
  ['test', '--live'],
  ['chains', '--listing', '/tmp/rules'],
  ['chains', '--listing', '/tmp/rules', '--chain', names[0] as string],
  ['explain', '--path', '172.20.0.2%docker0', '10.0.0.1:22', '--listing', '/tmp/rules'],
  ['explain', '--path', names[0] as string, '10.0.0.1:22', '--listing', '/tmp/rules'],
  ['check', names[0] as string],
  [names[0] as string],
  ['ps', `--${names[0]}`],
  ['ps', '--world', names[2] as string],
];

test.each([...commands, ...commands.map((args) => [...args, '--json'])])(
  'nothing of a hostile name reaches the terminal: %j',
  async (...args) => {
    const host = hostileHost();
    const { out, err } = await host.sluice(args as string[]);
    expect(`${out}${err}`.replaceAll('\n', '')).not.toMatch(obeyed);
    if (args.includes('--json')) expect(() => JSON.parse(out)).not.toThrow();
  },
);

test('no line of a name is a line of the screen', async () => {
  const { out } = await hostileHost().sluice(['ps'], 0);
  expect(out).not.toMatch(/^table inet evil/m);
  expect(out).toContain('x\\x0a}\\x0atable inet evil {2');
});

test('JSON says the names as they are', async () => {
  const { out } = await hostileHost().sluice(['ps', '--json']);
  const found = (JSON.parse(out) as { containers: { name: string }[] }).containers.map(({ name }) => name);
  for (const [at, name] of names.entries()) expect(found).toContain(`${name}${at}`);
});

test('any text is safe, and JSON of it reads back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(safe(text)).not.toMatch(obeyed);
      expect(safeJson({ text }).replaceAll('\n', '')).not.toMatch(obeyed);
      expect(JSON.parse(safeJson({ text }))).toEqual({ text });
    }),
  );
});

test('no line of a table or of wrapped text is wider than the screen', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 }).map(safe);
  const head = ['A', 'B', 'C'].map((title) => ({ title, least: 8 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text, text)), text, fc.integer({ min: 40, max: 200 }), (rows, line, width) => {
      const view = { paint: paintWith(false), width };
      const lines = [
        ...table(
          head,
          rows.map((row) => row.map((one) => cell(one))),
          view,
        ),
        ...wrap(line, width),
      ];
      for (const one of lines) expect(columns(one)).toBeLessThanOrEqual(width);
    }),
  );
});
