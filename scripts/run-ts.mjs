// Runs a TypeScript file of this project: bundles it into a temporary file beside node_modules, then runs that.
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scriptOptions } from './script-options.mjs';

const [entry, ...rest] = process.argv.slice(2);
if (entry === undefined) {
  console.error('usage: node scripts/run-ts.mjs FILE.ts [ARG ...]');
  process.exit(2);
}
const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const folder = join(root, '.cache', 'run-ts');
await mkdir(folder, { recursive: true });
const outfile = join(folder, `${basename(entry, '.ts')}-${process.pid}.mjs`);
await build({
  ...scriptOptions,
  entryPoints: [entry],
  outfile,
  sourcemap: 'inline',
  define: { __VERSION__: JSON.stringify(version) },
});
const child = spawn(
  process.execPath,
  ['--enable-source-maps', ...(process.env.RUN_TS_NODE_FLAGS?.split(' ') ?? []), outfile, ...rest],
  { stdio: 'inherit' },
);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => child.kill(signal));
}
child.on('exit', (code, signal) => {
  rmSync(outfile, { force: true });
  process.exit(signal === null ? code : 130);
});
