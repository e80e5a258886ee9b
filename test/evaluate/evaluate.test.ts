import { describe, expect, test } from 'vitest';
import { evaluate } from '../../src/evaluate/evaluate.ts';
import { judge, now } from '../ruleset/support.ts';

describe('a verdict', () => {
  const text = `
guardrails: { deny: [cloud-metadata], except: [{ from: app/db, to: cloud-metadata }] }
projects: { app: { allow: ["10.0.0.1", cloud-metadata], deny: ["10.0.0.1:22"], services: { worker: { mode: audit, allow: none } } } }
`;
  const { verdict } = judge(text);
  const kinds = (from: string, to: string) => verdict(from, to).steps.map(({ kind }) => kind);

  test('lists its steps, the one that decided last', () => {
    expect(kinds('app-web-1', '169.254.169.254:80/tcp')).toEqual(['guardrail']);
    expect(kinds('app-db-1', '169.254.169.254:80/tcp')).toEqual(['guardrail', 'allow']);
    expect(kinds('app-web-1', '10.0.0.1:22/tcp')).toEqual(['no-guardrail', 'deny']);
    expect(kinds('app-web-1', '10.0.0.1:23/tcp')).toEqual(['no-guardrail', 'allow']);
    expect(kinds('app-web-1', '10.0.0.2:23/tcp')).toEqual(['no-guardrail', 'nothing-allows']);
  });

  test('knows the line that decided', () => {
    const last = verdict('app-web-1', '10.0.0.1:22/tcp').steps.at(-1);
    expect(last).toMatchObject({ clause: { entry: '10.0.0.1:22', source: { file: 'policy.yaml', line: 4 } } });
  });

  test('says in audit and off what mode did', () => {
    const audit = judge('projects: { app: { mode: audit, allow: none } }').verdict('app-web-1', '10.0.0.1/icmp');
    expect(audit).toMatchObject({
      outcome: 'audited',
      refusal: null,
      steps: [{}, { kind: 'nothing-allows' }, { kind: 'mode', mode: 'audit' }],
    });
    const off = judge('projects: { app: { mode: off, allow: none } }').verdict('app-web-1', '10.0.0.1/icmp');
    expect(off).toMatchObject({ outcome: 'allowed', steps: [{ kind: 'no-guardrail' }, { kind: 'mode', mode: 'off' }] });
  });

  test.each([
    ['10.0.0.2:80/tcp', 'reset'],
    ['10.0.0.2:80/udp', 'icmp-error'],
    ['10.0.0.2/icmp', 'icmp-error'],
    ['224.0.0.1:80/udp', 'silence'],
    ['255.255.255.255:67/udp', 'silence'],
    ['[fe80::1]:80/tcp', 'silence'],
  ])('tells the sender of %s by %s', (to, refusal) => {
    expect(judge('projects: { app: { allow: none } }').verdict('app-web-1', to).refusal).toBe(refusal);
    expect(
      judge('defaults: { denied: drop }\nprojects: { app: { allow: none } }').verdict('app-web-1', to).refusal,
    ).toBe('silence');
  });

  test('a permission ends with its day, by the clock of the one who asks', () => {
    const { ruleset } = judge('projects: { app: { allow: [{ to: "10.0.0.1", until: 2026-12-31 }] } }');
    const [from] = ruleset.endpoints.filter(({ workload }) => workload === 'app/web');
    const packet = {
      from: from as NonNullable<typeof from>,
      to: { family: 4, value: 0x0a000001n },
      protocol: 6,
      port: 1,
    } as const;
    const end = Date.UTC(2027, 0, 1);
    expect(evaluate(ruleset, packet, now).outcome).toBe('allowed');
    expect(evaluate(ruleset, packet, end - 1).outcome).toBe('allowed');
    expect(evaluate(ruleset, packet, end).outcome).toBe('denied');
  });

  test('for a program that is not there is an error, not a guess', () => {
    const { ruleset } = judge('projects: { app: { allow: none } }');
    const from = { ...(ruleset.endpoints[0] as NonNullable<(typeof ruleset.endpoints)[0]>), program: 'nobody' };
    expect(() => evaluate(ruleset, { from, to: { family: 4, value: 1n }, protocol: 6, port: 1 }, now)).toThrow(
      'nobody',
    );
  });
});
