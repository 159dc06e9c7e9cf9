import { readFileSync, writeFileSync } from 'node:fs';
import { CliError } from '../command.ts';
import { fingerprint, type LintReport } from '../output/report.ts';

const VERSION = 1;

/**
 * Findings that are known and accepted. A finding is the same as long as its code, workload and field are: neither
 * lines nor numbers are in it, so that a baseline outlives edits.
 */
export function writeBaseline(file: string, report: LintReport): void {
  const fingerprints = [
    ...new Set(report.findings.filter((finding) => finding.exempt === undefined).map(fingerprint)),
  ].sort();
  try {
    writeFileSync(file, `${JSON.stringify({ version: VERSION, findings: fingerprints }, null, 2)}\n`);
  } catch (error) {
    throw new CliError(`--write-baseline ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function readBaseline(file: string): ReadonlySet<string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CliError(`--baseline ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { version, findings } = (parsed ?? {}) as { version?: unknown; findings?: unknown };
  if (version !== VERSION || !Array.isArray(findings)) {
    throw new CliError(`--baseline ${file}: is not a baseline of this version; write it again with --write-baseline`);
  }
  return new Set(findings.filter((each) => typeof each === 'string'));
}
