// What came out: a table for people, JSON for programs, JUnit for CI systems. Pure.
import { escaped } from '../src/cli/output/junit.ts';
import { table } from '../demo/table.ts';

/**
 * - `Void`: the check could not prove anything, for example because nothing was in flight. It counts as a failure: a green
 *   run says that something was proved.
 */
export type Verdict = 'Passed' | 'Failed' | 'Void' | 'Skipped';

export interface Check {
  readonly scenario: string;
  readonly form: string;
  readonly check: string;
  readonly verdict: Verdict;
  readonly detail: string;
  readonly seconds: number;
  /** More, for the files only. */
  readonly more?: readonly string[];
}

export interface RunResults {
  readonly run: string;
  readonly startedAt: string;
  readonly cluster: Readonly<Record<string, string>>;
  readonly checks: readonly Check[];
  readonly interrupted: boolean;
  /** The terminations that were seen, with their forecasts. */
  readonly terminations: readonly unknown[];
}

export function exitCodeOf({ checks, interrupted }: Pick<RunResults, 'checks' | 'interrupted'>): number {
  if (interrupted) {
    return 130;
  }
  return checks.length > 0 &&
    checks.every(({ verdict }) => verdict === 'Passed' || verdict === 'Skipped') &&
    checks.some(({ verdict }) => verdict === 'Passed')
    ? 0
    : 1;
}

const WORDS: Readonly<Record<Verdict, string>> = {
  Passed: 'ok',
  Failed: 'FAILED',
  Void: 'PROVES NOTHING',
  Skipped: 'skipped',
};

export function resultsTable({ checks }: Pick<RunResults, 'checks'>, width: number): string {
  const count = (verdict: Verdict): number => checks.filter((check) => check.verdict === verdict).length;
  const rows = checks.map((check) => [check.scenario, check.form, check.check, WORDS[check.verdict], check.detail]);
  const parts = [
    `${count('Passed')} passed`,
    `${count('Failed')} failed`,
    ...(count('Void') > 0 ? [`${count('Void')} proved nothing`] : []),
    ...(count('Skipped') > 0 ? [`${count('Skipped')} skipped`] : []),
  ];
  return `${table(['policy', 'sidecar', 'check', 'result', 'what was seen'], rows, width)}\n\n${parts.join(', ')}\n`;
}

export function resultsJson(results: RunResults): string {
  return `${JSON.stringify(results, undefined, 2)}\n`;
}

export function resultsJunit({ checks, run }: Pick<RunResults, 'checks' | 'run'>): string {
  const suites = new Map<string, Check[]>();
  for (const check of checks) {
    const name = `${check.scenario}/${check.form}`;
    suites.set(name, [...(suites.get(name) ?? []), check]);
  }
  const number = (list: readonly Check[], ...verdicts: Verdict[]): number =>
    list.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const xml = [...suites].map(([name, list]) =>
    [
      `  <testsuite name="${escaped(name)}" tests="${list.length}" failures="${number(list, 'Failed', 'Void')}" errors="0" skipped="${number(list, 'Skipped')}">`,
      ...list.map((check) => caseXml(name, check)),
      '  </testsuite>',
    ].join('\n'),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="sidecar-drain e2e ${escaped(run)}" tests="${checks.length}" failures="${number(checks, 'Failed', 'Void')}" errors="0">\n${xml.join('\n')}\n</testsuites>\n`;
}

function caseXml(suite: string, check: Check): string {
  const head = `    <testcase classname="${escaped(suite)}" name="${escaped(check.check)}" time="${check.seconds.toFixed(1)}">`;
  const text = escaped([check.detail, ...(check.more ?? [])].join('\n'));
  switch (check.verdict) {
    case 'Failed':
    case 'Void':
      return `${head}\n      <failure type="${check.verdict}" message="${escaped(check.detail)}">${text}</failure>\n    </testcase>`;
    case 'Skipped':
      return `${head}\n      <skipped message="${escaped(check.detail)}"/>\n    </testcase>`;
    case 'Passed':
      return `${head}\n      <system-out>${text}</system-out>\n    </testcase>`;
  }
}
