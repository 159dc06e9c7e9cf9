// make e2e-image: an image with Node.js and the two programs in /e2e, for clusters that cannot mount them or get no other
// image. Where Docker is not there the folder is what any other builder needs.
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../test/support/control-plane/paths.ts';
import { bundlePrograms } from './programs/bundle.ts';

const root = projectRoot();
const folder = join(root, 'out', 'e2e-image');
const image = process.env.E2E_IMAGE ?? 'sidecar-drain-e2e:latest';
const base = process.env.E2E_BASE_IMAGE ?? 'docker.io/library/node:24-bookworm-slim';

await mkdir(folder, { recursive: true });
for (const [name, text] of Object.entries(await bundlePrograms(root))) {
  await writeFile(join(folder, `${name}.mjs`), text);
}
await writeFile(join(folder, 'Dockerfile'), `FROM ${base}\nCOPY server.mjs load.mjs /e2e/\nUSER 1000\n`);
const built = spawnSync('docker', ['build', '-t', image, folder], { stdio: 'inherit' });
if (built.status === 0) {
  console.log(
    `built ${image}. Bring it to the nodes, then: E2E_IMAGE=${image} E2E_IMAGE_PULL_POLICY=Never E2E_PROGRAMS=image make e2e`,
  );
} else {
  console.error(`docker could not build ${image}; everything that a builder needs is in ${folder}`);
}
process.exit(built.status === 0 ? 0 : 2);
