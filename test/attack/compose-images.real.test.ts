import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { appImage } from '../../lab/images.ts';
import type { Site } from '../../lab/site.ts';
import { arrivals, expectControl, expectDenied, expectOnly } from '../packets/support.ts';
import { type Besieged, besiege, clear, composeFile, decree, image, outside, policy } from './compose-site.ts';
import { attackWays } from './ways.ts';

/**
 * An image whose inspect is longer than the 4 MiB that are read of one (src/docker/client.ts): nobody can tell its labels from
 * those of its containers, which were in no world then and held by nothing.
 */
const huge = 'lab/huge';

/** `lab/app` again with an author of five megabytes, brought in as any image from a registry would be. */
async function makeHuge(site: Site): Promise<void> {
  const { host } = site;
  await host.must(['sh', '-c', 'mkdir -p /run/huge && docker save lab/app | tar -C /run/huge -xf -']);
  const at = (name: string) => host.cell.path(`/run/huge/${name}`);
  mkdirSync(at(''), { recursive: true });
  const manifest = JSON.parse(readFileSync(at('manifest.json'), 'utf8')) as { Config: string; RepoTags: string[] }[];
  const config = JSON.parse(readFileSync(at(manifest[0]?.Config ?? ''), 'utf8')) as object;
  writeFileSync(
    at('huge.json'),
    JSON.stringify({ ...config, author: 'x'.repeat(5 << 20), comment: 'y'.repeat(5 << 20) }),
  );
  const named = [{ ...manifest[0], Config: 'huge.json', RepoTags: [`${huge}:latest`] }];
  writeFileSync(at('manifest.json'), JSON.stringify(named));
  await host.must(
    ['sh', '-c', 'cd /run/huge && rm -f index.json oci-layout repositories && tar -cf - . | docker load'],
    {
      timeout: 120_000,
    },
  );
}

describe.each(attackWays)('an image that says more than anybody reads, on engine $name', (way) => {
  let besieged: Besieged;
  let site: Site;
  beforeAll(async () => {
    besieged = await besiege(way);
    ({ site } = besieged);
    await makeHuge(site);
  });
  afterAll(() => site?.stop());
  afterEach(async () => {
    await clear(site);
    await decree(site, policy);
  });

  test('a held project on docker0, while builds may run', async () => {
    await site.host.compose('evil', composeFile({ x: { image, network_mode: 'bridge' } }), 'up', '-d');
    await site.host.compose('evil', composeFile({ x: { image: huge, network_mode: 'bridge' } }), 'up', '-d');
    await sleep(3_000);
    const came = await arrivals(site, outside('evil/x'));
    expect(came).toEqual([]);
  });

  test('a held project on a network that nobody names', async () => {
    await site.host.compose('free', composeFile({ y: { image } }), 'up', '-d');
    const networks = { default: { external: true, name: 'free_default' } };
    await site.host.compose('evil', composeFile({ x: { image: huge } }, networks), 'up', '-d');
    await sleep(3_000);
    const came = await arrivals(site, outside('evil/x'));
    expect(await arrivals(site, outside('free/y'))).not.toEqual([]);
    const { refused } = await besieged.daemon.status();
    expect(refused.map(({ message }) => message).join()).toContain('its image cannot be read');
    expect(came).toEqual([]);
  });

  test('its own network stays shut', async () => {
    await site.host.compose('evil', composeFile({ x: { image: huge } }), 'up', '-d');
    await sleep(3_000);
    await expectDenied(site, outside('evil/x'));
  });

  test('a held project whose image has every label that Compose writes, but the one that no image can have', async () => {
    const service = { image: copying, network_mode: 'bridge' };
    const up = () => site.host.compose('evil', composeFile({ x: service }), 'up', '-d');
    await makeCopying(site, {});
    await up();
    await makeCopying(site, await labelsOf(site, 'evil/x'));
    // made anew, since a container that replaces another one has a label that says so
    await site.host.docker('rm', '-f', (await site.host.container('evil/x')).id);
    await up();
    const shipped = await labelsOf(site, copying);
    // by its id, since the engine finds by labels whoever has them
    const { id } = await site.host.container('evil/x');
    const own = Object.entries(await labelsOf(site, id)).filter(([key, value]) => shipped[key] !== value);
    // either is of the image itself: its digest, and with the Compose of 20.10 a hash that takes it in
    expect(own.map(([key]) => key)).toEqual([`com.docker.compose.${way.engine === '20.10' ? 'config-hash' : 'image'}`]);
    // who has nothing but what its image says is nobody, and sends from docker0 what a build may
    await site.host.docker('run', '-d', '--name', 'nobody', copying);
    await expectControl(site, outside('nobody'));
    await expectOnly(site, outside('nobody'), outside(id));
  });
});

/** An image whose labels are those that its own container had. */
const copying = 'lab/copying';

async function makeCopying(site: Site, labels: Record<string, string>): Promise<void> {
  await site.host.image({ ...appImage, name: copying, labels });
}

/** The labels of a container, or of an image. */
async function labelsOf(site: Site, what: string): Promise<Record<string, string>> {
  const id = what === copying ? copying : (await site.host.container(what)).id;
  return JSON.parse(await site.host.docker('inspect', '--format', '{{json .Config.Labels}}', id)) as Record<
    string,
    string
  >;
}
