// How src/ becomes one file: shared by the build and by the report of the licences in it.
import { readFile } from 'node:fs/promises';

/** Every script runs in the root of the project. */
const { version } = JSON.parse(await readFile('package.json', 'utf8'));

// Of the Kubernetes client only the reading of kubeconfigs and its authentication are used. Of what is generated for every
// kind that reading names two things, in a method that nothing calls; the modules they are from do without the models, which
// are a sixth of the program and nine tenths of the time to build it. A release that names more fails the build, and so does one
// that brings them in another way.
/** @type {import('esbuild').Plugin} */
const withoutUnusedModels = {
  name: 'without-unused-models',
  setup(build) {
    const namespace = 'client-configuration';
    build.onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer, resolveDir }) =>
      /[/\\]@kubernetes[/\\]client-node[/\\]dist[/\\]config\.js$/.test(importer)
        ? { path: 'gen/index.js', namespace, pluginData: resolveDir }
        : undefined,
    );
    build.onLoad({ filter: /./, namespace }, ({ pluginData }) => ({
      resolveDir: pluginData,
      contents: `
        export { createConfiguration } from './gen/configuration.js';
        export { ServerConfiguration } from './gen/servers.js';`,
    }));
    build.onLoad({ filter: /[/\\]client-node[/\\]dist[/\\]gen[/\\]models[/\\]/ }, ({ path }) => ({
      errors: [{ text: `${path} is one of the generated models, which the program does not need` }],
    }));
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
