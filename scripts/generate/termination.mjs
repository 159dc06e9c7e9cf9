// docs/images/termination/*.svg, drawn by `explain` from docs/examples/termination/*.yaml, and docs/reference/findings.md
// from src/api/reasons.ts.
import { printedBy } from './typescript.mjs';

export const termination = {
  name: 'termination',
  async outputs() {
    return new Map(Object.entries(await printedBy('scripts/generate/termination-documents.ts')));
  },
};
