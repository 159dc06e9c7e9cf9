import { PRODUCT_VERSION } from '../version/product.ts';
import type { LintReport } from './report.ts';

/** Raised only when a reader of the old form would be wrong; new members may come at any time. */
export const LINT_SCHEMA_VERSION = 'sidecardrain.io/lint/v1';

/** docs/reference/lint-output.schema.json says what stands in it. */
export function lintJson(report: LintReport): string {
  return `${JSON.stringify(
    {
      schema: LINT_SCHEMA_VERSION,
      version: PRODUCT_VERSION,
      notes: report.notes,
      summary: report.summary,
      findings: report.findings,
      problems: report.problems,
    },
    null,
    2,
  )}\n`;
}
