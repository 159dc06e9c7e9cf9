import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { Workload } from '../../drain/model/workload.ts';
import { CliError, EXIT_FINDINGS, EXIT_OK, FlagValues, UsageError, type Invocation } from '../command.ts';
import { FACT_FLAGS, INPUT_FLAGS, inputPaths, policyFiles, statedBy } from '../facts/flags.ts';
import { judge, type JudgeContext } from '../facts/judge.ts';
import { factsOf } from '../facts/mesh.ts';
import { collect } from '../input/collect.ts';
import { readDocuments, type InputDocument } from '../input/documents.ts';
import { problemText } from '../input/problems.ts';
import { listSources, readSource } from '../input/sources.ts';
import { escaped } from '../output/junit.ts';
import { styleFor, type Style } from '../output/style.ts';
import { count } from '../output/text.ts';
import { differencesOf, type Difference } from './check.ts';
import { readTestFile, TEST_API_VERSION, TEST_KIND, type TestCase, type TestFile } from './file.ts';

interface CaseResult {
  readonly file: string;
  readonly suite: string;
  readonly test: TestCase;
  readonly differences: readonly Difference[];
}

export async function runTest({ flags, io, positionals }: Invocation): Promise<number> {
  const paths = inputPaths({ flags, positionals });
  if (paths.length === 0) {
    throw new UsageError('no test files: give files or folders');
  }
  const files = findTests(paths);
  const wanted = flags.string('run');
  const results: CaseResult[] = [];
  for (const file of files) {
    results.push(...(await runFile(file, wanted, policyFiles(flags), io)));
  }
  if (results.length === 0) {
    throw new CliError(
      wanted === undefined ? `no ${TEST_KIND} among the files` : `no case has a name with "${wanted}" in it`,
    );
  }
  const failed = results.filter((result) => result.differences.length > 0);
  const output = flags.string('output') ?? 'text';
  io.stdout.write(
    output === 'json' ? toJson(results) : output === 'junit' ? toJunit(results) : toText(results, styleFor(io)),
  );
  return failed.length > 0 ? EXIT_FINDINGS : EXIT_OK;
}

function findTests(paths: readonly string[]): TestFile[] {
  const documents: InputDocument[] = [];
  for (const { path } of listSources(paths)) {
    const read = readSource(path);
    if (!read.ok) {
      throw new CliError(problemText(read.problem));
    }
    readDocuments(read.text, path, {
      wants: (kind) => kind === TEST_KIND,
      document: (document) => {
        documents.push(document);
      },
      other: () => undefined,
      // A test that cannot be read must not look like one that passed.
      problem: (problem) => {
        throw new CliError(problemText(problem));
      },
    });
  }
  return documents.map((document) => {
    if (document.apiVersion !== TEST_API_VERSION) {
      throw new CliError(
        `${document.file}:${document.line}: ${TEST_KIND} has apiVersion ${document.apiVersion}, and ${TEST_API_VERSION} is known`,
      );
    }
    return readTestFile(document);
  });
}

async function runFile(
  file: TestFile,
  wanted: string | undefined,
  policies: readonly string[],
  io: Invocation['io'],
): Promise<CaseResult[]> {
  const flags = [...INPUT_FLAGS, ...FACT_FLAGS];
  const values = new Map(
    Object.entries(file.facts).map(([flag, value]) => [flag, typeof value === 'string' ? [value] : value]),
  );
  const stated = statedBy(new FlagValues(flags, values));
  const folder = dirname(file.file);
  const collected = await collect({
    paths: [...policies, ...[...file.policies, ...file.manifests].map((path) => join(folder, path))],
    stdin: Readable.from([]),
    namespace: values.get('namespace')?.[0] ?? 'default',
  });
  for (const problem of collected.problems) {
    io.stderr.write(`${problemText(problem)}\n`);
  }
  const context: JudgeContext = {
    facts: factsOf(collected, stated, { complete: false }),
    stated,
    policies: collected.policies.map((policy) => policy.record),
    exemptions: collected.exemptions,
    now: Date.now() / 1000,
  };
  return file.cases
    .filter((test) => wanted === undefined || test.name.includes(wanted))
    .map((test) => ({
      file: file.file,
      suite: file.name,
      test,
      differences: runCase(test, collected.workloads, context),
    }));
}

function runCase(test: TestCase, workloads: readonly Workload[], context: JudgeContext): readonly Difference[] {
  const { kind, namespace, name } = test.workload;
  const found = workloads.filter(
    (workload) =>
      workload.kind === kind && workload.name === name && (namespace === undefined || workload.namespace === namespace),
  );
  const [workload, second] = found;
  if (workload === undefined) {
    return [
      {
        what: 'workload',
        expected: [kind, namespace, name].filter((part) => part !== undefined).join('/'),
        got: 'not among the manifests',
      },
    ];
  }
  if (second !== undefined) {
    const places = found.map((one) => `${one.source?.file ?? ''}:${one.source?.line ?? 0}`);
    return [{ what: 'workload', expected: 'one workload', got: `${found.length}: ${places.join(', ')}` }];
  }
  return differencesOf(test.expect, judge(workload, context));
}

function toText(results: readonly CaseResult[], style: Style): string {
  const out: string[] = [];
  for (const { file, suite, test, differences } of results) {
    const failed = differences.length > 0;
    out.push(
      `${failed ? style.red('FAIL') : style.green('ok  ')} ${suite}: ${test.name}${failed ? style.dim(`  ${file}:${test.line}`) : ''}`,
    );
    for (const { what, expected, got } of differences) {
      out.push(`       ${what}`, ...indented('expected', expected), ...indented('got', got));
    }
  }
  const failed = results.filter((result) => result.differences.length > 0).length;
  out.push('', `${count(results.length, 'case')}: ${results.length - failed} as expected, ${failed} not`);
  return `${out.join('\n')}\n`;
}

function indented(label: string, text: string): string[] {
  const [first = '', ...rest] = text.trimEnd().split('\n');
  return [`         ${label.padEnd(8)} ${first}`, ...rest.map((line) => `                  ${line}`)];
}

function toJson(results: readonly CaseResult[]): string {
  return `${JSON.stringify(
    {
      schema: 'sidecardrain.io/test/v1',
      cases: results.map(({ file, suite, test, differences }) => ({
        suite,
        name: test.name,
        file,
        line: test.line,
        workload: test.workload,
        ok: differences.length === 0,
        differences,
      })),
    },
    null,
    2,
  )}\n`;
}

function toJunit(results: readonly CaseResult[]): string {
  const suites = new Map<string, CaseResult[]>();
  for (const result of results) {
    suites.set(result.suite, [...(suites.get(result.suite) ?? []), result]);
  }
  const xml = [...suites].map(([suite, cases]) => {
    const failures = cases.filter((one) => one.differences.length > 0).length;
    const lines = cases.map(({ file, test, differences }) => {
      const head = `    <testcase classname="${escaped(suite)}" name="${escaped(test.name)}"`;
      const text = differences.map(({ what, expected, got }) => `${what}: expected ${expected}, got ${got}`).join('\n');
      return differences.length === 0
        ? `${head}/>`
        : `${head}>\n      <failure message="${escaped(`${file}:${test.line}`)}">${escaped(text)}</failure>\n    </testcase>`;
    });
    return `  <testsuite name="${escaped(suite)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="0">\n${lines.join('\n')}\n  </testsuite>`;
  });
  const failures = results.filter((result) => result.differences.length > 0).length;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="sidecar-drain test" tests="${results.length}" failures="${failures}" errors="0">\n${xml.join('\n')}\n</testsuites>\n`;
}
