import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chainsJson } from '../../../src/cli/chains/json.ts';
import { chainsLines } from '../../../src/cli/chains/screen.ts';
import { paintWith } from '../../../src/cli/paint.ts';
import { columns } from '../../../src/cli/text.ts';
import { explainListing } from '../../../src/packetpath/purpose/explain-listing.ts';
import { hookGroups } from '../../../src/packetpath/purpose/order.ts';
import { articleWorld, worldOf } from '../../cli/hosts.ts';
import { anyListing } from './any-listing.ts';
import { told } from './subjects.ts';

const runs = { numRuns: 500 };
const worlds = fc.constantFrom(null, worldOf(articleWorld));

test('every rule of any listing comes out once, as it was, and says something', () => {
  fc.assert(
    fc.property(anyListing, worlds, (listing, world) => {
      const rules = told(explainListing(listing, world));
      const all = listing.tables.flatMap(({ chains }) => chains.flatMap((chain) => chain.rules));
      expect(rules.map(({ rule }) => rule)).toEqual(all);
      for (const { purpose } of rules) expect(purpose.sentence).toMatch(/^[^{}]*\S/);
    }),
    runs,
  );
});

test('the screen has a line for every rule of any listing, and nothing wider than the terminal', () => {
  fc.assert(
    fc.property(anyListing, worlds, fc.constantFrom(40, 80, 100), (listing, world, width) => {
      const explained = explainListing(listing, world);
      const lines = chainsLines(explained, { paint: paintWith(false), width });
      expect(lines.filter((line) => columns(line) > width)).toEqual([]);
      const words =
        'LETS OUT|STOPS|ISOLATES|ACCEPTS|DENIES|new source|turns|replies|inbound|neighbours|host|calls|-|\\?';
      const shown = lines.filter((line) => new RegExp(`^ *[0-9]+  (${words})( |$)`).test(line));
      // rules may be long and hold anything, a line of one's own numbers too
      expect(shown.length).toBeGreaterThanOrEqual(told(explained).length);
      JSON.stringify(chainsJson(explained, 'x', false), (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      );
    }),
    runs,
  );
});

test('base chains stand once at each hook, and in the order of their priorities, those for NAT apart', () => {
  fc.assert(
    fc.property(anyListing, (listing) => {
      const groups = hookGroups(explainListing(listing, null));
      const count = listing.tables.flatMap(({ family, chains }) =>
        chains.flatMap(({ base }) => (base === null ? [] : family === 'inet' ? [1, 1] : [1])),
      ).length;
      // NAT has no chains at forward and ingress, whatever a listing says
      const strange = listing.tables.flatMap(({ family, chains }) =>
        chains.filter(
          ({ base }) => base?.type === 'nat' && ['forward', 'ingress'].includes(base.hook) && family.startsWith('i'),
        ),
      );
      if (strange.length === 0) expect(groups.flatMap(({ chains }) => chains)).toHaveLength(count);
      for (const { chains } of groups) {
        const plain = chains.filter(({ base }) => base.type !== 'nat').map(({ base }) => base.priority);
        expect(plain).toEqual(plain.toSorted((a, b) => a - b));
      }
    }),
    runs,
  );
});
