/**
 * One listing read and one packet walked through it, in a process of its own, because a command line never runs warm.
 * Arguments: form, kind, rules. Prints milliseconds as JSON.
 */
import type { Listing } from '../src/packetpath/model.ts';
import { readListing } from '../src/packetpath/read/read.ts';
import { firstPacket } from '../src/packetpath/walk/ask.ts';
import { surroundingsOfListing } from '../src/packetpath/walk/derive.ts';
import { exactly } from '../src/packetpath/walk/packet.ts';
import { walkPacket } from '../src/packetpath/walk/walk.ts';
import { forms, type Kind } from './listings.ts';

const [form = '', kind, rules] = process.argv.slice(2);
const count = Number(rules);
const text = forms[form]?.(count, kind as Kind) ?? '';

/** Of this thread alone: what collects garbage beside it is not what somebody waits for. */
const timed = <T>(work: () => T): [T, number] => {
  const start = process.threadCpuUsage();
  const made = work();
  const { user, system } = process.threadCpuUsage(start);
  return [made, (user + system) / 1000];
};

/** A packet that none of the rules is about: all of them are looked at. */
function walkThrough(listing: Listing): void {
  const asked = firstPacket({
    from: { in: { kind: 'name', name: 'br1' }, port: null },
    family: 4,
    source: exactly(0xac12_0002n),
    destination: exactly(0xc0a8_0505n),
    protocol: 6,
    port: exactly(80n),
  });
  const { outcomes } = walkPacket(listing, surroundingsOfListing(listing), asked);
  if (outcomes.some(({ by }) => by.kind === 'rule')) throw new Error('a rule took the packet that none is about');
}

/** The least that any reader does. */
const [words, split] = timed(() => text.split('\n').reduce((sum, line) => sum + line.split(' ').length, 0));
if (words === 0 || text.length < count) throw new Error(`${form}: no such form`);
const [listing, read] = timed(() => readListing(text));
const found = listing.tables.flatMap(({ chains }) => chains.flatMap((chain) => chain.rules)).length;
if (found !== count || listing.unread.length > 0) throw new Error(`${form}: of ${count} rules ${found} were read`);
const [, walk] = timed(() => walkThrough(listing));
console.log(JSON.stringify({ split, read, walk }));
