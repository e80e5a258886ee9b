/** What can go wrong on a host, as one table. Each is done to a host with streams running, with and without Sluice. */
import { setTimeout as sleep } from 'node:timers/promises';
import { create, finished, makeNetwork, outcome, remove, start, starters } from '../../lab/starters.ts';
import type { Random } from '../agreement/random.ts';
import { type Ground, policyPath } from './ground.ts';

/** How much of it is done. */
export interface Measure {
  /** Seconds that streams run at least. */
  readonly seconds: number;
  /** Daemon kills. */
  readonly kills: number;
  /** Policy reloads. */
  readonly reloads: number;
  /** Containers at once, and connects. */
  readonly many: number;
  /** Seconds without the engine's socket. */
  readonly away: number;
}

export interface Fault {
  readonly name: string;
  /** Does it, for about the time that streams run. */
  readonly disturb: (ground: Ground, measure: Measure, random: Random) => Promise<void>;
  /** Before the daemon starts. */
  readonly prepare?: (ground: Ground) => Promise<void>;
  /** Puts right what the engine itself does not, before the same is done with Sluice. */
  readonly restore?: (ground: Ground) => Promise<void>;
  /** `steady` stops as well. */
  readonly stopsAll?: boolean;
  /** `churn` goes on, like `steady`. */
  readonly sparesChurn?: boolean;
  readonly liveRestore?: boolean;
  readonly relayed?: boolean;
  /** `unknown-bridge` of the policy, which is `allow` where a policy does not say. */
  readonly unknownBridge?: 'deny';
  /** What passes of `churn` is counted, not forbidden: bridges that appear without the daemon stay open. */
  readonly leavesOpen?: boolean;
}

/** Repeats something until half a second before streams have run for their time, at least once. */
async function meanwhile({ seconds }: Measure, step: (round: number) => Promise<void>): Promise<void> {
  const end = Date.now() + Math.max(0, seconds - 1) * 1000;
  let round = 0;
  do await step(round++);
  while (Date.now() < end);
}

async function reload(ground: Ground, policy: string): Promise<void> {
  ground.site.host.write(policyPath, policy);
  await ground.reloaded();
}

export const faults: readonly Fault[] = [
  {
    name: 'networks created and removed',
    sparesChurn: true,
    disturb: ({ site }, measure) =>
      meanwhile(measure, async (round) => {
        const name = `passing-${round % 3}`;
        await site.host.docker('network', 'create', name);
        await site.host.docker('network', 'rm', name);
      }),
  },
  {
    name: 'Compose down and up',
    disturb: (ground, measure) => meanwhile(measure, () => ground.restartChurn()),
  },
  {
    name: 'network re-created with another subnet',
    disturb: (ground, measure) =>
      meanwhile(measure, async () => {
        ground.moveChurn();
        // From Compose 2.31 on `up` does it by itself, with the same containers.
        if (ground.engine === '28.5') await ground.churn('up', '-d');
        else await ground.restartChurn();
      }),
  },
  {
    name: 'engine stopped and started',
    stopsAll: true,
    disturb: restarted(({ site }) => site.host.restartEngine()),
  },
  {
    name: 'engine killed',
    stopsAll: true,
    disturb: restarted(async ({ site: { host } }) => {
      await host.killEngine();
      await host.startEngine();
    }),
  },
  {
    name: 'engine stopped and started with live-restore',
    sparesChurn: true,
    liveRestore: true,
    disturb: async ({ site }) => {
      await site.host.stopEngine();
      await sleep(500);
      await site.host.startEngine();
    },
  },
  {
    name: 'engine killed, with live-restore',
    sparesChurn: true,
    liveRestore: true,
    disturb: async ({ site }) => {
      await site.host.killEngine();
      await sleep(300);
      await site.host.startEngine();
    },
  },
  {
    name: 'iptables -F',
    sparesChurn: true,
    liveRestore: true,
    disturb: (ground, measure) =>
      meanwhile(measure, async (round) => {
        const { host } = ground.site;
        for (const command of ['iptables', 'ip6tables']) {
          // Up to 27 IPv6 is dropped by Docker's chain policy, and only its rules let anything pass.
          await host.must([command, '-P', 'FORWARD', 'ACCEPT']);
          await host.must([command, '-F']);
        }
        // Up to 27 this puts some of the rules back.
        await host.docker('network', 'create', `flushed-${round}`);
        await host.docker('network', 'rm', `flushed-${round}`);
        await sleep(300);
      }),
    restore: ({ site }) => site.host.restartEngine(),
  },
  {
    name: 'policy reloaded again and again',
    sparesChurn: true,
    disturb: async (ground, { reloads }) => {
      if (ground.daemon === null) return;
      for (let round = 0; round < reloads; round++) await reload(ground, ground.policies[(round + 1) % 2] as string);
      await reload(ground, ground.policies[0]);
    },
  },
  { name: 'daemon killed, bridges that appear meanwhile denied', disturb: killDaemon, unknownBridge: 'deny' },
  { name: 'daemon killed, bridges that appear meanwhile allowed', disturb: killDaemon, leavesOpen: true },
  {
    name: 'broken policy file',
    disturb: async (ground) => {
      const { daemon, site } = ground;
      const broken = (text: string) => site.host.write(policyPath, text);
      if (daemon !== null) {
        broken('version: 1\nprojects: { steady: { allow: [no-such-group] } }\n');
        daemon.signal('SIGHUP');
      }
      await ground.restartChurn();
      if (daemon !== null) {
        broken('projects: [\n');
        await daemon.kill();
        await ground.startDaemon();
      }
      await ground.restartChurn();
      if (daemon !== null) await reload(ground, ground.policies[1]);
    },
  },
  {
    name: 'disk full under the state',
    prepare: async ({ site }) => {
      await site.host.must(['mkdir', '-p', '/var/lib/sluice']);
      await site.host.must(['mount', '-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', '/var/lib/sluice']);
    },
    disturb: async (ground) => {
      if (ground.daemon === null) return ground.restartChurn();
      const fill = ['dd', 'if=/dev/zero', 'of=/var/lib/sluice/filler', 'bs=4k'];
      await ground.site.host.run(fill);
      // What cannot be remembered may be refused.
      ground.site.host.write(policyPath, ground.policies[1]);
      ground.daemon.signal('SIGHUP');
      await ground.restartChurn();
      await ground.daemon.kill();
      await ground.site.host.run([...fill, 'oflag=append', 'conv=notrunc']);
      await ground.startDaemon();
      await ground.restartChurn();
      await ground.site.host.must(['rm', '-f', '/var/lib/sluice/filler']);
      await reload(ground, ground.policies[0]);
    },
  },
  {
    name: 'engine’s socket gone',
    relayed: true,
    disturb: async (ground, { away }) => {
      await ground.relay?.hide();
      await sleep(200);
      await ground.restartChurn();
      ground.moveChurn();
      await ground.restartChurn();
      await sleep(Math.max(0, away - 4) * 1000);
      await ground.relay?.show();
    },
  },
  {
    name: 'event stream cut',
    relayed: true,
    disturb: (ground, measure) => {
      const cut = setInterval(() => void ground.relay?.cut(), 300);
      return meanwhile(measure, () => ground.restartChurn()).finally(() => clearInterval(cut));
    },
  },
  { name: 'many containers at once', sparesChurn: true, disturb: crowd },
  {
    name: 'connected and disconnected again and again',
    sparesChurn: true,
    disturb: async (ground, { many }) => {
      const { host } = ground.site;
      const { name } = await host.container('churn/four');
      for (let round = 0; round < many; round++) {
        // Its name comes before the project's: the default route moves to it, and back. Every fourth time the bridge is new.
        const aside = `aside-${Math.floor(round / 4)}`;
        if (round % 4 === 0) await host.docker('network', 'create', aside);
        await host.docker('network', 'connect', aside, name);
        await host.docker('network', 'disconnect', aside, name);
        if (round % 4 === 3 || round === many - 1) await host.docker('network', 'rm', aside);
      }
    },
  },
];

