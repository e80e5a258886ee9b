import { expect, test } from 'vitest';
import type { FakeHost } from '../fakes.ts';
import { articlePolicy, configured, mightyWorld, ssh } from '../hosts.ts';
import { diagnostic, json, shapeOf, source, unheld } from './shapes.ts';

test('check', async () => {
  const { value } = await json(['check']);
  expect(shapeOf(value)).toEqual({
    command: 'string',
    version: 'number',
    good: 'boolean',
    files: ['string'],
    projects: 'number',
    containers: 'number',
    composeFiles: 'number',
    guardrails: 'number',
    groups: 'number',
    testEntries: 'number',
    diagnostics: [diagnostic],
  });
});

test('a policy with errors, in every command that reads one', async () => {
  for (const args of [['check'], ['apply'], ['ps'], ['explain', 'app/app', '1.1.1.1:443'], ['test', '--live']]) {
    const { value, code } = await json(args, (host) => host.files.write(configured, 'version: 2\n'));
    expect(shapeOf(value)).toMatchObject({
      command: 'string',
      version: 'number',
      good: 'boolean',
      diagnostics: [{ source }],
    });
    expect(value).toMatchObject({ command: args[0], good: false });
    expect(code).toBe(1);
  }
});

test('test, by the evaluator and live', async () => {
  const entry = { from: 'string', wanted: 'string', to: 'string', holds: 'boolean', source };
  expect(shapeOf((await json(['test'])).value)).toEqual({
    command: 'string',
    version: 'number',
    live: 'boolean',
    good: 'boolean',
    entries: [entry],
    diagnostics: [diagnostic],
  });
  expect(shapeOf((await json(['test', '--live'])).value)).toEqual({
    command: 'string',
    version: 'number',
    live: 'boolean',
    good: 'boolean',
    probes: [
      {
        result: 'string',
        container: 'string',
        workload: 'string',
        entry: 'string',
        wanted: 'string',
        to: 'string',
        protocol: 'number',
        port: 'number',
        evaluator: 'string',
        kernel: 'string',
        note: 'null',
      },
    ],
    notSent: [],
  });
});

test('plan', async () => {
  const { value, code } = await json(['plan'], (host) => {
    host.kernel.flows = [{ ...ssh, since: host.now - 5_000 }];
    host.files.write(configured, articlePolicy.replace('internet]', 'internet:443]'));
  });
  expect(code).toBe(2);
  const reaches = [{ may: ['string'], not: ['string'] }];
  const mode = { from: 'string', to: 'string' };
  expect(shapeOf(value)).toEqual({
    command: 'string',
    version: 'number',
    good: 'boolean',
    changes: [
      { workload: 'string', containers: ['string'], kind: 'string', loses: ['string'], gains: [], mode, reaches },
    ],
    defaults: [],
    policy: ['string'],
    cut: [],
    unheld: [unheld],
    canUndo: [],
    narrower: [],
    diagnostics: [diagnostic],
  });
});

test('apply', async () => {
  const { value } = await json(['apply', '--rules'], (host) => {
    host.kernel.flows = [ssh];
    host.files.write(configured, articlePolicy.replace('internet]', 'internet:443]'));
  });
  expect(shapeOf(value)).toEqual({
    command: 'string',
    version: 'number',
    good: 'boolean',
    applied: 'boolean',
    changes: [
      {
        workload: 'string',
        containers: ['string'],
        kind: 'string',
        loses: ['string'],
        gains: [],
        mode: { from: 'string', to: 'string' },
        reaches: [{ may: ['string'], not: ['string'] }],
      },
    ],
    by: 'string',
    backend: 'string',
    cut: [{ workload: 'string', container: 'string', to: 'string', protocol: 'number', port: 'number' }],
    pending: 'null',
    unheld: [unheld],
    canUndo: [],
    narrower: [],
    diagnostics: [diagnostic],
    rules: 'string',
  });
  expect(value['cut']).toEqual([
    { workload: 'app/app', container: 'app-app-1', to: '192.168.5.5', protocol: 6, port: 22 },
  ]);
  expect(value['rules']).toContain('table inet sluice');
});

test('apply and plan say who is enforced and can undo it', async () => {
  for (const command of ['apply', 'plan']) {
    const { value } = await json([command], (host) => (host.world = mightyWorld));
    expect(value['canUndo']).toEqual([
      {
        workload: 'app/app',
        container: 'app-app-1',
        code: 'net-admin',
        message: 'has NET_ADMIN: it can put itself past every hook',
      },
      {
        workload: 'app/elasticsearch',
        container: 'app-elasticsearch-1',
        code: 'privileged',
        message: "has the host's rights (privileged): it can take its rules away",
      },
      {
        workload: 'container/sidecar',
        container: 'sidecar',
        code: 'engine-socket',
        message: "has the engine's socket: it can start what nothing holds",
      },
    ]);
  }
});

test('confirm and rollback', async () => {
  const change = (host: FakeHost) => host.files.write(configured, articlePolicy.replace('internet]', 'internet:443]'));
  const confirm = async (host: FakeHost) => {
    change(host);
    const { out } = await host.sluice(['apply', '--confirm', '60s', '--json']);
    expect(JSON.parse(out)).toMatchObject({ pending: { digest: expect.any(String), until: host.now + 60_000 } });
  };
  expect((await json(['confirm'], confirm)).value).toEqual({
    command: 'confirm',
    version: 1,
    confirmed: true,
    wentBack: null,
  });
  expect((await json(['confirm'])).value).toMatchObject({ confirmed: false });
  const back = await json(['rollback'], confirm);
  expect(shapeOf(back.value)).toMatchObject({
    command: 'string',
    version: 'number',
    good: 'boolean',
    by: 'string',
    digest: 'string',
    changes: [{ workload: 'string' }],
    cut: [],
  });
});
