import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectEngine } from '../../src/docker/client.ts';
import type { EngineApi } from '../../src/docker/engine-api.ts';
import type { Get } from '../../src/docker/transport.ts';
import type { KernelView } from '../../src/host/kernel-view.ts';
import { parseResolvConf } from '../../src/host/resolv-conf.ts';
import { addressOf, type Family } from '../../src/ip/address.ts';
import type { Link } from '../../src/netlink/link.ts';
import { isMeant } from '../../src/netlink/route.ts';

/** What a real engine and its kernel said, of a host with one container of each kind (docs of the recording: README.md). */
export interface Recorded {
  readonly api: string;
  readonly answers: Readonly<Record<string, unknown>>;
  /** Each container's resolv.conf, by container name. */
  readonly resolvConf: Readonly<Record<string, string>>;
  readonly kernel: {
    readonly links: readonly Link[];
    readonly addresses: readonly { index: number; address: { family: Family; value: string }; length: number }[];
    readonly netns: Readonly<Record<string, number | null>>;
    readonly bridgeNetfilter: { ip: boolean; ip6: boolean } | null;
    readonly hostname: string;
    readonly resolvConf: string;
  };
}

export const recordedVersions = ['20.10', '26.1', '28.5'] as const;

export function recorded(version: (typeof recordedVersions)[number]): Recorded {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'recorded', `${version}.json`), 'utf8')) as Recorded;
}

/** Answers as the engine did, 404 for what it was not asked; `change` may alter an answer on its way. */
export function recordedGet(record: Recorded, change: (path: string, answer: unknown) => unknown = (_, a) => a): Get {
  const json = (status: number, value: unknown) => ({ status, headers: {}, body: Buffer.from(JSON.stringify(value)) });
  return async (path) => {
    if (path === '/_ping') return { status: 200, headers: { 'api-version': record.api }, body: Buffer.from('OK') };
    const bare = decodeURIComponent(path.replace(`/v${record.api}`, ''));
    const answer = record.answers[bare];
    return answer === undefined
      ? json(404, { message: `no ${bare}` })
      : json(200, change(bare, structuredClone(answer)));
  };
}

export function recordedEngine(
  record: Recorded,
  change?: (path: string, answer: unknown) => unknown,
): Promise<EngineApi> {
  return connectEngine({ kind: 'unix', path: '/run/docker.sock', from: 'test' }, recordedGet(record, change));
}

export function recordedKernel({ kernel }: Recorded): KernelView {
  return {
    links: (only) => kernel.links.filter((link) => only === undefined || isMeant(link, only)),
    addresses: () =>
      kernel.addresses.map(({ index, address, length }) => ({
        index,
        length,
        address: addressOf(address.family, BigInt(address.value)),
      })),
    netnsIdOf: (pid) => kernel.netns[pid] ?? null,
    isMapped: () => false,
    bridgeNetfilter: () => kernel.bridgeNetfilter,
    hostname: () => kernel.hostname,
    nameservers: () => parseResolvConf(kernel.resolvConf),
    engineSettings: () => ({ dns: [], hostGateway: [] }),
  };
}
