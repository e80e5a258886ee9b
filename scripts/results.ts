/** Which tests passed beside which engine: read from vitest's report, and a table of docs/campaign.md. */
import { relative } from 'node:path';
import { markdown } from '../bench/table.ts';

/** What of vitest's JSON report is read. */
export interface VitestReport {
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly testResults: readonly {
    /** The test file, from the root of the file system. */
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly Assertion[];
  }[];
}

/** One test. What `-t` leaves out has the status `skipped`; so has what stands behind a `beforeAll` that failed. */
interface Assertion {
  readonly status: string;
  /** Its own title behind those of what it stands in. */
  readonly fullName: string;
}

/** A report with what it does not say by itself. */
export interface Told {
  readonly report: VitestReport;
  /** The checkout's root. */
  readonly root: string;
  /** Whether `-t` chose among the tests: only then one that did not run has not failed. */
  readonly chosen: boolean;
}

/** What became of one file's tests beside one engine, held by one backend. */
export interface Result {
  /** The test file, from the checkout's root. */
  readonly file: string;
  readonly engine: string;
  /** As titles have it: `iptables-nft`, or where it is no matter which variant `iptables`; empty where none is named. */
  readonly backend: string;
  readonly passed: number;
  readonly failed: number;
}

/** The index of its run beside a result. */
export type ResultOfRun = Result & { readonly run: number };

/** Names of tests that failed, and of files that could not be run, or not made ready. */
export function failuresOf({ chosen, report, root }: Told): readonly string[] {
  return report.testResults.flatMap(({ assertionResults, name, status }) => {
    const tests = assertionResults.filter((one) => hasFailed(one, chosen)).map(({ fullName }) => fullName);
    return tests.length === 0 && status === 'failed' ? [`${relative(root, name)}, before its tests`] : tests;
  });
}

/**
 * What became of the tests whose titles name an engine. Of which `-t` left some out is not told: the rest would stand there
 * as if it were the whole.
 */
export function resultsOf({ chosen, report, root }: Told): readonly Result[] {
  return report.testResults.flatMap(({ assertionResults, name }) => {
    const ways = Map.groupBy(assertionResults, ({ fullName }) => wayOf(fullName));
    return [...ways].flatMap(([way, tests]): readonly Result[] => {
      const [engine = '', backend = ''] = way.split(' ');
      const passed = tests.filter(({ status }) => status === 'passed').length;
      const failed = tests.filter((one) => hasFailed(one, chosen)).length;
      const isWhole = passed + failed === tests.length;
      return engine !== '' && isWhole ? [{ file: relative(root, name), engine, backend, passed, failed }] : [];
    });
  });
}

const hasFailed = ({ status }: Assertion, chosen: boolean) => (chosen ? status === 'failed' : status !== 'passed');

/** `28.5 iptables-nft` of `… on engine 28.5 by iptables-nft …`; empty where no engine is named. */
function wayOf(title: string): string {
  const engine = /\bengine (\d+\.\d+)\b/.exec(title)?.[1] ?? '';
  const backend = /\biptables-(?:nft|legacy)\b/.exec(title)?.[0] ?? /\bby (iptables)\b/.exec(title)?.[1] ?? '';
  return engine === '' ? '' : `${engine} ${backend}`.trim();
}

/** What tells one result from the others. */
export const placeOfResult = ({ backend, engine, file }: Result): string => `${file}\n${engine}\n${backend}`;

/** The chapter of the page; empty where nothing is known. A line for each file and run. */
export function resultsText(results: readonly ResultOfRun[]): string {
  if (results.length === 0) return '';
  const lines = Map.groupBy(results, ({ file, run }) => `${file} ${run}`);
  const rows = [...lines.values()].map((alike) => {
    const sum = (of: 'passed' | 'failed') => alike.reduce((all, one) => all + one[of], 0);
    const { file = '', run = 0 } = alike[0] ?? {};
    return [file, waysText(alike), String(sum('passed')), String(sum('failed')), String(run + 1)];
  });
  const head = ['', 'beside engines', 'passed', 'failed', 'run'];
  return `
## Tests beside engines

By the backends that their titles name; where they name none it is nftables, or makes no difference.

${markdown(head, rows.toSorted(byText))}
`;
}

const byText = (a: readonly string[], b: readonly string[]) => (a.join() < b.join() ? -1 : 1);

/** `20.10, 28.5; 28.5 by iptables-nft`. */
function waysText(results: readonly Result[]): string {
  const backends = Map.groupBy(results, ({ backend }) => backend);
  return [...backends]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([backend, alike]) => {
      const engines = alike.map(({ engine }) => engine).toSorted((a, b) => Number(a) - Number(b));
      return `${engines.join(', ')}${backend === '' ? '' : ` by ${backend}`}`;
    })
    .join('; ');
}
