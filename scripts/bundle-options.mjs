// How src/ becomes one file: shared by the build and by the report of the licences in it.
import { readFile } from 'node:fs/promises';

/** Every script runs in the root of the project. */
const { version } = JSON.parse(await readFile('package.json', 'utf8'));

// Of the Kubernetes client only the reading of kubeconfigs and its authentication are used. Its package does not say that
// its modules are free of side effects, so without this the bundle would carry sixteen megabytes of generated models.
/** @type {import('esbuild').Plugin} */
const withoutUnusedModels = {
  name: 'without-unused-models',
  setup(build) {
    build.onResolve({ filter: /./ }, async (args) => {
      if (args.pluginData === 'seen' || !args.importer.includes('/@kubernetes/client-node/')) {
        return undefined;
      }
      const found = await build.resolve(args.path, {
        importer: args.importer,
        resolveDir: args.resolveDir,
        kind: args.kind,
        pluginData: 'seen',
      });
      return found.path.includes('/@kubernetes/client-node/') ? { ...found, sideEffects: false } : undefined;
    });
  },
};

/** @type {import('esbuild').BuildOptions & {metafile?: true}} */
export const bundleOptions = {
  entryPoints: ['src/main.ts'],
  outfile: 'dist/main.js',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  legalComments: 'linked',
  // Without spaces and comments, but with names, so that stack traces can be read. V8 keeps the whole source in memory, and
  // at two bytes a character as soon as a single one is outside Latin-1, which only comments have.
  minifyWhitespace: true,
  minifySyntax: true,
  define: { __VERSION__: JSON.stringify(version) },
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
  plugins: [withoutUnusedModels],
};
