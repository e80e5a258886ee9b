import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Policy } from '../../src/policy/model.ts';
import { readPolicy } from '../../src/policy/read.ts';
import { makePlan } from '../../src/static/make-plan.ts';
import type { StaticPlan } from '../../src/static/plan.ts';
import type { World } from '../../src/world/world.ts';
import { buildWorld } from '../generate/build.ts';

export const staticTime = Date.UTC(2026, 10, 23, 12);

export function policyOf(text: string): Policy {
  const { policy, diagnostics } = readPolicy([{ path: 'policy.yaml', text, role: 'policy', writableByOthers: false }], {
    now: staticTime,
  });
  if (policy === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return policy;
}

/** The article's host: its project, and docker0. */
export const articleWorld: World = buildWorld({
  networks: [
    { name: 'bridge', subnets: ['172.17.0.0/16'] },
    { name: 'app_default', subnets: ['172.20.0.0/16'], project: 'app', composeKey: 'default' },
  ],
  containers: ['app', 'elasticsearch', 'mongo'].map((service) => ({
    name: `app-${service}-1`,
    workload: `app/${service}`,
    on: ['app_default'],
    ...(service === 'app' ? { published: ['3000:3000/tcp'] } : {}),
  })),
  host: ['192.168.1.2/24'],
  hostGateway: ['172.17.0.1'],
});

export function articlePlan(): StaticPlan {
  const path = join(import.meta.dirname, '../../examples/article/policy.yaml');
  return makePlan(policyOf(readFileSync(path, 'utf8')), articleWorld, [], staticTime);
}
