// How src/ becomes one file: shared by the build and by the report of the licences in it.
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Every script runs in the root of the project. */
const { version } = JSON.parse(await readFile('package.json', 'utf8'));

// Of the Kubernetes client only the reading of kubeconfigs and its authentication are used, so two of its modules are replaced.
// Of what is generated for every kind that reading names two things, in a method that nothing calls; the rest is a sixth of the
// program and nine tenths of the time to build it. Logins by OpenID Connect are read by us (src/kube/id-token.ts), and the
// client's own answers that it is for nobody.
const STAND_INS = new Map([
  [
    './gen/index.js',
    `
      export function createConfiguration() {
        throw new Error('clients of single kinds are not part of this program');
      }
      export class ServerConfiguration {}`,
  ],
  ['./oidc_auth.js', 'export class OpenIDConnectAuth { isAuthProvider() { return false; } }'],
]);

// A release that names more of them fails the build, and so does one that brings the generated models in another way.
/** @type {import('esbuild').Plugin} */
const onlyKubeconfigs = {
  name: 'only-kubeconfigs',
  setup(build) {
    const namespace = 'client-node-stand-in';
    build.onResolve({ filter: /^\.\// }, ({ importer, path }) =>
      STAND_INS.has(path) && /[/\\]@kubernetes[/\\]client-node[/\\]dist[/\\]config\.js$/.test(importer)
        ? { path, namespace }
        : undefined,
    );
    build.onLoad({ filter: /./, namespace }, ({ path }) => ({ contents: STAND_INS.get(path) }));
    build.onLoad({ filter: /[/\\]client-node[/\\]dist[/\\]gen[/\\]models[/\\]/ }, ({ path }) => ({
      errors: [{ text: `${path} is one of the generated models, which the program does not need` }],
    }));
  },
};

// Of undici only its pools are used, by us and by the Kubernetes client. Its index also evaluates a browser's fetch, caches,
// WebSockets and mocks, and with them Node.js's own. A release that moves one of these files fails the build, and so does
// an import of another name.
/** @type {import('esbuild').Plugin} */
const onlyPoolsOfUndici = {
  name: 'only-pools-of-undici',
  setup(build) {
    const namespace = 'undici-pools';
    build.onResolve({ filter: /^undici$/ }, ({ resolveDir, kind, pluginData }) =>
      pluginData === namespace
        ? undefined
        : build
            .resolve('undici', { resolveDir, kind, pluginData: namespace })
            .then(({ path, errors }) => ({ path: 'pools.js', namespace, pluginData: dirname(path), errors })),
    );
    build.onLoad({ filter: /./, namespace }, ({ pluginData }) => ({
      resolveDir: pluginData,
      contents: `
        import Dispatcher from './lib/dispatcher/dispatcher.js';
        import api from './lib/api/index.js';
        Object.assign(Dispatcher.prototype, api);
        export { default as Agent } from './lib/dispatcher/agent.js';
        export { default as Pool } from './lib/dispatcher/pool.js';
        export { default as ProxyAgent } from './lib/dispatcher/proxy-agent.js';`,
    }));
  },
};

// An import of node:http as an ES module reads each of its exports, and one of them, WebSocket, makes Node.js load its own
// fetch: 12 MB of memory (Node.js 24.21; findings/node-import-of-http-loads-fetch.sh). A require does not.
/** @type {import('esbuild').Plugin} */
const requiredHttp = {
  name: 'required-http',
  setup(build) {
    const namespace = 'required-http';
    build.onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
      kind === 'require-call' ? { path: 'node:http', external: true } : { path: 'node:http', namespace },
    );
    build.onLoad({ filter: /./, namespace }, ({ path }) => ({ contents: `module.exports = require('${path}');` }));
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
  plugins: [onlyKubeconfigs, onlyPoolsOfUndici, requiredHttp],
};
