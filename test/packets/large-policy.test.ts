import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSite, type Site } from '../../lab/site.ts';
import { mostElements } from '../../src/policy/weight.ts';
import { full, record } from '../campaign/campaign.ts';
import { waysOf } from './backends.ts';
import { expectAllowed, expectControl, expectDenied } from './support.ts';

/** A policy comes to many elements: each of its addresses with each of a hundred ports. */

const ports = Array.from({ length: 100 }, (_, at) => 2 * at + 1);
const addressOf = (at: number) => `10.${at >> 14}.${(at >> 6) & 255}.${(at & 63) << 2}`;
const policy = (addresses: number) => `version: 1
groups: { many: [${Array.from({ length: addresses }, (_, at) => `"${addressOf(at)}"`).join(', ')}] }
projects:
  app: { allow: [{ to: many, ports: ["${ports.join(',')}"] }] }
`;
const most = mostElements / ports.length;
/** A hundredth fewer than are held; a sample takes a twentieth. */
const count = full ? (most * 99) / 100 : most / 20;

/** Milliseconds that an apply may take on a busy machine: ipset is told of each element in a line of its own. */
const longest = 240_000;

/** What the kernel's sets take is the same beside every engine. */
const ways = waysOf({ '28.5': 'iptables-legacy' }).filter(({ engine }) => engine === '28.5');

describe.each(ways)('a policy of many elements, engine $name', { timeout: longest + 60_000 }, ({ engine, backend }) => {
  const by = backend === 'nftables' ? '' : `, by ${backend}`;
  let site: Site;
  const to = (address: string, port: number) => ({ from: 'app/app', to: address, port });
  /** The first and the last address and port, and ports and addresses beside them. */
  const [first, last] = [addressOf(0), addressOf(count - 1)];
  const allowed = [to(first, 1), to(first, 199), to(last, 1), to(last, 199), to(addressOf(count >> 1), 99)];
  const denied = [to(first, 2), to(last, 200), to(addressOf(count), 1), to('10.0.0.1', 1), to('45.90.10.10', 99)];

  beforeAll(async () => {
    site = await openSite({ engine });
    await site.host.compose('app', 'services: { app: { image: lab/app } }\n', 'up', '-d');
  });
  afterAll(() => site?.stop());

  test('is held, as far as as many are held as may be', async () => {
    await expectControl(site, [...allowed, ...denied]);
    site.host.write('/etc/sluice/policy.yaml', policy(count));
    const command = await site.host.sluiceCommand('apply', '--backend', backend);
    const began = performance.now();
    const done = await site.host.run(command, { timeout: longest });
    expect(done.code, `${done.stdout}${done.stderr}`).toBe(0);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const numbers = { elements: count * ports.length, 'apply, s': seconds };
    record({ chapter: 'limits', engine, what: `a policy of many elements${by}`, numbers });
    await expectAllowed(site, allowed);
    await expectDenied(site, denied);
  });

  test('of more is refused, and the one before stays in force', async () => {
    site.host.write('/etc/sluice/policy.yaml', policy(most + 1));
    const { code, stdout } = await site.host.sluice('apply');
    expect(code).toBe(1);
    expect(stdout).toMatch(/policy\.yaml:\d+:\d+ +error +SL1008 .*comes to 1000100 entries/);
    await expectAllowed(site, allowed);
    await expectDenied(site, denied);
  });
});
