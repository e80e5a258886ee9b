import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshSport } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { forgedUdp, gatewayOf, linkLocal, seatOf, sendForgeries } from '../packets/forging.ts';
import { besiege, composeFile, decree, image, policy } from './compose-site.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * Twins on two enrolled bridges: one on a network that others are on too, and one with its MAC on a network of one's own, where
 * somebody with the MAC of a victim speaks to it. Conntrack knows no bridge, so the first one's packets to the victim would be
 * replies. Each has a fixed `mac_address`, as a compose file may ask for.
 */
const mac = '02:42:ac:28:77:01';
const networks = (name: string, number: number) => ({
  [name]: {
    name,
    enable_ipv6: true,
    ipam: { config: [{ subnet: `172.${number}.0.0/16` }, { subnet: `fd00:172:${number}::/64` }] },
  },
});

describe.each(attackWaysOfBoth)(
  'link-local twins on two enrolled bridges, engine $name',
  { timeout: 120_000 },
  (way) => {
    let site: Site;
    let victims: readonly { readonly name: string; readonly mac: string }[];

    beforeAll(async () => {
      ({ site } = await besiege(way));
      const db = composeFile({ db: { image, networks: ['shared'] } }, networks('shared', 40));
      await site.host.compose('app', db, 'up', '-d');
      victims = [
        { name: 'the host', mac: (await gatewayOf(site, 'shared')).mac },
        { name: 'a neighbour', mac: (await seatOf(site, 'app/db')).mac },
      ];
      const on = (network: string, address: string) => ({ image, networks: [network], mac_address: address });
      const services = {
        shared: on('shared', mac),
        twin: on('own', mac),
        ...Object.fromEntries(victims.map((victim, index) => [`speaker${index}`, on('own', victim.mac)])),
      };
      const file = composeFile(services, { shared: { external: true }, ...networks('own', 41) });
      await site.host.compose('evil', file, 'up', '-d');
    });
    afterAll(() => site?.stop());

    /** Who is reached by the one on the shared network, after the others have spoken to its twin, or have not. */
    async function reached(speak: boolean): Promise<readonly string[]> {
      const [port, other] = [freshSport(), 9_999];
      for (const [index, victim] of victims.entries()) {
        if (!speak) continue;
        const at = {
          from: victim.mac,
          to: mac,
          src: linkLocal(victim.mac),
          dst: linkLocal(mac),
          sport: other,
          dport: port,
        };
        // it is allowed, so it arrives
        expect(await sendForgeries(site, `evil/speaker${index}`, [forgedUdp(victim.name, at)])).toEqual([victim.name]);
      }
      const turned = victims.map((victim) =>
        forgedUdp(victim.name, {
          from: mac,
          to: victim.mac,
          src: linkLocal(mac),
          dst: linkLocal(victim.mac),
          sport: port,
          dport: other,
        }),
      );
      return sendForgeries(site, 'evil/shared', turned);
    }

    test('nobody else is reached, whatever they have said to each other', async () => {
      // what the policy lets through is seen
      await decree(site, policy.replace('evil: { allow: none,', 'evil: { allow: [same-project, host, project/app],'));
      expect(await reached(false)).toEqual(victims.map(({ name }) => name));
      await decree(site, policy.replace('evil: { allow: none,', 'evil: { allow: [same-project],'));
      expect(await reached(false)).toEqual([]);
      expect(await reached(true)).toEqual([]);
    });
  },
);
