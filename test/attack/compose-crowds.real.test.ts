import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import type { Site } from '../../lab/site.ts';
import { expectAllowed, expectOnly } from '../packets/support.ts';
import { besiege, composeFile, idle, web } from './compose-site.ts';
import { attackWays } from './ways.ts';

/** Labels that name the same containers again and again, by other patterns each time: every one of them would be sets in the kernel. */

const [services, entries] = [20, 550];
/** Patterns of fifteen letters that all match a name of more letters `a`. */
const pattern = (number: number) =>
  (number + 1).toString(2).padStart(15, '0').replaceAll('0', 'a').replaceAll('1', '*');

describe.each(attackWays)('more names than anybody needs, on engine $name', { timeout: 180_000 }, (way) => {
  let site: Site;
  let daemon: Daemon;
  beforeAll(async () => {
    ({ site, daemon } = await besiege(way));
  });
  afterAll(() => site?.stop());

  test('in the labels of one project: these allow nothing, and whoever else comes is seen to at once', async () => {
    const list = Array.from({ length: services }, (_, at) => ({
      ...idle,
      labels: {
        'sluice.allow': Array.from({ length: entries }, (__, its) => `project/free/${pattern(at * entries + its)}`)
          .join(' ')
          .slice(0, 16_000)
          .replace(/ \S*$/, ''),
      },
    }));
    const named = Object.fromEntries(list.map((service, at) => ['a'.repeat(16 + at), service]));
    await site.host.compose('free', composeFile(named), 'up', '-d');
    await until('its labels to be refused', async () =>
      (await daemon.status()).refused.length === services ? true : undefined,
    );
    await site.host.compose('app', composeFile({ x: idle }), 'up', '-d');
    await expectAllowed(site, [web('app/x')]);
    await expectOnly(site, [web('app/x')], [web(`free/${'a'.repeat(16)}`)]);
    const { longest, troubles } = await daemon.status().then(({ pauses, troubles: all }) => ({
      longest: pauses.main,
      troubles: all,
    }));
    expect(troubles).toEqual([]);
    expect(longest).toBeLessThan(5_000);
  });
});
