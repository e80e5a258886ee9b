import { expect, test } from 'vitest';
import { checks } from '../../src/doctor/checks.ts';
import { examine } from '../../src/doctor/finding.ts';
import { factsOf, rulesOf } from './facts.ts';

/** Rules that others really made: the article's, and two firewalls'. */

test("the article's last listing, alone", () => {
  const facts = factsOf({}, { world: null, rules: rulesOf('fixtures/article-outranked.txt') });
  const [finding, ...more] = examine(facts, checks);
  expect(more).toEqual([]);
  expect(finding).toMatchObject({ code: 'outranked-filter', severity: 'critical' });
  expect(finding?.seen[0]).toMatch(/^filter FORWARD 5: ACCEPT .* lets out all that br-c4d330f8b3c3 sends$/);
  expect(finding?.seen[1]).toMatch(/^filter FORWARD 7: .*DOCKER-OUTBOUND-FILTER .* comes after that$/);
  expect(finding?.seen[2]).toBe('the listing does not show what is in DOCKER-OUTBOUND-FILTER');
  expect(finding?.mend.lines.map((line) => line.text)).toEqual([
    'iptables -D FORWARD -j DOCKER-OUTBOUND-FILTER',
    'iptables -I FORWARD 1 -j DOCKER-OUTBOUND-FILTER',
  ]);
});

test.each(['article-engine-started', 'article-compose-up', 'article-two-projects'])(
  'nothing is wrong with the listing %s of the article',
  (name) => {
    const facts = factsOf({}, { world: null, rules: rulesOf(`fixtures/${name}.txt`) });
    expect(examine(facts, checks)).toEqual([]);
  },
);

test.each(['firewalld-nftables.nft', 'ufw.iptables-save'])('%s takes away nobody’s rules', (name) => {
  const findings = examine(factsOf({}, { rules: rulesOf(`purpose/firewalls/${name}`) }), checks);
  expect(findings.map(({ code }) => code)).not.toContain('firewalld-empties');
});
