import { writeFileSync } from 'node:fs';
import type { Severity } from '../../api/reasons.ts';
import { CliError, EXIT_FINDINGS, EXIT_OK, UsageError, type Invocation } from '../command.ts';
import { policyFiles } from '../facts/flags.ts';
import { judge } from '../facts/judge.ts';
import { load, reportProblems, requireWorkloads, type Loaded } from '../facts/load.ts';
import { styleFor } from '../output/style.ts';
import { atLeast, counts, docsOf, type LintReport } from '../output/report.ts';
import { lintText, summaryLine } from '../output/text.ts';
import { readBaseline, writeBaseline } from './baseline.ts';
import type { LintOutput } from './command.ts';
import { makeReport } from './report.ts';

export async function runLint(invocation: Invocation): Promise<number> {
  const { flags, io } = invocation;
  const loaded = await observedIfAsked(
    await load(invocation, { alsoFiles: policyFiles(flags), positionalFiles: true }),
    invocation,
  );
  reportProblems(loaded, invocation);
  if (!flags.boolean('allow-empty')) {
    requireWorkloads(loaded);
  }
  const baselineFile = flags.string('baseline');
  const baseline = baselineFile === undefined ? undefined : readBaseline(baselineFile);
  const report = withLinks(makeReport(loaded, baseline), findingsUrl(invocation));
  const writeTo = flags.string('write-baseline');
  if (writeTo !== undefined) {
    writeBaseline(writeTo, report);
    io.stderr.write(`wrote ${report.findings.length} findings to ${writeTo}\n`);
    return EXIT_OK;
  }
  const failOn = (flags.string('fail-on') ?? 'error') as Severity;
  await print(report, loaded, invocation);
  const failed = report.findings.some((finding) => counts(finding) && atLeast(finding.severity, failOn));
  return failed || (flags.boolean('strict') && report.problems.length > 0) ? EXIT_FINDINGS : EXIT_OK;
}

/** @returns the address without a trailing `#`, or undefined where none is given */
function findingsUrl({ flags, io }: Invocation): string | undefined {
  const given = flags.string('findings-url') ?? io.env['SIDECAR_DRAIN_FINDINGS_URL'];
  if (given === undefined || given === '') {
    return undefined;
  }
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol)) {
    throw new UsageError(
      `--findings-url ${given}: write an http or https address, such as https://git.example.com/docs/findings.md`,
    );
  }
  url.hash = '';
  return url.href;
}

function withLinks(report: LintReport, url: string | undefined): LintReport {
  if (url === undefined) {
    return report;
  }
  return {
    ...report,
    findingsUrl: url,
    findings: report.findings.map((finding) => ({ ...finding, docs: docsOf(finding.code, url) })),
  };
}

async function observedIfAsked(loaded: Loaded, invocation: Invocation): Promise<Loaded> {
  if (!invocation.flags.has('prometheus')) {
    return loaded;
  }
  const { withObservedLengths } = await import('../prometheus/observe.ts');
  return withObservedLengths(loaded, invocation);
}

async function print(report: LintReport, loaded: Loaded, { flags, io }: Invocation): Promise<void> {
  const format = (flags.string('output') ?? 'text') as LintOutput;
  const file = flags.string('output-file');
  const output =
    format === 'text'
      ? lintText(report, styleFor(file === undefined ? io : undefined), flags.boolean('quiet'))
      : await render(format, report, loaded);
  if (file === undefined) {
    io.stdout.write(output);
    return;
  }
  try {
    writeFileSync(file, output);
  } catch (error) {
    throw new CliError(`--output-file ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  io.stderr.write(`${summaryLine(report.summary)}; written to ${file}\n`);
}

async function render(format: Exclude<LintOutput, 'text'>, report: LintReport, loaded: Loaded): Promise<string> {
  switch (format) {
    case 'json': {
      const { lintJson } = await import('../output/json.ts');
      return lintJson(report);
    }
    case 'sarif': {
      const { lintSarif } = await import('../output/sarif.ts');
      return lintSarif(report);
    }
    case 'junit': {
      const { lintJunit } = await import('../output/junit.ts');
      return lintJunit(report);
    }
    case 'html': {
      const { lintHtml } = await import('../output/html/page.ts');
      return lintHtml(
        report,
        loaded.collected.workloads.map((workload) => judge(workload, loaded.context)),
      );
    }
  }
}
