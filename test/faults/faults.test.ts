import { describe, expect, onTestFailed, test } from 'vitest';
import { randomFor, record } from '../campaign/campaign.ts';
import type { Fault } from './faults.ts';
import { Ground, Overlooked } from './ground.ts';
import { faultsFor, grounds, measure } from './selection.ts';
import { lost, type Outcome, rate } from './senders.ts';

describe.each(grounds)('on engine $name', { timeout: 1_800_000 }, (way) => {
  const { engine, backend } = way;
  test.for(faultsFor(way).map((fault) => [fault.name, fault] as const))('%s', async ([name, fault]) => {
    const { liveRestore, relayed, unknownBridge } = fault;
    await using ground = await Ground.open({ engine, backend, liveRestore, relayed, unknownBridge });
    onTestFailed(() => console.log(`the daemon's last words:\n${ground.daemon?.log.slice(-5_000)}`));
    const disturb = () => fault.disturb(ground, measure, randomFor(name));

    const run = () => ground.during(measure.seconds, disturb);
    // where the fault stops all containers, those that come back by themselves count: the others send to who is gone
    const counts = ({ sender }: Outcome) => !fault.stopsAll || sender === 'churn';
    const without = await attempts(name, run, (outcomes) => outcomes.filter(counts).every((one) => lost(one) <= 0.01));
    for (const one of without) {
      expect(one.sent, one.name).toBeGreaterThan(0);
      if (counts(one))
        expect(lost(one), `without Sluice: ${one.name}, ${one.arrived} of ${one.sent}`).toBeLessThanOrEqual(0.01);
    }

    await fault.restore?.(ground);
    await fault.prepare?.(ground);
    await ground.protect();
    const held = await attempts(
      name,
      run,
      () => true,
      (one) => isForbidden(fault, one),
    );
    const what = backend === 'nftables' ? name : `${name}, by ${backend}`;
    record({ chapter: 'faults', engine, what, numbers: numbersOf(fault, without, held) });
    for (const one of held) expect(one.sent, one.name).toBeGreaterThan(0);
    expect(held.filter((one) => isForbidden(fault, one)).map(words)).toEqual([]);
    const goingOn = (outcomes: readonly Outcome[]) =>
      outcomes.filter(
        ({ permitted, sender }) =>
          permitted && ((sender === 'steady' && !fault.stopsAll) || (sender === 'churn' && fault.sparesChurn)),
      );
    const most = Math.max(...goingOn(without).map(lost)) + 0.001;
    expect(
      goingOn(held)
        .filter((one) => lost(one) > most)
        .map(words),
    ).toEqual([]);
    const lasting = fault.stopsAll ? 'churn' : 'steady';
    const slow = [...without, ...held].filter(
      ({ sender, sent }) => sender === lasting && sent < 0.8 * rate * measure.seconds,
    );
    expect(slow.map(words)).toEqual([]);
    if (ground.daemon === null) throw new Error('no daemon at the end');
    await ground.daemon.settled();
    // what could not be written is tried again at the next look, a minute later at the latest
    await expect.poll(async () => (await ground.daemon?.status())?.troubles, { timeout: 90_000 }).toEqual([]);
  });
});

/**
 * Runs until a run says anything: on a machine with other work to do packets may be lost without Sluice already, or not all
 * be seen. Whatever was seen of a run of Sluice's counts, so one that was seen to its end is not repeated, and one of which
 * something was seen that is forbidden fails.
 */
async function attempts(
  name: string,
  run: () => Promise<readonly Outcome[]>,
  isCalm: (outcomes: readonly Outcome[]) => boolean,
  isForbidden: (outcome: Outcome) => boolean = () => false,
): Promise<readonly Outcome[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      const outcomes = await run();
      if (attempt === 3 || isCalm(outcomes)) return outcomes;
      console.log(
        `${name}: a busy machine, again: ${outcomes
          .filter((one) => lost(one) > 0.01)
          .map(words)
          .join('; ')}`,
      );
    } catch (error) {
      if (!(error instanceof Overlooked) || attempt === 3) throw error;
      const came = error.seen.filter(isForbidden).map(words);
      if (came.length > 0) throw new Error(`of what was seen until it was too much: ${came.join('; ')}`);
      console.log(`${name}: a busy machine, again: ${error.message}`);
    }
  }
}

const words = ({ arrived, name, sent }: Outcome) => `${name}: ${arrived} of ${sent} arrived`;
const steadyAllowed = (outcomes: readonly Outcome[]) =>
  outcomes.filter(({ permitted, sender }) => permitted && sender === 'steady');

/** Something arrived that the policy denies, and that was not left open on purpose. */
function isForbidden(fault: Fault, { arrived, permitted, sender }: Outcome): boolean {
  if (permitted || arrived === 0) return false;
  return !fault.leavesOpen || sender === 'steady';
}

function numbersOf(fault: Fault, without: readonly Outcome[], held: readonly Outcome[]) {
  const sum = (list: readonly Outcome[], value: (one: Outcome) => number) =>
    list.reduce((total, one) => total + value(one), 0);
  const denied = held.filter(({ permitted }) => !permitted);
  const share = (list: readonly Outcome[]) => `${(100 * Math.max(...steadyAllowed(list).map(lost))).toFixed(3)} %`;
  return {
    'denied sent': sum(denied, ({ sent }) => sent),
    'denied arrived': sum(denied, ({ arrived }) => arrived),
    'allowed sent': sum(held, ({ permitted, sent }) => (permitted ? sent : 0)),
    ...(fault.stopsAll ? {} : { 'most lost of a stream': share(held), 'the same without Sluice': share(without) }),
    'churn allowed lost': sum(held, ({ arrived, permitted, sender, sent }) =>
      permitted && sender !== 'steady' ? sent - arrived : 0,
    ),
  };
}
