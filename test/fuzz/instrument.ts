import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, transform, type Plugin } from 'esbuild';
import { createInstrumenter } from 'istanbul-lib-instrument';
import { scriptOptions } from '../../scripts/script-options.mjs';
import { COVERAGE_VARIABLE } from './coverage.ts';

/** Lets the program count how often each of its statements and branches runs. */
export async function instrument(code: string, file: string): Promise<string> {
  const plain = await transform(code, { loader: file.endsWith('.ts') ? 'ts' : 'js', target: 'node20' });
  return createInstrumenter({
    esModules: true,
    coverageVariable: COVERAGE_VARIABLE,
    coverageGlobalScope: 'globalThis',
    coverageGlobalScopeFunc: false,
    compact: false,
  }).instrumentSync(plain.code, file);
}

/** Bundles an entry with everything that reads what others write counting. */
export async function bundleInstrumented(root: string, entry: string, outfile: string): Promise<void> {
  const counting: Plugin = {
    name: 'counting',
    setup(pluginBuild) {
      pluginBuild.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (!path.startsWith(join(root, 'src')) || path.endsWith('.gen.ts')) {
          return undefined;
        }
        return { contents: await instrument(await readFile(path, 'utf8'), path), loader: 'js' };
      });
    },
  };
  await build({
    ...scriptOptions,
    entryPoints: [join(root, entry)],
    outfile,
    define: { __VERSION__: '"fuzz"' },
    plugins: [counting],
  });
}
