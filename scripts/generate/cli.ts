// docs/reference/cli.md from the definitions of the commands.
import type { Generator } from './types.ts';
import { printedBy } from './typescript.ts';

export const cli: Generator = {
  name: 'cli',
  async outputs() {
    return new Map(Object.entries(await printedBy<Record<string, string>>('scripts/generate/cli-document.ts')));
  },
};
