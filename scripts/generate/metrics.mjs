// docs/reference/metrics.md from the metrics that the program registers.
import { printedBy } from './typescript.mjs';

export const metricsPage = {
  name: 'metrics',
  async outputs() {
    return new Map(Object.entries(await printedBy('scripts/generate/metrics-document.ts')));
  },
};
