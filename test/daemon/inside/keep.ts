/**
 * Runs on the lab's host: the guard, with the least of a main thread. Reads words from standard input, one a line, and
 * prints what the guard says and what became of the words as JSON lines.
 *
 *     apply    reads the world, compiles the policy, loads it, tells the guard
 *     look ID  as the event of a connect to network ID
 *     seats    tells the guard of the seats, and loads nothing
 *     measure  asks for the guard's pauses
 *
 *     node keep.ts POLICY
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openEngine } from '../../../src/cli/system/engine.ts';
import { announcementsOf } from '../../../src/daemon/announced.ts';
import type { FromGuard, PlannedSeat, Seated } from '../../../src/daemon/guard/protocol.ts';
import { startGuard } from '../../../src/daemon/guard/start.ts';
import { enforce } from '../../../src/enforce/enforce.ts';
import { hostKernel } from '../../../src/enforce/host-kernel.ts';
import { setOfPrefixes } from '../../../src/ip/address-set.ts';
import { seatRules } from '../../../src/nftables/sender-sets.ts';
import { readPolicy } from '../../../src/policy/read.ts';
import { compile } from '../../../src/ruleset/compile.ts';
import type { Ruleset } from '../../../src/ruleset/ruleset.ts';
import type { World } from '../../../src/world/world.ts';

const [path = ''] = process.argv.slice(2);
const text = { path, text: readFileSync(path, 'utf8'), role: 'policy', writableByOthers: false } as const;
const { policy, diagnostics } = readPolicy([text], { now: Date.now() });
if (policy === null) throw new Error(diagnostics.map(({ message }) => message).join('; '));
const engine = await openEngine(undefined, process.env);
const print = (value: unknown) =>
  process.stdout.write(
    `${JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? one.toString() : one))}\n`,
  );

let heard = 0;
const guard = startGuard({ engine: '/run/docker.sock', seats: true });
guard.on((message: FromGuard) => {
  if ('serial' in message) heard = message.serial;
  print(message);
});

for await (const line of createInterface({ input: process.stdin })) {
  const [word = '', id = ''] = line.split(' ');
  if (word === 'apply' || word === 'seats') await plan(word === 'apply');
  if (word === 'look') guard.post({ kind: 'look', network: id });
  if (word === 'measure') guard.post({ kind: 'measure' });
  print({ kind: 'done', word });
}
await guard.stop();
print({ kind: 'stopped' });

async function plan(loads: boolean): Promise<void> {
  const known = heard;
  const world = await engine.readWorld();
  const now = Date.now();
  const { ruleset } = compile(policy as NonNullable<typeof policy>, world, now);
  if (loads) await enforce(ruleset, hostKernel, now);
  guard.post({
    kind: 'plan',
    bridges: bridgesOf(ruleset, world),
    seats: ruleset.seats.map(
      (seat): PlannedSeat => ({ container: seat.container.id, network: seat.network, rules: seatRules(ruleset, seat) }),
    ),
    gone: [],
    seated: loads ? seatedOf(ruleset) : [],
    unseated: [],
    announced: [...announcementsOf(world, new Set(), new Set()).values()],
    forgotten: [],
    barred: [],
    engines: world.networks.flatMap(({ bridge }) => bridge?.index ?? []),
    heard: known,
  });
}

function bridgesOf(ruleset: Ruleset, world: World) {
  const enrolled = new Set(ruleset.bridges.map(({ name }) => name));
  return world.networks.flatMap(({ id, bridge, subnets }) =>
    bridge !== null && enrolled.has(bridge.name)
      ? [{ name: bridge.name, index: bridge.index, network: id, places: setOfPrefixes(subnets), strict: true }]
      : [],
  );
}

function seatedOf(ruleset: Ruleset): readonly Seated[] {
  return ruleset.endpoints.flatMap(({ container, bridge, port, mac, addresses }) => {
    const seat = ruleset.seats.find((one) => one.container.id === container.id && one.bridge.index === bridge.index);
    if (seat === undefined) return [];
    return [
      {
        container: container.id,
        network: seat.network,
        rules: seatRules(ruleset, seat),
        place: { port, mac, addresses },
      },
    ];
  });
}
