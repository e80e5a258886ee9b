/** How a row is judged, on a host that is none: what counts as refused, and as held. */
import { expect, test } from 'vitest';
import type { Site } from '../../lab/site.ts';
import { play } from './play.ts';
import type { Case, Row, Sighting } from './row.ts';

const way = { engine: '28.5', backend: 'nftables' } as const;
const byIptables = { ...way, backend: 'iptables' } as const;
const rowThat = (is: Case): Row => ({ number: 1, title: 'x', tries: 'y', is });

/** A host where `apply` takes a policy unless it says `wrong`, and what is asked for as allowed arrives. */
function host(): { readonly site: Site; readonly inForce: () => string | null } {
  let written = '';
  let inForce: string | null = null;
  const done = (code: number, stdout: string) => ({ code, signal: null, stdout, stderr: '' });
  const sluice = async (command: string) => {
    if (command === 'down') inForce = null;
    else if (written.includes('wrong')) return done(1, 'error: that is wrong');
    else inForce = written;
    return done(0, '');
  };
  const write = (_path: string, text: string) => {
    written = text;
  };
  const probeMany = async (specs: readonly unknown[]) => specs.map(() => ({ outcome: 'answered', at: ['far'] }));
  const must = async () => 'table inet sluice\n';
  return { site: { host: { write, sluice, probeMany, must } } as unknown as Site, inForce: () => inForce };
}

const allowed = [{ from: 'a', to: '192.0.2.1' }];
const wrong = { policy: 'wrong', says: /is wrong/ };
const tried = (at: readonly string[]): readonly Sighting[] => [{ what: 'a way', at }];
const out = async () => tried(['far']);

test('a row is refused when every one of its policies is, in its words', async () => {
  const refused = (refusals: readonly { policy: string; says: RegExp }[]) =>
    play(rowThat({ state: 'refused', refusals, attempt: out }), host().site, way);
  expect(await refused([wrong, wrong])).toEqual({ state: 'refused', tried: 1, why: null });
  expect(await refused([wrong, { policy: 'right', says: /x/ }])).toMatchObject({ state: 'open' });
  expect(await refused([wrong, { ...wrong, says: /for another reason/ }])).toMatchObject({ state: 'unproven' });
});

test('what is refused must not open what is in force', async () => {
  const { site, inForce } = host();
  const held: string[] = [];
  const under = [{ policy: 'right', allowed }];
  const attempt = async () => {
    held.push(String(inForce()));
    return tried(inForce() === null ? ['far'] : []);
  };
  const row = rowThat({ state: 'refused', refusals: [wrong], under, attempt });
  expect(await play(row, site, way)).toEqual({ state: 'refused', tried: 1, why: null });
  expect(held).toEqual(['null', 'right']);
  const opened = rowThat({ state: 'refused', refusals: [wrong], under, attempt: out });
  expect(await play(opened, host().site, way)).toMatchObject({ state: 'open', why: 'got out: a way, seen by far' });
});

test('a row is closed when what arrives without Sluice does not with it, and open when it does', async () => {
  const { site, inForce } = host();
  const closed = (attempt: () => Promise<readonly Sighting[]>) =>
    play(rowThat({ state: 'closed', under: [{ policy: 'right', allowed }], attempt }), site, way);
  expect(await closed(async () => tried(inForce() === null ? ['far'] : []))).toMatchObject({ state: 'closed' });
  expect(await closed(out)).toMatchObject({ state: 'open' });
  expect(await closed(async () => tried([]))).toMatchObject({ state: 'unproven' });
});

test('rules that stand in another backend than the row is tried with prove nothing', async () => {
  const { site, inForce } = host();
  const attempt = async () => tried(inForce() === null ? ['far'] : []);
  const row = rowThat({ state: 'closed', under: [{ policy: 'right', allowed }], attempt });
  expect(await play(row, site, byIptables)).toMatchObject({
    state: 'unproven',
    why: 'the rules stand in nftables, and not in iptables',
  });
});
