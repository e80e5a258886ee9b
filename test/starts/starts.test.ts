import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLoad, writeLoadPolicy } from '../../bench/load.ts';
import type { Daemon } from '../../lab/daemon.ts';
import { firstImage } from '../../lab/first.ts';
import { type KernelEvent, KernelEvents } from '../../lab/kernel-events.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { keyOf, makeNetwork, type Start } from '../../lab/starters.ts';
import { full, record } from '../campaign/campaign.ts';
import { iptablesVariant, waysOf } from '../packets/backends.ts';
import { atFirst, atOnce, deniedAtFirst, deniedOf, oneAfterTheOther } from './rounds.ts';

const workloads = full ? 1000 : 50;

/** A start with what the kernel told meanwhile. Milliseconds before the first instruction; null: it did not happen. */
interface Timed extends Start {
  /** The veth joined the bridge; null, too, where several did. */
  readonly joined: number | null;
  /** The first of its elements stood. */
  readonly stood: number | null;
}

/** 20.10 has time to spare: there a container's veth joins its bridge long before the first instruction. */
const ways = waysOf({ '28.5': iptablesVariant }).filter(({ engine }) => engine !== '20.10');

describe.each(ways)('starts on engine $name', { timeout: 1_200_000 }, ({ engine, backend }) => {
  const by = backend === 'nftables' ? '' : `, by ${backend}`;
  const many = full ? 200 : backend === 'nftables' ? 15 : 6;
  /**
   * Of 200 one may be missed. In a sample the machine is not ours alone: two thirds must be in time, and where processes of
   * iptables do it, which wait for a processor each, half.
   */
  const enough = full ? Math.floor(many * 0.995) : Math.ceil(many * (backend === 'nftables' ? 2 / 3 : 1 / 2));
  /** What happens without Sluice is the same whatever would hold its rules: it is seen once for an engine. */
  const [first] = ways.filter((way) => way.engine === engine);
  let site: Site;
  let events: KernelEvents;
  let daemon: Daemon;

  beforeAll(async () => {
    site = await openSite({ engine });
    await site.host.image(firstImage);
    await makeNetwork(site);
    events = await KernelEvents.follow(site.host.cell);
  });
  afterAll(() => site?.stop());

  const alone = (): Promise<readonly Timed[]> =>
    oneAfterTheOther(site, many, {
      before: () => events.clear(),
      after: (one) => timed(one, events.events),
    });

  if (backend === first?.backend)
    test(`without Sluice both packets of ${many} starts arrive`, async () => {
      const starts = await alone();
      expect(atFirst(starts)).toBeGreaterThanOrEqual(Math.floor(many * 0.995));
      expect(deniedAtFirst(starts)).toBeGreaterThanOrEqual(Math.floor(many * 0.995));
      // The veth joins its bridge before the first instruction: what a guard that starts from there relies on.
      const joins = starts.flatMap(({ joined }) => (joined === null ? [] : [joined]));
      expect(Math.min(...joins)).toBeGreaterThan(0);
      expect(joins).toHaveLength(many);
      record({ chapter: 'starts', engine, what: 'veth joins before the first instruction', numbers: spread(joins) });
      const together = await atOnce(site, many);
      record({
        chapter: 'starts',
        engine,
        what: `${many} at once without Sluice`,
        numbers: { 'allowed at first try': atFirst(together) },
      });
      expect(atFirst(together)).toBeGreaterThanOrEqual(Math.floor(many * 0.995));
      expect(deniedAtFirst(together)).toBeGreaterThanOrEqual(Math.floor(many * 0.995));
    });

  test(`alone, with ${workloads} workloads loaded`, async () => {
    await createLoad(site, workloads);
    writeLoadPolicy(site, workloads);
    daemon = await site.host.daemon({ args: ['--backend', backend] });
    const starts = await alone();
    const late = starts.filter(isWrittenLate);
    const leads = starts.flatMap((one) => (one.stood === null || isWrittenLate(one) ? [] : [one.stood]));
    for (const one of starts) if (one.first !== 0 || isWrittenLate(one)) console.log(wordsOf(one));
    record({
      chapter: 'starts',
      engine,
      what: `${many} alone beside ${workloads} × 100${by}`,
      numbers: {
        'allowed at first try': atFirst(starts),
        'denied arrived': deniedOf(starts),
        ...spread(leads),
        'heard of too late to tell': late.length,
      },
    });
    expect(deniedOf(starts)).toBe(0);
    expect(atFirst(starts)).toBeGreaterThanOrEqual(enough);
  });

  test(`${many} at once`, async () => {
    events.clear();
    const starts = (await atOnce(site, many)).map((one) => ({ ...timed(one, events.events), joined: null }));
    for (const miss of starts.filter(({ first }) => first !== 0)) console.log(wordsOf(miss));
    record({
      chapter: 'starts',
      engine,
      what: `${many} at once beside ${workloads} × 100${by}`,
      numbers: { 'allowed at first try': atFirst(starts), 'denied arrived': deniedOf(starts) },
    });
    expect(deniedOf(starts)).toBe(0);
    // 20.10 and 26.1 are not asked for this
    if (engine === '28.5') expect(atFirst(starts)).toBeGreaterThanOrEqual(enough);
    // Late is a lost first packet; in the end every one of them may send.
    expect(starts.filter(({ first }) => first === null)).toEqual([]);
    await expect.poll(async () => (await daemon.status()).troubles, { timeout: 5_000 }).toEqual([]);
  });
});

function timed(one: Start, events: readonly KernelEvent[]): Timed {
  const { address, began } = one;
  const key = keyOf(address);
  const before = (t: number | undefined) => (t === undefined || began === null ? null : (began - t) / 1000);
  const joined = events.find((event) => event.what === 'link' && event.there && event.master !== 0);
  const stood = events.find((event) => event.what === 'newelement' && event.elements.includes(key));
  return { ...one, joined: before(joined?.t), stood: before(stood?.t) };
}

/**
 * Its first packet was let through, so its elements stood: whoever listens writes down when it reads, which behind thousands of
 * elements is later.
 */
const isWrittenLate = ({ first, stood }: Timed): boolean => first === 0 && stood !== null && stood < 0;

/** Why a first packet did not arrive, or what is odd about one that did, as far as the kernel's own times tell. */
function wordsOf({ container, first, joined, stood }: Timed): string {
  const told = (value: number | null) => (value === null ? 'never' : `${value.toFixed(1)} ms before it`);
  const times = `${joined === null ? '' : `joined ${told(joined)}, `}elements stood ${told(stood)}`;
  if (first === 0) return `in time, and written down late: ${container}: ${times}`;
  const cause = stood === null ? 'nobody seated it' : stood < 0 ? 'it was seated too late' : 'it was seated in time';
  const next = first === null ? 'no packet arrived at all' : `packet ${first} was the first to arrive`;
  return `missed: ${container}: ${cause}; ${times}; ${next}`;
}

/** Milliseconds from least to most. */
function spread(values: readonly number[]): Record<string, string> {
  if (values.length === 0) return { lead: 'none' };
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.round(share * (sorted.length - 1))] ?? 0).toFixed(1);
  return { 'least ms': at(0), '5 %': at(0.05), median: at(0.5), '95 %': at(0.95), most: at(1) };
}
