import { expect, test } from 'vitest';
import { checks } from '../../src/doctor/checks.ts';
import { examine } from '../../src/doctor/finding.ts';
import { api, factsOf, ofVolume, one, proxy, unheld, volumes } from './facts.ts';

test('who is told as not held is not told of twice', () => {
  const host = { containers: [{ name: 'app-app-1', workload: 'app/app', mode: 'host' as const }] };
  const codes = (wanted: 'enforce' | 'audit') =>
    examine(factsOf(host, { unheld: [unheld(wanted)] }), checks).map(({ code }) => code);
  expect(codes('enforce')).toEqual(['not-held']);
  expect(codes('audit')).toEqual(['host-network']);
});

test('who shares a network with one that has the host’s has the host’s', () => {
  const containers = [
    { name: 'a', mode: 'host' as const },
    { name: 'b', mode: 'container:a' as const },
  ];
  expect(examine(factsOf({ containers }), checks)[0]?.seen).toEqual(['a: network_mode host', 'b: network_mode host']);
});

test('an engine on the loopback is open to whoever has the host’s network', () => {
  const findings = examine(
    factsOf({ containers: [{ name: 'a', mode: 'host' }] }, api('tcp://127.0.0.1:2375', true)),
    checks,
  );
  expect(findings.map(({ code }) => code)).toEqual(['engine-on-network', 'host-network']);
  expect(findings[0]?.seen).toEqual(["dockerd listens on tcp://127.0.0.1:2375, which a reaches on the host's network"]);
});

test('who may trace the processes of the host is the host', () => {
  const powers = { hostProcesses: true, capabilities: ['SYS_PTRACE'] };
  const findings = examine(factsOf(one({ powers })), checks);
  expect(findings.map(({ code }) => code)).toEqual(['privileged', 'host-processes']);
  expect(findings[0]?.seen).toEqual(['app/app (app-app-1): pid host with cap_add SYS_PTRACE']);
});

test('a socket of the host below its root is of the mount that is there', () => {
  const codesOf = (o: string) =>
    examine(factsOf(ofVolume, volumes({ o, device: '/' })), checks).map(({ code }) => code);
  expect(codesOf('bind')).toEqual(['host-files']);
  expect(codesOf('ro,rbind')).toEqual(['engine-socket', 'host-files']);
});

test('who shares a network shares its resolvers, and is named beside its owner', () => {
  const containers = [
    { name: 'a', on: ['app_default'], lookupsFromHost: true as const },
    { name: 'b', mode: 'container:a' as const, lookupsFromHost: true as const },
  ];
  expect(examine(factsOf({ containers }), checks)[0]?.seen).toEqual([
    'a: no dns of its own, engine 28.5.2',
    'b: the resolvers of the container whose network it uses',
  ]);
});

test('the worst comes first', () => {
  const findings = examine(
    factsOf(one({ powers: { privileged: true }, lookupsFromHost: true, published: ['3000:80/tcp'] }), {
      proxies: [proxy],
    }),
    checks,
  );
  expect(findings.map(({ code }) => code)).toEqual(['privileged', 'dns-from-host', 'published-everywhere']);
});
