import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { prefixOf } from '../../src/ip/prefix.ts';
import type { Policy } from '../../src/policy/model.ts';
import { type PolicyText, readPolicy } from '../../src/policy/read.ts';
import { compile } from '../../src/ruleset/compile.ts';
import type { RememberedNetwork, Ruleset } from '../../src/ruleset/ruleset.ts';
import { decodeWorld, isWorldProblem } from '../../src/world/json.ts';
import type { World } from '../../src/world/world.ts';

/** Each folder beside this file is a case: policy.yaml, at times compose.yaml and remembered.json, world.json, and the rules they must give. */
const here = import.meta.dirname;

export const topics = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .toSorted();

/** The time at which every case is compiled. */
export const now = Date.UTC(2026, 5, 1, 12);

export const rulesFile = (topic: string): string => join(here, topic, 'ruleset.nft');

/** A case, compiled. Throws when its policy has an error or its world is none. */
export function readCase(topic: string): { readonly policy: Policy; readonly world: World; readonly ruleset: Ruleset } {
  const texts = ['policy.yaml', 'compose.yaml'].flatMap((name): PolicyText[] => {
    const path = join(here, topic, name);
    if (!existsSync(path)) return [];
    const role = name === 'policy.yaml' ? 'policy' : 'compose';
    return [{ path: name, text: readFileSync(path, 'utf8'), role, writableByOthers: false }];
  });
  const { policy, diagnostics } = readPolicy(texts, { now });
  if (policy === null)
    throw new Error(
      diagnostics.map(({ code, message, source }) => `${source.file}:${source.line} ${code} ${message}`).join('\n'),
    );
  const world = decodeWorld(JSON.parse(readFileSync(join(here, topic, 'world.json'), 'utf8')));
  if (isWorldProblem(world)) throw new Error(`${topic}/world.json: ${world.path}: ${world.message}`);
  return {
    policy,
    world,
    ruleset: compile(policy, world, now, remembered(join(here, topic, 'remembered.json'))).ruleset,
  };
}

/** Networks of the time before, in a case that has some. */
function remembered(path: string): readonly RememberedNetwork[] {
  if (!existsSync(path)) return [];
  const networks = JSON.parse(readFileSync(path, 'utf8')) as { project: string; name: string; subnets: string[] }[];
  return networks.map((network) => ({ ...network, subnets: network.subnets.map(prefixOf) }));
}
