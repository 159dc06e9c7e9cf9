// docs/reference/metrics.md from the metrics that the program registers.
import type { Generator } from './types.ts';
import { printedBy } from './typescript.ts';

export const metricsPage: Generator = {
  name: 'metrics',
  async outputs() {
    return new Map(Object.entries(await printedBy<Record<string, string>>('scripts/generate/metrics-document.ts')));
  },
};
