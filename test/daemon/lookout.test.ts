import { expect, test } from 'vitest';
import { Lookout } from '../../src/daemon/guard/lookout.ts';
import type { Member } from '../../src/daemon/guard/members.ts';

/** A lookout on one network, its time and its engine in the test's hands. */
class Lookedfor {
  now = 1_000;
  youngest: number | null = 1_000;
  readonly taken: { readonly asked: number; readonly members: readonly Member[] }[] = [];
  readonly open: { readonly asked: number; resolve(members: readonly Member[]): void; reject(why: Error): void }[] = [];
  readonly asked: number[] = [];
  readonly lookout: Lookout;
  #calls: { at: number; call: () => void }[] = [];

  constructor() {
    this.lookout = new Lookout({
      ask: () => {
        const { promise, resolve, reject } = Promise.withResolvers<readonly Member[]>();
        this.open.push({ asked: this.now, resolve, reject });
        this.asked.push(this.now);
        return promise;
      },
      take: (members, asked) => this.taken.push({ members, asked }),
      youngest: () => this.youngest,
      now: () => this.now,
      after: (milliseconds, call) => {
        const one = { at: this.now + milliseconds, call };
        this.#calls.push(one);
        return () => {
          this.#calls = this.#calls.filter((other) => other !== one);
        };
      },
    });
  }

  /** Half a millisecond after the other; every question is answered so many milliseconds after it was asked. */
  async pass(milliseconds: number, answer = Number.POSITIVE_INFINITY): Promise<void> {
    for (const end = this.now + milliseconds; this.now < end; this.now += 0.5) {
      const due = this.#calls.filter(({ at }) => at <= this.now);
      this.#calls = this.#calls.filter(({ at }) => at > this.now);
      for (const { call } of due) call();
      while (this.open[0] !== undefined && this.open[0].asked + answer <= this.now) this.open.shift()?.resolve([]);
      for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    }
  }
}

test('an engine that answers at once is asked half of the time, one question after the other', async () => {
  const one = new Lookedfor();
  one.lookout.wake();
  await one.pass(40, 2);
  expect(one.asked.length).toBeGreaterThanOrEqual(9);
  expect(one.asked.length).toBeLessThanOrEqual(14);
});

test('while an answer waits for its turn others are asked for, some milliseconds apart and no more than four', async () => {
  const one = new Lookedfor();
  one.lookout.wake();
  await one.pass(120, 40);
  const gaps = one.asked.slice(1).map((at, index) => at - (one.asked[index] as number));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(10);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(11);
  await one.pass(60);
  expect(one.open.length).toBe(4);
});

test('somebody who comes while an answer is under way is asked for soon, and once', async () => {
  const one = new Lookedfor();
  one.lookout.wake();
  await one.pass(5);
  one.youngest = one.now;
  for (let event = 0; event < 5; event++) one.lookout.wake();
  await one.pass(7);
  expect(one.asked).toEqual([1_000, 1_010]);
});

test('of two answers the one that was asked for later counts, whichever comes first', async () => {
  const one = new Lookedfor();
  one.lookout.wake();
  await one.pass(12);
  const [early, late] = one.open.splice(0) as [(typeof one.open)[0], (typeof one.open)[0]];
  late.resolve([]);
  await one.pass(1);
  early.resolve([]);
  await one.pass(1);
  expect(one.taken.map(({ asked }) => asked)).toEqual([late.asked]);
});

test('an engine that refuses is asked ten milliseconds later, one question at a time', async () => {
  const one = new Lookedfor();
  one.lookout.wake();
  one.open.shift()?.reject(new Error('gone'));
  await one.pass(8);
  one.lookout.wake();
  await one.pass(1);
  expect(one.asked.length).toBe(1);
  await one.pass(5);
  expect(one.asked.length).toBe(2);
  await one.pass(300);
  expect(one.open.length).toBe(1);
});

test('nobody is asked for when nobody is looked for, or who came long ago more than one question at a time', async () => {
  const one = new Lookedfor();
  one.youngest = null;
  one.lookout.wake();
  await one.pass(10);
  expect(one.asked).toEqual([]);
  one.youngest = 1_000;
  one.now = 2_000;
  one.lookout.wake();
  await one.pass(500);
  expect(one.open.length).toBe(1);
});

test('an answer that waited for seconds is no reason to stay away for seconds, while somebody is looked for', async () => {
  const one = new Lookedfor();
  one.lookout.wake();
  one.now = 1_600; // he came a while ago
  await one.pass(2_000, 2_500);
  const asked = one.asked.length;
  await one.pass(1_000);
  one.open.shift()?.resolve([]);
  await one.pass(60);
  expect(one.asked.length).toBe(asked + 1);
  // who has not come for long has the engine's rest before him
  one.open.shift()?.resolve([]);
  one.youngest = one.now - 10_000;
  await one.pass(100);
  expect(one.asked.length).toBe(asked + 1);
});
