import { describe, expect, test } from 'vitest';
import { begin, NoPolicyError } from '../../src/daemon/policy-in-force.ts';
import type { PolicyPort, PolicyReading } from '../../src/daemon/ports.ts';
import type { Policy } from '../../src/policy/model.ts';
import { type PolicyText, readPolicy } from '../../src/policy/read.ts';
import { digestOf, noPolicy, type PolicyRecord, type PolicyState } from '../../src/state/policy-state.ts';

const now = Date.UTC(2026, 10, 25);

const texts = (allow: string): readonly PolicyText[] => [
  {
    path: '/etc/sluice/policy.yaml',
    text: `version: 1\nprojects: { app: { allow: ${allow} } }\n`,
    role: 'policy',
    writableByOthers: false,
  },
];
const read = (of: readonly PolicyText[]): Policy | null => readPolicy(of, { now }).policy;
const files = (allow: string): PolicyReading => {
  const policy = read(texts(allow));
  if (policy === null) throw new Error('a bad fixture');
  return { kind: 'good', policy, texts: texts(allow), digest: digestOf(texts(allow)) };
};
const bad: PolicyReading = { kind: 'bad', message: 'policy.yaml:1:1  error', digest: null };
const record = (allow: string): PolicyRecord => ({
  digest: digestOf(texts(allow)),
  since: 1000,
  by: 'files',
  texts: texts(allow),
});
const policies: PolicyPort = {
  read: () => Promise.reject(new Error('not asked for here')),
  digest: () => Promise.resolve(null),
  places: () => Promise.resolve({ files: [], folders: [] }),
  recall: read,
};
const start = (reading: PolicyReading, state: PolicyState, isLost = false) =>
  begin(reading, state, isLost, policies, now);

describe('the policy to begin with', () => {
  test('is what the files say, and the one before is what rollback goes back to', () => {
    const { inForce, state, trouble } = start(files('any'), { ...noPolicy, current: record('none') });
    expect(inForce.record).toEqual({ ...record('any'), since: now });
    expect(state.previous).toEqual(record('none'));
    expect(trouble).toBeNull();
  });

  test('is as old as it was when the files still say the same', () => {
    const before = { ...noPolicy, current: record('any') };
    const { inForce, state } = start(files('any'), before);
    expect(inForce.record).toEqual(record('any'));
    expect(state).toBe(before);
  });

  test('is not what the files say while they say what was rolled back from', () => {
    const before = { ...noPolicy, current: record('none'), rejected: digestOf(texts('any')) };
    expect(start(files('any'), before).inForce.record).toEqual(record('none'));
    expect(start(files('[internet]'), before).inForce.record?.digest).toBe(digestOf(texts('[internet]')));
  });

  test('waits for its confirmation over a restart', () => {
    const pending = { digest: digestOf(texts('any')), until: now + 1, token: 'a' };
    const before = { current: record('any'), previous: record('none'), rejected: null, pending };
    expect(start(files('any'), before).state.pending).toEqual(pending);
  });

  test('is the last good one when the files are bad, and says what is wrong', () => {
    const { inForce, trouble } = start(bad, { ...noPolicy, current: record('none') });
    expect(inForce.record).toEqual(record('none'));
    expect(trouble).toBe(bad.kind === 'bad' ? bad.message : '');
  });

  test('denies everything when neither files nor state can be believed', () => {
    const { inForce, state, trouble } = start(bad, noPolicy, true);
    expect(inForce.record).toBeNull();
    expect(inForce.policy.guardrails.deny.map(({ source }) => source.text)).toEqual(['any']);
    expect(inForce.policy.defaults.build).toBe('deny');
    expect(trouble).not.toBeNull();
    // and at every start, until there is a policy
    expect(start(bad, state).inForce.record).toBeNull();
    expect(start(files('any'), state).state).not.toHaveProperty('lost');
  });

  test('denies everything when what was in force is of a language this program does not know', () => {
    const strange = { ...record('any'), texts: [{ ...(texts('any')[0] as PolicyText), text: 'version: 9\n' }] };
    expect(start(bad, { ...noPolicy, current: strange }).inForce.record).toBeNull();
  });

  test('is none where the files are bad and nothing was ever in force: nobody is cut off by a first try', () => {
    expect(() => start(bad, noPolicy)).toThrow(NoPolicyError);
  });
});
