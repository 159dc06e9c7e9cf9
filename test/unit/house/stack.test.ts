import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from '@jest/globals';
import { readableStack } from '../../../src/stack.ts';

describe('the stack of a crash', () => {
  it('names the file and line of the source, where a map stands beside the bundle', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stack-'));
    const bundle = join(folder, 'main.js');
    try {
      writeFileSync(
        join(folder, 'fault.ts'),
        '// one\n// two\nexport function fail(): never {\n  throw new Error("no");\n}\n',
      );
      writeFileSync(join(folder, 'entry.ts'), 'export { fail } from "./fault.ts";\n');
      await build({
        entryPoints: [join(folder, 'entry.ts')],
        outfile: bundle,
        bundle: true,
        format: 'esm',
        sourcemap: true,
        minifyWhitespace: true,
      });
      const error = new Error('no');
      // The place of the throw in the bundle, as Node.js would write it.
      const column = 'function fail(){'.length + 1;
      error.stack = `Error: no\n    at fail (file://${bundle}:1:${column})`;

      expect(readableStack(error, bundle)).toMatch(/at fail \(fault\.ts:4:3\)/);
      expect(readableStack(error, join(folder, 'other.js'))).toBe(error.stack);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
