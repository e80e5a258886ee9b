import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import type { Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { type Attempt, expectControl, expectOnly } from '../packets/support.ts';
import { besiege, clear, composeFile, decree, idle, image, web } from './compose-site.ts';
import { attackWaysOfBoth } from './ways.ts';

/** What a project gets by joining the namespace of another one's container (`network_mode: container:NAME`). */

/** With which everything arrives. */
const open = 'version: 1\nprojects: { shop: { allow: any }, evil: { allow: any } }\n';

describe.each(attackWaysOfBoth)('a joiner, on engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;
  let daemon: Daemon;
  beforeAll(async () => {
    ({ site, daemon } = await besiege(way));
  });
  afterAll(() => site?.stop());
  afterEach(() => clear(site));

  /** The shop, and beside it a container of evil's own, for which the same is denied. */
  async function begin(policy: string): Promise<string> {
    await site.host.compose('shop', article({ publish: null }), 'up', '-d');
    await site.host.compose('evil', composeFile({ alone: idle }), 'up', '-d');
    await decree(site, open);
    await expectControl(site, [web('evil/alone'), metadata('evil/alone')]);
    await decree(site, policy);
    return (await site.host.container('shop/app')).name;
  }

  const join = (name: string) =>
    site.host.compose(
      'evil',
      composeFile({ alone: idle, x: { ...idle, network_mode: `container:${name}` } }),
      'up',
      '-d',
    );
  const metadata = (from: string): Attempt => ({ from, to: places.metadata.v4, port: 80, timeout: 400 });

  /** The daemon says that two policies meet there. */
  const isTold = () =>
    until('it to be told', async () => {
      const { refused } = await daemon.status();
      return refused.some(({ message }) => message.includes('evil/x')) ? true : undefined;
    });

  test('that nothing names and may reach nothing takes what it joins down, and gets nothing out', async () => {
    const name = await begin(
      'version: 1\ndefaults: { unmanaged: deny, labels: ignore }\nprojects: { shop: { allow: [internet] } }\n',
    );
    await expectOnly(site, [web('shop/app')], [web('evil/alone')]);
    await join(name);
    await isTold();
    await expectOnly(site, [], [web('evil/x'), web('shop/app')]);
  });

  test('that nothing names has no exception from guardrails that is for whom it joins', async () => {
    const name = await begin(`version: 1
guardrails: { deny: [cloud-metadata], except: [{ from: shop/app, to: cloud-metadata }] }
projects: { shop: { allow: [internet, cloud-metadata] } }
`);
    await expectOnly(site, [metadata('shop/app')], [metadata('evil/alone')]);
    await join(name);
    await isTold();
    await expectOnly(site, [web('evil/x'), web('shop/app')], [metadata('evil/x'), metadata('shop/app')]);
  });

  test('that is named, by whatever word it says whom it joins, and be that one named by nothing', async () => {
    const name = await begin('version: 1\nprojects: { evil: { allow: none } }\n');
    const { id } = await site.host.container('shop/app');
    await expectOnly(site, [web('shop/app')], [web('evil/alone')]);
    for (const word of [name, `/${name}`, id, id.slice(0, 10)]) {
      await join(word);
      await isTold();
      await expectOnly(site, [], [web('evil/x'), web('shop/app')]);
      await site.host.compose('evil', composeFile({ alone: idle }), 'up', '-d', '--remove-orphans');
      await until('it to be alone again', async () =>
        (await daemon.status()).refused.length === 0 ? true : undefined,
      );
      await expectOnly(site, [web('shop/app')], [web('evil/alone')]);
    }
  });

  test('that is named gives its project no way to whom it joins, be it there or ended', async () => {
    await site.host.compose('shop', article({ publish: null }), 'up', '-d');
    const mongo = await site.host.container('shop/mongo');
    const [place] = mongo.addresses;
    if (place === undefined) throw new Error('it has no address');
    const networks = { s: { external: true, name: place.network } };
    const services = { a: { ...idle, networks: ['s'] } };
    const evil = (more: object) =>
      site.host.compose('evil', composeFile({ ...services, ...more }, networks), 'up', '-d');
    await evil({});
    const attempt: Attempt = { from: 'evil/a', to: place.v4, port: 27017, timeout: 400 };
    const own: Attempt = { ...attempt, from: 'shop/app' };
    await decree(site, open);
    await expectControl(site, [attempt, own]);
    await decree(site, 'version: 1\nprojects: { shop: { allow: [same-project] }, evil: { allow: [same-project] } }\n');
    await expectOnly(site, [own], [attempt]);
    for (const seconds of ['0', '1000']) {
      const x = { image, entrypoint: ['/bin/sleep', seconds], network_mode: `container:${mongo.name}` };
      await evil({ x });
      await isTold();
      await expectOnly(site, [own], [attempt]);
      expect((await daemon.status()).troubles).toEqual([]);
    }
  });
});
