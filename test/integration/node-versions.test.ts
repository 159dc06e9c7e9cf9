// The bundle as the image runs it, under every supported release of Node.js: as user 65532 (where the tests run as root and
// may choose) and without the right to write any file, which Node's permission model refuses like a read-only root.
import { execFile } from 'node:child_process';
import { chmod, copyFile, link, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type ControlPlane, startControlPlane } from '../support/cluster.ts';
import { projectRoot } from '../support/control-plane/index.ts';
import { converge, CONVERGED, type DeployedOptions } from '../support/deployed.ts';
import { installMesh } from '../support/mesh.ts';
import { nodeProgram, NODE_VERSIONS } from '../support/node-versions.ts';

jest.setTimeout(300_000);

const run = promisify(execFile);
const namespace = 'sidecar-drain-system';
const root = process.getuid?.() === 0;
const user = root ? { uid: 65532, gid: 65532 } : {};
let plane: ControlPlane;
let folder: string;

interface Program {
  readonly program: string;
  readonly flags: readonly string[];
}

/** The program in a folder that the other user can read. */
async function prepared(version: string): Promise<Program> {
  const program = join(folder, `node-${version}`);
  const source = await nodeProgram(version);
  await link(source, program).catch(async () => {
    await copyFile(source, program);
  });
  await chmod(program, 0o755);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const stable = major > 22 || (major === 22 && minor >= 13);
  return {
    program,
    flags: [
      stable ? '--permission' : '--experimental-permission',
      '--allow-fs-read=*',
      ...(major >= 25 ? ['--allow-net'] : []),
    ],
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-drain-node-'));
  await chmod(folder, 0o755);
  for (const file of ['dist/main.js', 'package.json']) {
    const copy = join(folder, file.split('/').at(-1) ?? file);
    await copyFile(join(projectRoot(), file), copy);
    await chmod(copy, 0o644);
  }
  plane = await startControlPlane({ audit: false });
  await installMesh(plane, { nativeSidecars: 'false' });
  await plane.kubectlOk(['apply', '-k', join(projectRoot(), 'config/default')]);
  await plane.waitFor(
    `/apis/apps/v1/namespaces/${namespace}/deployments/sidecar-drain-operator`,
    (object) => (object.status as { availableReplicas?: number } | undefined)?.availableReplicas === 1,
  );
});
afterAll(async () => {
  await plane?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe.each(NODE_VERSIONS)('under Node.js %s', (version) => {
  let node: Program;
  beforeAll(async () => {
    node = await prepared(version);
  });

  it('the program says its version and judges a file', async () => {
    const manifest = join(folder, `${version}.yaml`);
    await copyFile(join(projectRoot(), 'config/manager/manager.yaml'), manifest);
    await chmod(manifest, 0o644);
    const main = join(folder, 'main.js');

    const said = await run(node.program, [...node.flags, main, 'version'], user);
    const linted = await run(node.program, [...node.flags, main, 'lint', '-f', manifest, '--output', 'json'], user);

    const { version: ours } = JSON.parse(await readFile(join(projectRoot(), 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(said.stdout).toContain(ours);
    expect(JSON.parse(linted.stdout)).toMatchObject({ summary: { workloads: 1 } });
  });

  it('may not write a file', async () => {
    const attempt = run(
      node.program,
      [...node.flags, '-e', `require('fs').writeFileSync('${join(folder, 'x')}', '')`],
      user,
    );

    await expect(attempt).rejects.toThrow(/ERR_ACCESS_DENIED/);
  });

  it('the operator keeps a policy', async () => {
    const kubeconfig = join(folder, `kubeconfig-${version}`);
    await copyFile(await plane.kubeconfigFor({ namespace, name: 'sidecar-drain-operator' }), kubeconfig);
    await chmod(kubeconfig, 0o644);
    const options: DeployedOptions = {
      node,
      entry: join(folder, 'main.js'),
      kubeconfig,
      ...(root ? { user: 65532 } : {}),
    };

    expect(await converge(plane, namespace, options)).toEqual(CONVERGED);
  });
});
