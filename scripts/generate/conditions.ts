// docs/reference/conditions.md from the lists of conditions' and Events' reasons.
import type { Generator } from './types.ts';
import { printedBy } from './typescript.ts';

export const conditionsPage: Generator = {
  name: 'conditions',
  async outputs() {
    return new Map(Object.entries(await printedBy<Record<string, string>>('scripts/generate/conditions-document.ts')));
  },
};
