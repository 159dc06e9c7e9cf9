// docs/images/termination/*.svg, drawn by `explain` from docs/examples/termination/*.yaml, and docs/reference/findings.md
// from src/api/reasons.ts.
import type { Generator } from './types.ts';
import { printedBy } from './typescript.ts';

export const termination: Generator = {
  name: 'termination',
  async outputs() {
    return new Map(
      Object.entries(await printedBy<Record<string, string>>('scripts/generate/termination-documents.ts')),
    );
  },
};
