// docs/reference/licences.md: the packages in the bundle and their licences.
import { build } from 'esbuild';
import { bundleOptions } from '../bundle-options.mjs';
import { bundledPackages } from '../third-party.mjs';
import { root } from './root.ts';
import type { Generator } from './types.ts';

export const licences: Generator = {
  name: 'licences',
  async outputs() {
    const { metafile } = await build({ ...bundleOptions, absWorkingDir: root, metafile: true, write: false });
    const packages = await bundledPackages(metafile, root);
    const rows = packages.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`);
    return new Map([
      [
        'docs/reference/licences.md',
        `# Licences

<!-- Generated from the bundle (npm run generate). -->

sidecar-drain-operator is licensed under Apache-2.0. Its one file, \`dist/main.js\`, contains code of these ${packages.length} packages. Their
texts stand beside it, in \`dist/THIRD-PARTY-LICENSES.txt\`, in the image as well. A package with a licence that is not known to
be compatible breaks the build.

| package | version | licence |
|---|---|---|
${rows.join('\n')}
`,
      ],
    ]);
  },
};
