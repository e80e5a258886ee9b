import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { explainListing } from '../../../src/packetpath/purpose/explain-listing.ts';
import { outranked } from '../../../src/packetpath/purpose/outranked.ts';
import { readListing } from '../../../src/packetpath/read/read.ts';
import { told } from './subjects.ts';

const fixture = (name: string) =>
  explainListing(readListing(readFileSync(join(import.meta.dirname, '..', 'fixtures', name), 'utf8')), null);

/** What the article says of its stars; of 6 and 7 it takes docker0 for the host, which they are not about. */
test.each([
  [1, 'replies', 'lets into br-388e266f9993 what belongs to conversations that exist already'],
  [2, 'inbound', 'everything else towards br-388e266f9993 goes through DOCKER, which knows the published ports'],
  [3, 'lets-out', 'lets br-388e266f9993 send to anywhere outside itself'],
  [4, 'neighbours', 'lets containers on br-388e266f9993 reach each other'],
  [5, 'inbound', 'lets TCP from outside br-388e266f9993 reach 172.18.0.4 on port 3000: a published port'],
  [6, 'isolates', 'stops what docker0 sends to br-388e266f9993: keeps the containers of the two apart'],
  [7, 'isolates', 'stops what br-388e266f9993 sends to docker0: keeps the containers of the two apart'],
] as const)('★%i', (star, outbound, words) => {
  const found = told(fixture('article-compose-up.txt')).find(({ rule }) => rule.text.includes(`★${star}`));
  expect(found?.purpose).toMatchObject({ maker: 'docker', sureness: 'exact', outbound });
  expect(found?.purpose.sentence).toContain(words);
});

test('its last listing: the filter never sees what the network sends that was made after it', () => {
  const [table] = fixture('article-outranked.txt').tables;
  const chain = table?.chains[0];
  const filter = chain?.rules.find(({ purpose }) => purpose.maker === 'outbound-filter');
  expect(filter?.purpose).toMatchObject({ outbound: 'calls', sureness: 'by-chain' });
  if (chain === undefined || filter === undefined) throw new Error('the filter is not there');
  expect(outranked(filter, chain.waysOut)).toEqual([
    { network: { bridge: 'br-c4d330f8b3c3', name: null, project: null }, by: 5 },
  ]);
});

test('in the listing before it the filter sees everything', () => {
  const [table] = fixture('article-two-projects.txt').tables;
  const chain = table?.chains.find((one) => one.chain.name === 'FORWARD');
  const [filter] = chain?.rules ?? [];
  if (chain === undefined || filter === undefined) throw new Error('FORWARD is empty');
  expect(filter.purpose.maker).toBe('outbound-filter');
  expect(outranked(filter, chain.waysOut)).toEqual([]);
});
