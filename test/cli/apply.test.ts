import { expect, test } from 'vitest';
import { articleHost, articlePolicy, configured, ssh, withoutPort } from './hosts.ts';

const state = '/var/lib/sluice/applied.json';
const looser = articlePolicy.replace('internet]', 'internet, "192.168.5.5:22"]').replace('["192.168.5.5:22", ', '[');

test('the kernel holds what was applied, and applying again changes nothing', async () => {
  const host = articleHost();
  expect((await host.sluice(['apply'])).code).toBe(0);
  const { held } = host.kernel;
  expect(held).not.toBeNull();
  expect((await host.sluice(['apply'])).out).toContain('No container changes');
  expect(host.kernel.held).toEqual(held);
});

test('a dry run says the same and changes nothing', async () => {
  const host = articleHost();
  const dry = await host.sluice(['apply', '--dry-run', '--json']);
  expect(host.kernel.held).toBeNull();
  expect(host.files.textOf(state)).toBeUndefined();
  const real = await host.sluice(['apply', '--json']);
  expect({ ...JSON.parse(dry.out), applied: true, by: 'command', backend: 'nftables' }).toEqual(JSON.parse(real.out));
});

test.each([
  ['a policy that is no YAML', '{'],
  ['a failing test', articlePolicy.replace('internet]', 'private]')],
  ['an enforced container that cannot be held', `${articlePolicy}containers:\n  node-exporter: { allow: none }\n`],
])('with %s the kernel keeps what it holds', async (_, policy) => {
  const host = articleHost();
  await host.sluice(['apply']);
  const { held } = host.kernel;
  const remembered = host.files.textOf(state);
  host.files.write(configured, policy);
  const { code, out } = await host.sluice(['apply']);
  expect(code).toBe(1);
  expect(out.replaceAll('\n', ' ')).toContain('Nothing was changed; the policy of');
  expect(host.kernel.held).toBe(held);
  expect(host.files.textOf(state)).toBe(remembered);
});

test('a container that cannot be held and need not be is told and does not stop the rest', async () => {
  const host = articleHost(`${articlePolicy}containers:\n  node-exporter: { allow: none, mode: audit }\n`);
  const { code, out } = await host.sluice(['apply']);
  expect(code).toBe(0);
  expect(out).toContain('Not held:\n  container/node-exporter');
});

test('a container that took its own interface away is cut off and told, and keeps nobody from another policy', async () => {
  const host = articleHost();
  await host.sluice(['apply']);
  host.world = withoutPort();
  host.files.write(configured, looser);
  expect((await host.sluice(['plan'])).code).toBe(2);
  const { code, out } = await host.sluice(['apply', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    good: true,
    unheld: [
      { container: { name: 'app-app-1' }, code: 'no-port', wanted: 'enforce', cutOff: true },
      { code: 'host-network' },
    ],
    canUndo: [{ container: 'app-app-1', code: 'net-admin' }],
    changes: expect.arrayContaining([expect.objectContaining({ workload: 'app/app', kind: 'cut-off' })]),
  });
  expect((await host.sluice(['explain', 'app/mongo', '192.168.5.5:22'])).out).toMatch(/^ALLOWED/);
  expect((await host.sluice(['explain', 'app/app', '192.168.5.5:22'])).code).toBe(1);
  expect((await host.sluice(['ps'])).code).toBe(0);
});

test('labels that ask for too much close their container and stop nobody else', async () => {
  const host = articleHost(`version: 1\nprojects:\n  app: { allow: [same-project, dns] }\n`);
  host.world = {
    ...host.world,
    containers: host.world.containers.map((container) =>
      container.name === 'app-app-1' ? { ...container, labels: new Map([['sluice.allow', 'any']]) } : container,
    ),
  };
  const { code, out } = await host.sluice(['apply']);
  expect(code).toBe(0);
  expect(out).toContain('SL1605');
  expect((await host.sluice(['explain', 'app/app', 'service/mongo:27017'])).out).toMatch(/^DENIED/);
  expect((await host.sluice(['explain', 'app/mongo', 'service/app:3000'])).out).toMatch(/^ALLOWED/);
});

