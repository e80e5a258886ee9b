import { until } from '../../../lab/exec.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Bench } from '../bench.ts';
import { everybody, proxyOnly } from '../ground.ts';
import type { Case, Row, Sighting } from '../row.ts';
import { addressesOf } from '../run-in.ts';
import { byProbes } from '../sightings.ts';

const out = (from: string): readonly Attempt[] => [
  { from, to: places.private.v4, port: 22 },
  { from, to: places.internet.v4, port: 443 },
  { from, to: places.private.v6, port: 514, proto: 'udp' },
];

const savers = ['iptables', 'ip6tables'];

/** All rules of ours, in whatever they stand, without counts and generations of sets; empty where there are none. */
async function standing({ host }: Site): Promise<string> {
  const listings = await Promise.all(
    [
      ['nft', '-s', 'list', 'ruleset'],
      ['iptables-legacy-save'],
      ['iptables-nft-save'],
      ['ip6tables-legacy-save'],
      ['ip6tables-nft-save'],
    ].map(async (command) => (await host.run(command)).stdout),
  );
  const lines = listings.flatMap((text) => text.split('\n')).filter((line) => /sluice|DOCKER-OUTBOUND-/.test(line));
  return lines
    .map((line) => line.replace(/\[\d+:\d+\]/, '').replaceAll(/(sluice-\S+)\.\d+/g, '$1'))
    .toSorted()
    .join('\n');
}

/** Does something to the rules while a daemon keeps them, and tries again once they stand as before. */
async function after({ site }: Bench, what: string, tamper: () => Promise<unknown>): Promise<readonly Sighting[]> {
  const before = await standing(site);
  await tamper();
  await until('our rules stand as before', async () => ((await standing(site)) === before ? true : undefined));
  return byProbes(site, out('app/app'), `, ${what}`);
}

/** The engine makes its own rules anew at its start, and without live-restore everybody ends with it. */
async function restart(site: Site): Promise<void> {
  const running = (await site.host.containers()).map(({ id }) => id);
  if (running.length > 0) await site.host.docker('kill', ...running); // to stop them takes ten seconds
  await site.host.restartEngine();
  const stopped = await site.host.docker('ps', '-aq', '--filter', 'status=exited');
  if (stopped !== '') await site.host.docker('start', ...stopped.split('\n'));
  for (const who of everybody) await addressesOf(site, who);
}

const whileKept: Case = {
  state: 'closed',
  enforces: true,
  prepare:
    async ({ site }) =>
    () =>
      restart(site),
  attempt: async (bench) => {
    const { site } = bench;
    const { host } = site;
    const daemon = await bench.keep(proxyOnly.policy);
    await restart(site);
    await daemon?.settled();
    const restarted = await byProbes(site, out('app/app'), ', after a restart of the engine');
    const flushed = await after(bench, 'after iptables -F', async () => {
      for (const program of savers) {
        await host.must([program, '-P', 'FORWARD', 'ACCEPT']);
        await host.must([program, '-F']);
      }
    });
    const gone = await after(bench, 'after nft flush ruleset', () => host.must(['nft', 'flush', 'ruleset']));
    return [...restarted, ...flushed, ...gone];
  },
};

export const tampering: Row = {
  number: 48,
  title: 'rules flushed, the engine started again',
  tries:
    'iptables -F, nft flush ruleset and a restart of the engine, as other tools of the host do, and what passes once the daemon has put things right.',
  is: whileKept,
  outside: 'rules-that-nobody-keeps',
};
