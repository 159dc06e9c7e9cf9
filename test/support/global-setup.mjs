// Jest loads this file as plain ESM, without its transforms; so the TypeScript is bundled here first.
import { build } from 'esbuild';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { scriptOptions } from '../../scripts/script-options.mjs';

/** What is kept from setup to teardown. */
const shared = /** @type {{sharedControlPlane?: import('./control-plane/index.ts').ControlPlane}} */ (
  /** @type {unknown} */ (globalThis)
);

export default async function globalSetup() {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const folder = join(root, '.cache', 'run-ts');
  await mkdir(folder, { recursive: true });
  const outfile = join(folder, `global-setup-${process.pid}.mjs`);
  await build({ ...scriptOptions, entryPoints: [join(root, 'test/support/control-plane/index.ts')], outfile });
  try {
    const { startControlPlane } = await import(pathToFileURL(outfile).href);
    shared.sharedControlPlane = await startControlPlane();
  } finally {
    await rm(outfile, { force: true });
  }
  // Test files run in workers that are forked after this, and inherit it.
  process.env.SIDECAR_DRAIN_TEST_CLUSTER = JSON.stringify(shared.sharedControlPlane?.connection);
}
