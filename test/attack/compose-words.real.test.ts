import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import { firstCommand, firstImage } from '../../lab/first.ts';
import { freshToken } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { besiege, decree, image } from './compose-site.ts';
import { attackWays } from './ways.ts';

/** Words by which a container is put on a network that stands and is nobody's: its first instruction sends. */

const tries = 5;
const rounds = 200;

describe.each(attackWays)('the beginning of a network’s id, on engine $name', { timeout: 180_000 }, (way) => {
  let site: Site;
  let daemon: Daemon;
  beforeAll(async () => {
    ({ site, daemon } = await besiege(way));
    await site.host.image(firstImage);
    await site.host.docker('network', 'create', 'free');
    await site.host.docker(
      'run',
      '-d',
      '--name',
      'freeman',
      '--network',
      'free',
      '--entrypoint',
      '/bin/sleep',
      image,
      '1000',
    );
  });
  afterAll(() => site?.stop());

  /** How many packets of each of some starts arrived. */
  async function starts(): Promise<readonly number[]> {
    const id = (await site.host.docker('network', 'inspect', '-f', '{{.Id}}', 'free')).trim();
    const word = id.slice(0, 12);
    const arrived: number[] = [];
    for (let round = 0; round < tries; round++) {
      const token = freshToken();
      const made = (await site.host.api('/containers/create', 'POST', {
        Image: 'lab/first',
        Cmd: firstCommand({ to: [{ to: site.internet.v4, port: 4000 }], token, rate: 1_000, rounds }),
        Labels: {
          'com.docker.compose.project': 'evil',
          'com.docker.compose.service': 'x',
          'com.docker.compose.container-number': '1',
          'com.docker.compose.oneoff': 'False',
        },
        HostConfig: { NetworkMode: word },
        NetworkingConfig: { EndpointsConfig: { [word]: {} } },
      })) as { Id: string };
      await site.host.api(`/containers/${made.Id}/start`, 'POST');
      await sleep(rounds + 200);
      expect((await daemon.status()).unheld).toEqual([]);
      await site.host.api(`/containers/${made.Id}?force=1`, 'DELETE');
      arrived.push((await site.internet.seen(token)).length);
    }
    return arrived;
  }

  test('is that network: who may reach nothing sends nothing, and who may is held and heard', async () => {
    await decree(site, 'version: 1\nprojects: { evil: { allow: any } }\n');
    for (const packets of await starts()) expect(packets).toBeGreaterThan(rounds / 4);
    await decree(site, 'version: 1\nprojects: { evil: { allow: none } }\n');
    expect(await starts()).toEqual(Array(tries).fill(0));
  });
});
