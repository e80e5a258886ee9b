import { expect, test } from 'vitest';
import { DaemonHost, soon, wait } from './host.ts';

const made = [
  { name: 'docker0', index: 3 },
  { name: 'br-0123456789ab', index: 4 },
  { name: 'virbr0', index: 5 },
];
/** By index: of the set whose interfaces nobody may send by. */
const shutBy = (text: string) => [...text.matchAll(/set ports \{[^}]*elements = \{([^}]*)\}/g)].map(([, list]) => list);

test('without engine and remembered rules nothing leaves the bridges it may have made, until it tells who is there', async () => {
  const host = new DaemonHost();
  host.engineAway = true;
  host.bridges = made;
  const daemon = await host.start();
  await soon(() => expect(host.loads).toHaveLength(1));
  const [text = ''] = host.loads;
  expect(shutBy(text).length).toBeGreaterThan(0);
  for (const list of shutBy(text)) expect(list?.match(/\d+/g)).toEqual(['3', '4']);
  const codes = async () => (await daemon.status()).troubles.map(({ code }) => code);
  expect(await codes()).toEqual(expect.arrayContaining(['engine-gone', 'denying-all']));
  host.engineAway = false;
  host.wake();
  await soon(async () => expect(await codes()).toEqual([]));
  for (const list of shutBy(host.loads.at(-1) ?? '')) expect(list?.match(/\d+/g) ?? []).not.toContain('4');
  await daemon.stop();
});

test('where rules stand, or there is no such bridge, it leaves them as they are', async () => {
  const standing = new DaemonHost();
  standing.engineAway = true;
  standing.bridges = made;
  standing.kernel = { ...standing.kernel, standing: async () => true };
  const bare = new DaemonHost();
  bare.engineAway = true;
  bare.bridges = made.slice(2);
  for (const host of [standing, bare]) {
    const daemon = await host.start();
    await soon(async () => expect((await daemon.status()).troubles.map(({ code }) => code)).toEqual(['engine-gone']));
    await wait(50);
    expect(host.loads).toEqual([]);
    await daemon.stop();
  }
});
