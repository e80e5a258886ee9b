import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { doctorPage, doctorReference } from '../../scripts/doctor-reference.ts';
import { checks } from '../../src/doctor/checks.ts';
import { examine } from '../../src/doctor/finding.ts';
import { holding } from './cases/holding.ts';
import { host } from './cases/host.ts';
import { mounts } from './cases/mounts.ts';
import { networks } from './cases/networks.ts';
import { powers } from './cases/powers.ts';
import { rules } from './cases/rules.ts';
import { factsOf, one } from './facts.ts';

const chapters = { holding, powers, mounts, networks, host, rules };

describe.each(Object.entries(chapters))('of %s', (_name, { found, quiet }) => {
  test.each(found)('%s is %s', (_what, code, facts, seen, mend) => {
    const findings = examine(facts, checks);
    // rules that nobody keeps may have been edited: the one comes with the other
    expect(findings.map((finding) => finding.code)).toEqual(code === 'altered-tables' ? [code, 'no-daemon'] : [code]);
    const [finding] = findings;
    if (typeof seen === 'string') expect(finding?.seen).toContain(seen);
    else expect(finding?.seen.join('\n')).toMatch(seen);
    const lines = finding?.mend.lines.map(({ text }) => text) ?? [];
    if (mend === '') expect(lines).toEqual([]);
    else if (typeof mend !== 'string') expect(lines.join('\n')).toMatch(mend);
    else expect(lines).toContain(mend);
  });

  test.each(quiet)('nothing is found of %s', (_what, facts) => {
    expect(examine(facts, checks)).toEqual([]);
  });
});

test('every check has a case here, a file of its name and a code of its own', () => {
  const codes = checks.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  const found = Object.values(chapters).flatMap((chapter) => chapter.found.map(([, code]) => code));
  expect([...new Set(found)].toSorted()).toEqual(codes.toSorted());
  const files = readdirSync(join(import.meta.dirname, '../../src/doctor/checks')).map((file) =>
    file.replace('.ts', ''),
  );
  expect(files).toEqual(expect.arrayContaining(codes));
});

/** Findings that the lab cannot make, and why; what the checks make of such hosts the cases here say. */
const notMade: Readonly<Record<string, string>> = {
  'network-volume':
    'a container with such a volume starts only where the kernel has its file system: the lab’s has none (CONFIG_NETWORK_FILESYSTEMS is not set)',
  flowtable: 'the lab’s kernel takes no flowtable (CONFIG_NF_FLOW_TABLE is not set)',
};

test('every check has a test that makes it on a real host, or stands here with the reason', () => {
  const texts = readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.real.test.ts'))
    .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'));
  const made = (code: string) => texts.some((text) => new RegExp(`(?<![-\\w])${code}(['"]|: \\[)`).test(text));
  const without = checks.map(({ code }) => code).filter((code) => !made(code));
  expect(without.toSorted()).toEqual(Object.keys(notMade).toSorted());
});

test('nothing is found of a host where nothing is wrong', () => {
  expect(examine(factsOf(), checks)).toEqual([]);
});

test('nothing is found of a container that does not run', () => {
  const stopped = one({
    running: false,
    lookupsFromHost: true,
    powers: { privileged: true, capabilities: ['NET_ADMIN'], engineSockets: ['/'] },
  });
  expect(examine(factsOf(stopped), checks)).toEqual([]);
});

test('nothing is found of what could not be looked at', () => {
  const blind = factsOf(
    {},
    {
      world: null,
      engine: null,
      ours: null,
      unheld: null,
      nameservers: null,
      conntrack: null,
      proxies: null,
      writable: null,
      volumes: null,
      api: null,
      routesLoopback: null,
      sockets: null,
      flushers: null,
      rules: null,
      bridgeCalls: null,
    },
  );
  expect(examine(blind, checks)).toEqual([]);
});

test('docs/doctor.md is what the checks make it', () => {
  expect(readFileSync(doctorPage, 'utf8')).toBe(doctorReference());
});