/** Again and again, with so much time between that `churn`, which starts with the engine, sends for as long as was asked. */
function restarted(restart: (ground: Ground) => Promise<void>): Fault['disturb'] {
  return async (ground, { seconds }) => {
    const rounds = Math.ceil(seconds / 6);
    for (let round = 0; round < rounds; round++) {
      await restart(ground);
      await sleep((seconds * 1000) / rounds);
    }
  };
}

/** Very many containers started at once, each of which sends from its first instruction on. */
async function crowd(ground: Ground, { many }: Measure): Promise<void> {
  const { site } = ground;
  await makeNetwork(site);
  const created = await create(site, many);
  await Promise.all(created.map(({ id }) => start(site, id)));
  await finished();
  const starts = await Promise.all(created.map((one) => outcome(site, one)));
  ground.count({
    name: `${many} at once`,
    sent: many,
    allowed: starts.filter(({ first }) => first === 0).length,
    denied: starts.filter(({ denied }) => denied.length > 0).length,
  });
  await remove(
    site,
    created.map(({ id }) => id),
  );
  await site.host.docker('network', 'rm', starters.network);
}

/**
 * Kills at moments of a pace of their own. In each gap containers start, or their network is made anew; half of the kills come
 * while the daemon is at that, or reads another policy, the others when it has nothing to do.
 */
async function killDaemon(ground: Ground, { kills }: Measure, random: Random): Promise<void> {
  const aside: string[] = [];
  let isReady = true; // the next moment after its start a signal would end it
  for (let round = 0; round < kills; round++) {
    // a dozen more senders would be more than the observers' machine can take
    const oldest = aside.length > 2 ? aside.shift() : undefined;
    if (oldest !== undefined) await ground.site.host.run(['docker', 'rm', '-f', oldest]);
    await sleep(random.between(0, 400));
    const isAtWork = random.between(0, 1) === 1;
    if (isAtWork && isReady && ground.daemon !== null && random.between(0, 2) === 0) {
      ground.site.host.write(policyPath, ground.policies[round % 2] as string);
      ground.daemon.signal('SIGHUP');
    }
    if (!isAtWork) await ground.daemon?.kill();
    const wait = random.between(0, 300);
    await Promise.all([
      isAtWork ? sleep(wait).then(() => ground.daemon?.kill()) : null,
      somethingChanges(ground, random, `aside-${round}`, aside),
    ]);
    await sleep(random.between(0, 200));
    isReady = random.between(0, 2) > 0;
    if (ground.daemon !== null) await ground.startDaemon({ impatient: !isReady });
  }
  await ground.daemon?.settled();
}

/** Containers start, or their network is made anew; who runs beside them by a name of its own is added to `aside`. */
async function somethingChanges(ground: Ground, random: Random, name: string, aside: string[]): Promise<void> {
  switch (random.between(0, 3)) {
    case 0:
      await ground.runAside(name);
      aside.push(name);
      return;
    case 1:
      await ground.churn('restart', '-t', '0');
      return;
    case 2:
      ground.moveChurn();
      await ground.restartChurn();
      return;
    default:
      await ground.restartChurn();
  }
}
