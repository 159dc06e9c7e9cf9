// docs/reference/cli.md from the definitions of the commands.
import { printedBy } from './typescript.mjs';

export const cli = {
  name: 'cli',
  async outputs() {
    return new Map(Object.entries(await printedBy('scripts/generate/cli-document.ts')));
  },
};
