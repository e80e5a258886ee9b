import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import type { Site } from '../../lab/site.ts';
import { expectAllowed, expectOnly } from '../packets/support.ts';
import { besiege, composeFile, idle, image, web } from './compose-site.ts';
import { attackWays } from './ways.ts';

/** A container whose label is longer than a line of events is kept, and that starts and ends again and again. */

describe.each(attackWays)('events of four megabytes, on engine $name', { timeout: 180_000 }, (way) => {
  let site: Site;
  let daemon: Daemon;
  beforeAll(async () => {
    ({ site, daemon } = await besiege(way));
  });
  afterAll(() => site?.stop());

  test('end no subscription, and whoever comes meanwhile is seen to', async () => {
    const noise = {
      image,
      entrypoint: ['/bin/sleep', '0.05'],
      network_mode: 'none',
      restart: 'always',
      labels: { note: 'x'.repeat(4_300_000) },
    };
    await site.host.compose('free', composeFile({ noise }), 'up', '-d');
    const before = (await daemon.status()).counts;
    for (const project of ['app', 'evil']) await site.host.compose(project, composeFile({ x: idle }), 'up', '-d');
    await sleep(3_000);
    await expectAllowed(site, [web('app/x')]);
    await expectOnly(site, [web('app/x')], [web('evil/x')]);
    const { gaps, reconciles } = (await daemon.status()).counts;
    expect(gaps).toBe(before.gaps);
    expect(reconciles).toBeGreaterThan(before.reconciles);
  });
});
