import { expect, test } from 'vitest';
import { failuresOf, resultsOf, type Told } from '../../scripts/results.ts';

/** A report of tests in one file, given as `status title`. */
function told(chosen: boolean, ...tests: readonly string[]): Told {
  const assertionResults = tests.map((one) => {
    const [status = '', ...title] = one.split(' ');
    return { status, fullName: title.join(' ') };
  });
  const passed = tests.filter((one) => one.startsWith('passed')).length;
  const status = tests.length > 0 && (chosen || passed === tests.length) ? 'passed' : 'failed';
  const one = { name: '/root/test/packets/x.test.ts', status, assertionResults };
  return { report: { numTotalTests: tests.length, numPassedTests: passed, testResults: [one] }, root: '/root', chosen };
}
const file = 'test/packets/x.test.ts';

test('tests are counted by the engine and the backend that their titles name', () => {
  expect(
    resultsOf(
      told(
        false,
        'passed what other people do to iptables, engine 28.5 by iptables-nft one',
        'failed what other people do to iptables, engine 28.5 by iptables-nft other',
        'passed iptables-legacy beside engine 26.1 takes it',
        'passed ways out on engine 26.1, held by iptables row 13',
        'passed replies on engine 20.10 one',
        'passed a policy is read',
      ),
    ),
  ).toEqual([
    { file, engine: '28.5', backend: 'iptables-nft', passed: 1, failed: 1 },
    { file, engine: '26.1', backend: 'iptables-legacy', passed: 1, failed: 0 },
    { file, engine: '26.1', backend: 'iptables', passed: 1, failed: 0 },
    { file, engine: '20.10', backend: '', passed: 1, failed: 0 },
  ]);
});

test('a way of which -t left tests out is not told', () => {
  const some = told(true, 'passed on engine 28.5 one', 'skipped on engine 28.5 other', 'passed on engine 26.1 one');
  expect(resultsOf(some).map(({ engine }) => engine)).toEqual(['26.1']);
  expect(failuresOf(some)).toEqual([]);
});

test('what did not run where all was asked for has failed', () => {
  const all = told(false, 'skipped on engine 28.5 one', 'passed on engine 26.1 one');
  expect(resultsOf(all)).toMatchObject([
    { engine: '28.5', passed: 0, failed: 1 },
    { engine: '26.1', passed: 1, failed: 0 },
  ]);
  expect(failuresOf(all)).toEqual(['on engine 28.5 one']);
});

test('a file that could not be run is named', () => {
  expect(failuresOf(told(true))).toEqual([`${file}, before its tests`]);
});
