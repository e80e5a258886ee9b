/** Very many workloads on a host: containers that were created and never started, each with a policy of its own. */

import type { Site } from '../lab/site.ts';
import { inParallel, starters, startersPolicy } from '../lab/starters.ts';
import { policyTexts, type Size } from './scene.ts';

const servicesPerProject = 100; // as policyTexts has it

/** Creates the containers. From then on their programs stand in the kernel, whether they run or not. */
export async function createLoad(site: Site, workloads: number): Promise<void> {
  await site.host.docker('network', 'create', '--subnet', '172.24.0.0/16', 'load');
  await inParallel(workloads, (number) =>
    site.host.api(`/containers/create?name=load-${number}`, 'POST', {
      Image: 'lab/first',
      Cmd: ['-'],
      Labels: {
        'com.docker.compose.project': `bench${Math.floor(number / servicesPerProject)}`,
        'com.docker.compose.service': `s${number}`,
      },
      HostConfig: { NetworkMode: 'load' },
    }),
  );
}

export interface LoadPolicy {
  /** Another port of every destination. */
  readonly port?: number;
  /** One more destination of the starters', so that a policy differs a little from another. */
  readonly also?: string;
}

/** Writes the policy for them and the starters: a file for each hundred, because one may have a megabyte. */
export function writeLoadPolicy(site: Site, workloads: number, { port, also }: LoadPolicy = {}): void {
  const size: Size = { workloads, destinations: 100, kind: 'exact', ...(port === undefined ? {} : { port }) };
  const more = also === undefined ? '' : `, other: { allow: ["${also}"] }`;
  site.host.write(
    '/etc/sluice/policy.yaml',
    `version: 1
defaults: { unknown-bridge: deny }
projects: { ${starters.project}: ${startersPolicy}${more} }
`,
  );
  for (const [number, text] of policyTexts(size).entries())
    site.host.write(`/etc/sluice/policy.d/${String(number).padStart(3, '0')}.yaml`, text);
}
