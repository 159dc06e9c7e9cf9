// Makes the one entry, dist/main.js: everything in one file, because importing the Kubernetes client from
// node_modules costs three times the start-up time and twice the memory of a bundle.
import { build } from 'esbuild';
import { chmod, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleOptions } from './bundle-options.mjs';
import { bundledPackages, licenceTexts } from './third-party.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { metafile } = await build({ ...bundleOptions, absWorkingDir: root, metafile: true });
await chmod('dist/main.js', 0o755);
await writeFile('dist/THIRD-PARTY-LICENSES.txt', licenceTexts(await bundledPackages(metafile, root)));