test('what a tighter policy forbids is cut and named', async () => {
  const host = articleHost(looser);
  host.kernel.flows = [ssh];
  await host.sluice(['apply']);
  expect(host.kernel.flows).toEqual([ssh]);
  host.files.write(configured, articlePolicy);
  expect((await host.sluice(['apply', '--dry-run'])).out).toContain('- loses');
  expect(host.kernel.flows).toEqual([ssh]);
  const { out } = await host.sluice(['apply']);
  expect(out).toContain('1 live connection: 192.168.5.5:22/tcp');
  expect(host.kernel.flows).toEqual([]);
});

test('after the tables were taken away by somebody, everything counts as new', async () => {
  const host = articleHost();
  await host.sluice(['apply']);
  host.kernel.held = null;
  expect((await host.sluice(['apply'])).out).toContain('+ held');
});

test('a state that cannot be written is told, and the policy holds all the same', async () => {
  const host = articleHost();
  host.files.folders.set('/var/lib/sluice', { uid: 0, gid: 0, mode: 0 });
  const { code, err } = await host.sluice(['apply']);
  expect(code).toBe(0);
  expect(err).toContain('this could not be remembered');
  expect(host.kernel.held).not.toBeNull();
});

test.each([
  ['garbage', 'is damaged'],
  ['{"format":99,"sha256":""}\n{}\n', 'is of a newer version'],
  ['', 'is damaged'],
])('a state file with %j is told and not trusted', async (text, words) => {
  const host = articleHost();
  await host.sluice(['apply']);
  host.files.write(state, text);
  const { code, err, out } = await host.sluice(['apply', '--dry-run']);
  expect(code).toBe(0);
  expect(err).toContain(words);
  expect(out).toContain('+ held');
});

test('a state file that was changed by hand is damaged', async () => {
  const host = articleHost();
  await host.sluice(['apply']);
  host.files.write(state, (host.files.textOf(state) ?? '').replace('app-mongo-1', 'app-mongo-2'));
  expect((await host.sluice(['apply', '--dry-run'])).err).toContain('is damaged');
});

test('down sets bridges back as they stood before the first apply', async () => {
  const host = articleHost();
  host.kernel.bridges.set('docker0', { ip: false, ip6: true });
  await host.sluice(['apply']);
  await host.sluice(['apply']);
  expect(host.kernel.bridges.get('docker0')).toEqual({ ip: true, ip6: true });
  expect((await host.sluice(['down'])).code).toBe(0);
  expect(host.kernel.bridges.get('docker0')).toEqual({ ip: false, ip6: true });
  expect(host.kernel.held).toBeNull();
  expect(host.files.textOf(state)).toBeUndefined();
  expect(host.files.textOf(configured)).toBe(articlePolicy);
});

test.each([['apply'], ['down'], ['test', '--live']])('%s needs root and says so', async (...args) => {
  const host = articleHost();
  host.user = { uid: 1000, gid: 1000 };
  const { code, err } = await host.sluice(args);
  expect(code).toBe(3);
  expect(err).toContain('sudo');
});

test('ps says of whom the kernel does not hold what is written now', async () => {
  const host = articleHost();
  const pending = async () => {
    const { containers } = JSON.parse((await host.sluice(['ps', '--json'])).out) as {
      containers: { name: string; pending: boolean | null }[];
    };
    return containers.filter((one) => one.pending === true).map(({ name }) => name);
  };
  await host.sluice(['apply']);
  expect(await pending()).toEqual([]);
  const moved = host.world.containers.map((container) =>
    container.name === 'portainer'
      ? { ...container, endpoints: container.endpoints.map((one) => ({ ...one, mac: '02:42:ac:11:00:99' })) }
      : container,
  );
  host.world = { ...host.world, containers: moved };
  expect(await pending()).toEqual(['portainer']);
  host.files.write(configured, articlePolicy.replace('internet]', 'internet:443]'));
  expect(await pending()).toEqual(['app-app-1', 'app-elasticsearch-1', 'app-mongo-1', 'portainer']);
  await host.sluice(['apply']);
  expect(await pending()).toEqual([]);
});
