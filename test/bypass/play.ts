/** Plays a row on a bench: without Sluice, then with it, and judges by what was seen. */
import type { Daemon } from '../../lab/daemon.ts';
import type { Site } from '../../lab/site.ts';
import { apply, type Bench, mustApply, takeDown } from './bench.ts';
import { findingAbout } from './doctor.ts';
import { proxyOnly } from './ground.ts';
import {
  type BypassWay,
  type Case,
  type Closed,
  caseOf,
  type Held,
  type Refused,
  type Row,
  type Sighting,
  type State,
  type Told,
} from './row.ts';
import { byProbes } from './sightings.ts';

/** What a run found: a proven state, `open` when something got out, `unproven` when the run can say neither. */
export interface Played {
  readonly state: State | 'open' | 'unproven';
  /** How many attempts were made without Sluice, all of which arrived in a proven state. */
  readonly tried: number;
  /** What got out, or what the proof lacks. */
  readonly why: string | null;
  /** Of a row that is told: what got out, and to whom. */
  readonly seen?: string;
}

/** Hears of each step as it happens. */
export interface Narrator {
  step(title: string): void;
  policy(text: string): void;
  command(text: string): void;
  said(text: string): void;
  seen(sightings: readonly Sighting[]): void;
}

const nothing = (): void => {};
const silent: Narrator = { step: nothing, policy: nothing, command: nothing, said: nothing, seen: nothing };

/** Plays a row and leaves the site as it was. Where the lab or Sluice itself fails, that proves nothing either. */
export async function play(row: Row, site: Site, way: BypassWay, narrator: Narrator = silent): Promise<Played> {
  const one = caseOf(row, way);
  if (one.state === 'outside') return { state: 'outside', tried: 0, why: null };
  try {
    const played = await playCase(one, site, way, narrator);
    await takeDown(site);
    return played;
  } catch (error) {
    await takeDown(site).catch(nothing);
    return unproven(0, error instanceof Error ? error.message : String(error));
  }
}

async function playCase(
  one: Exclude<Case, { state: 'outside' }>,
  site: Site,
  way: BypassWay,
  narrator: Narrator,
): Promise<Played> {
  const control: Bench = { ...way, site, enforce: async () => {}, keep: async () => null };
  if (one.state === 'told') return playTold(one, control, narrator);
  const undo = await one.prepare?.(control);
  try {
    narrator.step('Without Sluice');
    let without = await one.attempt(control);
    // on a busy machine something is lost now and then
    if (unseen(without).length > 0) without = await one.attempt(control);
    narrator.seen(without);
    const lost = unseen(without);
    if (without.length === 0 || lost.length > 0)
      return unproven(without.length, `without Sluice these did not arrive, so they prove nothing: ${names(lost)}`);
    return one.state === 'closed'
      ? await playClosed(one, without, control, narrator)
      : await playRefused(one, without, control, narrator);
  } finally {
    await undo?.();
  }
}

async function playClosed(
  one: Closed,
  without: readonly Sighting[],
  control: Bench,
  narrator: Narrator,
): Promise<Played> {
  for (const held of one.under ?? [proxyOnly]) {
    const round = await heldRound(one, held, control, narrator);
    if (typeof round === 'string') return unproven(without.length, round);
    const out = round.filter(({ at }) => at.length > 0);
    if (out.length > 0) return { state: 'open', tried: without.length, why: `got out: ${received(out)}` };
    if (names(round) !== names(without))
      return unproven(without.length, `with Sluice other things were tried than without: ${names(round)}`);
  }
  return { state: 'closed', tried: without.length, why: null };
}

/** The attempt under a policy; words when the round proves nothing. */
async function heldRound(
  one: Closed,
  { policy, allowed }: Held,
  control: Bench,
  narrator: Narrator,
): Promise<readonly Sighting[] | string> {
  const { site } = control;
  let enforced = 0;
  let daemon: Daemon | null = null;
  const enforce = async (text: string) => {
    narrator.policy(text);
    narrator.command(`sluice apply --backend ${control.backend}`);
    await mustApply(site, control, text);
    enforced++;
  };
  const keep = async (text: string) => {
    await enforce(text);
    narrator.command('sluice run');
    daemon = await site.host.daemon();
    return daemon;
  };
  narrator.step('With Sluice');
  if (one.enforces !== true) await enforce(policy);
  try {
    const round = await one.attempt({ ...control, enforce, keep });
    if (enforced === 0) return 'nothing was put in force';
    narrator.seen(round);
    let passed = await byProbes(site, allowed, ', which the policy allows');
    if (unseen(passed).length > 0) passed = await byProbes(site, allowed, ', which the policy allows');
    narrator.seen(passed);
    const missing = unseen(passed);
    if (passed.length === 0 || missing.length > 0) return `what the policy allows does not pass: ${names(missing)}`;
    return (await heldByAnother(control)) ?? round;
  } finally {
    await endDaemon(daemon);
    if (one.enforces === true) await takeDown(site);
  }
}

