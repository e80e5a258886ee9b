import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { forgedUdp, gatewayOf, seatOf, sendForgeries } from '../packets/forging.ts';
import { applyPolicy, expectOnly } from '../packets/support.ts';
import { clear, composeFile, image, outside } from './compose-site.ts';
import { attackWaysOfBoth } from './ways.ts';

/** Networks that are made anew while no daemon runs. What stays open is shown to be what the documents say. */

const policy = (unknown: string) => `version: 1
defaults: { unknown-bridge: ${unknown} }
projects: { evil: { allow: none } }
`;
const pinned = 'com.docker.network.bridge.name';
const net = (subnet: string, bridge?: string) => ({
  default: { ipam: { config: [{ subnet }] }, ...(bridge === undefined ? {} : { driver_opts: { [pinned]: bridge } }) },
});

describe.each(attackWaysOfBoth)('made anew without a daemon, on engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;
  beforeAll(async () => {
    // routed: no source NAT hides what a forged packet says
    site = holdWith(await openSite({ engine: way.engine, routed: true }), way.backend);
  });
  afterAll(() => site?.stop());
  afterEach(() => clear(site));

  /** Who reaches a private host: with the address it has, and with one that it invents. */
  async function leaving(): Promise<readonly string[]> {
    const [self, gateway] = [await seatOf(site, 'evil/x'), await gatewayOf(site, 'evil_default')];
    const from = (name: string, src: string) =>
      forgedUdp(name, { from: self.mac, to: gateway.mac, src, dst: places.private.v4 });
    return sendForgeries(site, 'evil/x', [from('own', self.v4), from('forged', '10.77.0.9')]);
  }

  test.each([
    ['allow', ['forged']],
    ['deny', []],
  ])('under another bridge name it has its addresses no more, with unknown-bridge: %s', async (unknown, left) => {
    const file = composeFile({ x: { image } }, net('172.25.0.0/24'));
    await site.host.compose('evil', file, 'up', '-d');
    await applyPolicy(site, policy(unknown));
    expect(await leaving()).toEqual([]);
    await site.host.compose('evil', file, 'down', '-t', '0');
    await site.host.compose('evil', file, 'up', '-d');
    // on the older engines nothing forged arrived, which nobody has explained yet
    expect(await leaving()).toEqual(way.engine === '28.5' ? left : []);
  });

  test('with unknown-bridge: deny a bridge is known by its name, whosesoever it was', async () => {
    const free = composeFile({ x: { image } }, net('172.26.0.0/24', 'known0'));
    await site.host.compose('free', free, 'up', '-d');
    await applyPolicy(site, policy('deny'));
    await site.host.compose('free', free, 'down', '-t', '0');
    const services = { x: { image }, y: { image, networks: ['other'] } };
    const networks = { ...net('172.27.0.0/24', 'known0'), other: net('172.28.0.0/24', 'unknown0').default };
    await site.host.compose('evil', composeFile(services, networks), 'up', '-d');
    await expectOnly(site, outside('evil/x'), outside('evil/y'));
  });
});
