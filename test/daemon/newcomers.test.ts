import { describe, expect, test } from 'vitest';
import type { Seated } from '../../src/daemon/guard/protocol.ts';
import { withNewcomers } from '../../src/daemon/newcomers.ts';
import { nothingTold, planFor } from '../../src/daemon/plan.ts';
import { canonicalTables } from '../../src/nftables/canonical.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { seatRules } from '../../src/nftables/sender-sets.ts';
import { compile } from '../../src/ruleset/compile.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import type { Container, World } from '../../src/world/world.ts';
import { buildWorld } from '../generate/build.ts';
import { now, policyOf, town } from '../ruleset/support.ts';

const policy = policyOf(`
projects:
  app: { allow: [same-project, internet], services: { db: { allow: [same-network] } } }
  shop: { allow: ["project/app/web:3000", same-project] }
`);
// ports published on the host are others' to judge by, and known only when it runs
const world = buildWorld({ ...town, containers: town.containers.map((one) => ({ ...one, published: [] })) });

/** The same, while the engine says of a container only that it was created. */
function beforeItRuns(name: string): World {
  const created = (container: Container): Container => ({
    ...container,
    running: false,
    pid: null,
    endpoints: container.endpoints.map((endpoint) => ({ ...endpoint, addresses: [], mac: null, port: null })),
  });
  return { ...world, containers: world.containers.map((one) => (one.name === name ? created(one) : one)) };
}

const rulesetFor = (of: World): Ruleset => compile(policy, of, now).ruleset;
const tables = (ruleset: Ruleset) => canonicalTables(renderRuleset(ruleset));

/** What the guard says of everybody who sends in `full`, by the seats of another ruleset. */
function seatedBy(full: Ruleset, container: string, seats: Ruleset): ReadonlyMap<number, Seated> {
  return new Map(
    full.endpoints
      .filter((endpoint) => endpoint.container.name === container)
      .map(({ container: { id }, bridge, port, mac, addresses }) => {
        const seat = seats.seats.find((one) => one.container.id === id && one.bridge.index === bridge.index);
        if (seat === undefined) throw new Error(`no seat for ${container} on ${bridge.name}`);
        const rules = seatRules(seats, seat);
        return [port.index, { container: id, network: seat.network, rules, place: { port, mac, addresses } }] as const;
      }),
  );
}

const nobodyLeft = new Set<number>();

describe('what the guard has done since the world was read', () => {
  test.each(['app-web-1', 'app-db-1', 'shop-web-1'])(
    '%s, seated before it runs, stands as it will when it runs',
    (name) => {
      const full = rulesetFor(world);
      const early = rulesetFor(beforeItRuns(name));
      const held = withNewcomers(early, { seated: seatedBy(full, name, early), left: nobodyLeft });
      expect(tables(held)).toEqual(tables(full));
    },
  );

  test('nothing changes where nothing is new', () => {
    const full = rulesetFor(world);
    expect(withNewcomers(full, { seated: new Map(), left: nobodyLeft })).toBe(full);
    // the engine tells of it by now
    expect(withNewcomers(full, { seated: seatedBy(full, 'app-db-1', full), left: nobodyLeft })).toBe(full);
  });

  test('a port that is gone sends no more, though the engine still lists it', () => {
    const full = rulesetFor(world);
    const gone = full.endpoints.find(({ container }) => container.name === 'app-db-1');
    const held = withNewcomers(full, { seated: new Map(), left: new Set([gone?.port.index ?? 0]) });
    expect(held.endpoints.map(({ container }) => container.name)).not.toContain('app-db-1');
  });

  test('whoever has an address now has it, whoever had it before', () => {
    const full = rulesetFor(world);
    const early = rulesetFor(beforeItRuns('app-web-1'));
    const db = full.endpoints.find(({ container }) => container.name === 'app-db-1');
    const web = [...seatedBy(full, 'app-web-1', early).values()].find(
      ({ rules }) => rules.bridge.index === db?.bridge.index,
    );
    if (db === undefined || web === undefined) throw new Error('a bad fixture');
    const taken: Seated = { ...web, place: { ...web.place, addresses: db.addresses } };
    const held = withNewcomers(early, { seated: new Map([[taken.place.port.index, taken]]), left: nobodyLeft });
    const owners = held.endpoints.filter(({ addresses }) =>
      addresses.some(({ value }) => value === db.addresses[0]?.value),
    );
    expect(owners.map(({ container }) => container.name)).toEqual(['app-web-1']);
  });

  test('a container without a seat any more is not carried', () => {
    const full = rulesetFor(world);
    const without = rulesetFor({ ...world, containers: world.containers.filter(({ name }) => name !== 'app-db-1') });
    expect(withNewcomers(without, { seated: seatedBy(full, 'app-db-1', full), left: nobodyLeft }).endpoints).toEqual(
      without.endpoints,
    );
  });
});

describe('what the guard is told', () => {
  const nothingAround = { subnets: new Map(), announced: new Map(), engines: [], barred: [] };

  test('everything at first, and then only what changed', () => {
    const early = rulesetFor(beforeItRuns('app-db-1'));
    const first = planFor(early, nothingAround, nothingTold, 0);
    expect(first.plan.seats).toHaveLength(early.seats.length);
    expect(first.plan.seated).toHaveLength(early.endpoints.length);
    expect(planFor(early, nothingAround, first.told, 0).plan).toMatchObject({
      seats: [],
      seated: [],
      unseated: [],
      gone: [],
    });
    const full = planFor(rulesetFor(world), nothingAround, first.told, 0).plan;
    expect(full.seated.map(({ place }) => place.port.name)).toHaveLength(1);
    expect(full.unseated).toEqual([]);
  });

  test('who is gone, and which ports', () => {
    const full = rulesetFor(world);
    const { told } = planFor(full, nothingAround, nothingTold, 0);
    const less = rulesetFor({ ...world, containers: world.containers.filter(({ name }) => name !== 'shop-web-1') });
    const { plan } = planFor(less, nothingAround, told, 0);
    const [gone] = full.endpoints.filter(({ container }) => container.name === 'shop-web-1');
    expect(plan.gone.map(({ container }) => container)).toEqual([gone?.container.id]);
    expect(plan.unseated).toEqual([gone?.port.index]);
  });
});
