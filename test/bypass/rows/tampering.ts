import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../../lab/exec.ts';
import { firstCommand, firstImage, readTally } from '../../../lab/first.ts';
import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Bench } from '../bench.ts';
import { everybody, proxyOnly } from '../ground.ts';
import { type Course, meanwhile } from '../meanwhile.ts';
import type { Case, Row, Sighting } from '../row.ts';
import { addressesOf } from '../run-in.ts';
import { byProbes } from '../sightings.ts';

const out = (from: string): readonly Attempt[] => [
  { from, to: places.private.v4, port: 22 },
  { from, to: places.internet.v4, port: 443 },
  { from, to: places.private.v6, port: 514, proto: 'udp' },
];

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

/** The engine makes its own rules anew at its start, and without live-restore everybody ends with it. */
async function restart(site: Site): Promise<void> {
  const running = (await site.host.containers()).map(({ id }) => id);
  if (running.length > 0) await site.host.docker('kill', ...running); // to stop them takes ten seconds
  await site.host.restartEngine();
  const stopped = await site.host.docker('ps', '-aq', '--filter', 'status=exited');
  if (stopped !== '') await site.host.docker('start', ...stopped.split('\n'));
  for (const who of everybody) await addressesOf(site, who);
}

/** A member of the project that the engine starts with itself, and that sends from its first instruction on. */
async function whileRestarted(site: Site): Promise<readonly Sighting[]> {
  const { host } = site;
  const [token, tally] = [freshToken(), '/run/sender/tally'];
  const { v4 } = places.private;
  await host.image(firstImage);
  host.write(tally, '');
  const member = ['project=app', 'service=sender'].flatMap((label) => ['-l', `com.docker.compose.${label}`]);
  const command = firstCommand({ to: [{ to: v4, port: 514 }], token, rate: 500, rounds: 1e9, tally: '/tally' });
  const more = ['--restart', 'always', '--network', 'app_default', '-v', `${tally}:/tally`];
  await host.docker('run', '-d', '--name', 'sender', ...member, ...more, 'lab/first', ...command);
  try {
    await restart(site);
    await until('what is allowed', async () => {
      const passed = await byProbes(site, proxyOnly.allowed);
      return passed.every(({ at }) => at.length > 0) ? true : undefined;
    });
    await until('its first words', () => (readTally(readFileSync(host.cell.path(tally)))[0] ?? 0) > 100 || undefined);
    await sleep(300);
    const at = (await site.private.saw(token)) ? ['private'] : [];
    return [{ what: `app/sender → ${v4}:514/udp, while the engine starts again`, at }];
  } finally {
    await host.docker('rm', '-f', 'sender');
  }
}

interface Tampered {
  /** What was sent until our rules stood as before. */
  readonly meanwhile: readonly Sighting[];
  readonly afterwards: readonly Sighting[];
}

/** What stands once the daemon has taken in whoever came and went. */
async function atRest(site: Site): Promise<string> {
  return until('rules at rest', async () => {
    const before = await standing(site);
    await sleep(1_000);
    return (await standing(site)) === before ? before : undefined;
  });
}

/** Does something to the rules while a daemon keeps them and what is denied is sent. */
async function tampered(site: Site, what: string, tamper: () => Promise<unknown>): Promise<Tampered> {
  const before = await atRest(site);
  const courses = [places.private.v4, places.private.v6].map(
    (to): Course => ({ from: 'app/app', to, port: 514, at: site.private.observer }),
  );
  const sent = await meanwhile(site, courses, `during ${what}`, async () => {
    await tamper();
    await until('our rules stand as before', async () => ((await standing(site)) === before ? true : undefined));
  });
  return { meanwhile: sent, afterwards: await byProbes(site, out('app/app'), `, after ${what}`) };
}

/** All rules of everybody in one go. */
const emptyTables = ['iptables', 'ip6tables']
  .flatMap((program) => [
    `${program} -P FORWARD ACCEPT`,
    ...['raw', 'mangle', 'filter', 'security'].map((table) => `${program} -t ${table} -F`),
  ])
  .join('; ');

const flushes = async (site: Site): Promise<readonly Tampered[]> => [
  await tampered(site, 'iptables -F', () => site.host.must(['sh', '-ec', emptyTables])),
  await tampered(site, 'nft flush ruleset', () => site.host.must(['nft', 'flush', 'ruleset'])),
];

/** The kernel tells the daemon of each change, and its last line holds meanwhile: there is no gap. */
const withoutGap: Case = {
  state: 'closed',
  enforces: true,
  prepare:
    async ({ site }) =>
    () =>
      restart(site),
  attempt: async ({ site, keep }: Bench) => {
    await keep(proxyOnly.policy);
    const restarted = await whileRestarted(site);
    const flushed = await flushes(site);
    return [...restarted, ...flushed.flatMap((one) => [...one.meanwhile, ...one.afterwards])];
  },
};

/** Until the daemon looks, what was emptied is open: that is told. Afterwards it is closed, as it is at every restart. */
const withGap: Case = {
  state: 'told',
  code: 'no-last-line',
  names: /held with iptables/,
  prepare: async ({ site }) => {
    const daemon = await site.host.daemon();
    return async () => {
      await daemon.stop();
      await restart(site);
    };
  },
  attempt: async ({ site }) => {
    const restarted = await whileRestarted(site);
    const flushed = await flushes(site);
    const late = [...restarted, ...flushed.flatMap(({ afterwards }) => afterwards)].filter(({ at }) => at.length > 0);
    if (late.length > 0) throw new Error(`got out where there is no gap: ${late.map(({ what }) => what).join('; ')}`);
    return flushed.flatMap((one) => one.meanwhile);
  },
};

export const tampering: Row = {
  number: 48,
  title: 'rules flushed, the engine started again',
  tries:
    'iptables -F, nft flush ruleset and a restart of the engine, as other tools of the host do: what passes until the daemon has put things right, and what from then on.',
  is: ({ backend }) => (backend === 'nftables' ? withoutGap : withGap),
  outside: 'rules-that-nobody-keeps',
  rest: null,
};
