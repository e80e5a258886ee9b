import { evaluate } from '../../src/evaluate/evaluate.ts';
import type { Verdict } from '../../src/evaluate/verdict.ts';
import { protocolNumbers } from '../../src/ip/protocol.ts';
import type { Policy } from '../../src/policy/model.ts';
import { type PolicyText, readPolicy } from '../../src/policy/read.ts';
import { type Compiled, compile } from '../../src/ruleset/compile.ts';
import type { World } from '../../src/world/world.ts';
import { address, buildWorld, type WorldSketch } from '../generate/build.ts';

export const now = Date.UTC(2026, 10, 23, 12);

/** A policy from YAML, and x-sluice from compose files; fails with the messages when something is wrong. */
export function policyOf(text: string, compose: Readonly<Record<string, string>> = {}): Policy {
  const texts: PolicyText[] = [
    { path: 'policy.yaml', text: `version: 1\n${text}`, role: 'policy', writableByOthers: false },
    ...Object.entries(compose).map(([path, content]) => ({
      path,
      text: content,
      role: 'compose' as const,
      writableByOthers: false,
    })),
  ];
  const { policy, diagnostics } = readPolicy(texts, { now });
  if (policy === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n'));
  return policy;
}

/** Two Compose projects, a container outside Compose, a private proxy, IPv4 and IPv6. */
export const town: WorldSketch = {
  networks: [
    { name: 'bridge', subnets: ['172.17.0.0/16'] },
    { name: 'app_default', subnets: ['172.20.0.0/16', 'fd00:20::/64'], project: 'app', composeKey: 'default' },
    { name: 'app_back', subnets: ['172.21.0.0/16'], project: 'app', composeKey: 'back' },
    { name: 'shop_default', subnets: ['172.22.0.0/16'], project: 'shop', composeKey: 'default' },
  ],
  containers: [
    {
      name: 'app-web-1',
      workload: 'app/web',
      on: ['app_default', 'app_back'],
      published: ['3000:3000/tcp'],
      resolvers: ['192.168.100.2'],
    },
    { name: 'app-db-1', workload: 'app/db', on: ['app_back'], published: ['127.0.0.1:5432:5432/tcp'] },
    { name: 'shop-web-1', workload: 'shop/web', on: ['shop_default'], published: ['8080:80/tcp'] },
    { name: 'portainer', on: ['bridge'] },
  ],
  host: ['192.168.1.2/24', '2a01:4f8::2/64'],
  hostGateway: ['172.17.0.1'],
};

export interface Judge extends Compiled {
  readonly world: World;
  /** `allowed`, `denied` or `audited`, for `app-web-1 192.168.5.5:22/tcp` (through the container's first network). */
  readonly say: (from: string, to: string, network?: string) => Verdict['outcome'];
  readonly verdict: (from: string, to: string, network?: string) => Verdict;
  readonly codes: () => readonly string[];
}

export function judge(policy: Policy | string, sketch: WorldSketch | World = town, at: number = now): Judge {
  const world = 'engine' in sketch ? sketch : buildWorld(sketch);
  const compiled = compile(typeof policy === 'string' ? policyOf(policy) : policy, world, at);
  const verdict = (from: string, to: string, network?: string): Verdict => {
    const bridge =
      network === undefined ? undefined : world.networks.find(({ name }) => name === network)?.bridge?.name;
    const endpoint = compiled.ruleset.endpoints.find(
      (one) => one.container.name === from && (bridge === undefined || one.bridge.name === bridge),
    );
    if (endpoint === undefined) throw new Error(`${from} is not held`);
    return evaluate(compiled.ruleset, { from: endpoint, ...destination(to) }, at);
  };
  return {
    ...compiled,
    world,
    verdict,
    say: (from, to, network) => verdict(from, to, network).outcome,
    codes: () => compiled.diagnostics.map(({ code }) => code),
  };
}

/** `192.168.5.5:22/tcp`, `[::1]:53/udp`, `10.0.0.1/icmp`, `10.0.0.1/47`. */
function destination(text: string) {
  const parts = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[0-9.]+))(?::(?<port>\d+))?\/(?<protocol>\w+)$/.exec(text)?.groups;
  if (parts === undefined) throw new TypeError(`not a destination: ${text}`);
  const to = address(parts['v6'] ?? parts['v4'] ?? '');
  const word = parts['protocol'] ?? '';
  const names: Readonly<Record<string, number>> = protocolNumbers;
  const protocol = word === 'icmp' && to.family === 6 ? protocolNumbers.icmpv6 : (names[word] ?? Number(word));
  return { to, protocol, port: Number(parts['port'] ?? 0) };
}