/** Words when the rules stand in something else than what the row is tried with; null when they do not. */
async function heldByAnother({ site, backend }: Bench): Promise<string | null> {
  const tables = await site.host.must(['nft', 'list', 'tables']);
  const stands = /^table inet sluice$/m.test(tables) ? 'nftables' : 'iptables';
  return stands === backend ? null : `the rules stand in ${stands}, and not in ${backend}`;
}

async function endDaemon(daemon: Daemon | null): Promise<void> {
  if (daemon?.alive === true) await daemon.stop();
}

async function playRefused(
  one: Refused,
  without: readonly Sighting[],
  control: Bench,
  narrator: Narrator,
): Promise<Played> {
  const tried = without.length;
  narrator.step('With Sluice');
  const refused = await refuse(one, control, narrator);
  if (refused !== null) return { ...refused, tried };
  const attempt = async (bench: Bench) => {
    const again = await refuse(one, bench, narrator);
    if (again !== null) throw new Error(again.why);
    return one.attempt(bench);
  };
  const held = await playClosed(
    { ...one, state: 'closed', attempt, under: one.under ?? [] },
    without,
    control,
    narrator,
  );
  return held.state === 'closed' ? { ...held, state: 'refused' } : held;
}

interface Refusing {
  readonly state: 'open' | 'unproven';
  readonly why: string;
}

/** Whether each of its policies is refused in the words that it should be; null when all are. */
async function refuse({ refusals }: Refused, bench: Bench, narrator: Narrator): Promise<Refusing | null> {
  for (const { policy, says } of refusals) {
    narrator.policy(policy);
    narrator.command(`sluice apply --backend ${bench.backend}`);
    const done = await apply(bench.site, bench, policy);
    const text = `${done.stdout}${done.stderr}`;
    narrator.said(text);
    if (done.code === 0) return { state: 'open', why: `the policy was taken: ${text}` };
    if (!says.test(text)) return { state: 'unproven', why: `refused, but not with ${says}: ${text}` };
  }
  return null;
}

async function playTold(one: Told, control: Bench, narrator: Narrator): Promise<Played> {
  const { site } = control;
  const { policy } = one.under ?? proxyOnly;
  const enforce = (text: string) => mustApply(site, control, text);
  const asked = () => findingAbout(site, one);
  narrator.step('A host where it is not so');
  await enforce(policy);
  const before = await asked();
  if (before !== undefined)
    return unproven(0, `doctor says ${one.code} before there is any reason: ${before.seen.join(', ')}`);
  const undo = await one.prepare({ ...control, enforce });
  let sightings: readonly Sighting[] = [];
  try {
    narrator.step('A host where it is so, with Sluice');
    narrator.policy(policy);
    sightings = await one.attempt({ ...control, enforce });
    narrator.seen(sightings);
    const lost = unseen(sightings);
    if (sightings.length === 0 || lost.length > 0)
      return unproven(sightings.length, `these did not get out, so it is not so: ${names(lost)}`);
    const another = await heldByAnother(control);
    if (another !== null) return unproven(sightings.length, another);
    narrator.command('sluice doctor');
    const finding = await asked();
    if (finding === undefined)
      return { state: 'open', tried: sightings.length, why: `doctor does not say ${one.code}` };
    narrator.said(
      [finding.title, ...finding.seen, finding.mend.say, ...finding.mend.lines.map(({ text }) => text)].join('\n'),
    );
    if (finding.mend.say === '') return unproven(sightings.length, `doctor says ${one.code} without a mend`);
  } finally {
    await undo();
  }
  const after = await asked();
  if (after !== undefined)
    return unproven(sightings.length, `doctor still says ${one.code} when it is so no more: ${after.seen.join(', ')}`);
  return { state: 'told', tried: sightings.length, why: null, seen: received(sightings) };
}

const unproven = (tried: number, why: string): Played => ({ state: 'unproven', tried, why });
const unseen = (sightings: readonly Sighting[]) => sightings.filter(({ at }) => at.length === 0);
const received = (sightings: readonly Sighting[]) =>
  sightings.map(({ what, at }) => `${what}, seen by ${at.join(' and ')}`).join('; ');
const names = (sightings: readonly Sighting[]) => sightings.map(({ what }) => what).join('; ') || 'none at all';
