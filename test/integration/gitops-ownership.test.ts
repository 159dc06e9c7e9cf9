// Whose a field is, as the tools really write managedFields: kubectl and Helm are the real programs; Argo CD, Flux and Ansible
// write as their simulators do (test/support/gitops.ts). What a tool declares is its own, and the conflict carries the edit
// for its repository; what it does not declare is enforced, also after the tool's next deploy.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { runProgram } from '../support/cli.ts';
import { findBinaries } from '../support/control-plane/index.ts';
import { GitOpsTool, type ToolOptions } from '../support/gitops.ts';
import { deployment, fixed, startScene, type PolicyObject, type Scene } from '../support/scene.ts';

// Where helm is not in the cache yet, it is built first.
jest.setTimeout(600_000);

const CONFIG = 'proxy.istio.io/config';
const GRACE_PATH = 'spec.template.spec.terminationGracePeriodSeconds';
const CONFIG_PATH = `spec.template.metadata.annotations["${CONFIG}"]`;

/** What stands in the repository: nothing of ours, a short grace period, or proxy settings of their own. */
type Declares = 'nothing' | 'grace' | 'config';
const DECLARES: readonly Declares[] = ['nothing', 'grace', 'config'];

interface Tool {
  readonly tool: string;
  /** The manager that the conflict has to name. */
  readonly owner: string;
  readonly deploy: (manifest: Manifest) => Promise<unknown>;
}

interface Manifest {
  readonly metadata: { readonly namespace: string; readonly name: string };
}

let scene: Scene;
let programs: { helm: string; helm4: string };
beforeAll(async () => {
  [programs, scene] = await Promise.all([
    findBinaries(['helm', 'helm4']),
    startScene({ mesh: { nativeSidecars: 'false' } }),
  ]);
});
afterAll(async () => {
  await scene.stop();
});

function simulated(options: ToolOptions): Tool['deploy'] {
  return async (manifest) => {
    await new GitOpsTool(scene.cluster, options, manifest).sync();
  };
}

const tools: readonly Tool[] = [
  {
    tool: 'kubectl apply',
    owner: 'kubectl-client-side-apply',
    deploy: async (manifest) => await scene.cluster.kubectlApply(JSON.stringify(manifest)),
  },
  {
    tool: 'kubectl apply --server-side',
    owner: 'kubectl',
    deploy: async (manifest) =>
      await scene.cluster.kubectlOk(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(manifest) }),
  },
  { tool: 'Helm 3', owner: 'helm', deploy: async (manifest) => await helmUpgrade(programs.helm, manifest) },
  { tool: 'Helm 4', owner: 'helm', deploy: async (manifest) => await helmUpgrade(programs.helm4, manifest) },
  {
    tool: 'Argo CD',
    owner: 'argocd-controller',
    deploy: simulated({ manager: 'argocd-controller', how: 'ClientSideApply' }),
  },
  {
    tool: 'Argo CD with ServerSideApply',
    owner: 'argocd-controller',
    deploy: simulated({ manager: 'argocd-controller', how: 'ServerSideApply' }),
  },
  {
    tool: 'Flux Kustomization',
    owner: 'kustomize-controller',
    deploy: simulated({ manager: 'kustomize-controller', how: 'ServerSideApply' }),
  },
  {
    tool: 'Flux HelmRelease',
    owner: 'helm-controller',
    deploy: simulated({ manager: 'helm-controller', how: 'Update' }),
  },
  { tool: 'Ansible', owner: 'OpenAPI-Generator', deploy: simulated({ manager: 'OpenAPI-Generator', how: 'Update' }) },
];

/** A chart of one object, installed and upgraded by the real program. */
async function helmUpgrade(helm: string, manifest: Manifest, ...flags: string[]): Promise<void> {
  const { namespace, name } = manifest.metadata;
  const chart = join(scene.cluster.folder, `chart-${namespace}-${name}`);
  await mkdir(join(chart, 'templates'), { recursive: true });
  await writeFile(join(chart, 'Chart.yaml'), `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`);
  await writeFile(join(chart, 'templates', 'deployment.yaml'), JSON.stringify(manifest));
  await runHelm(helm, 'upgrade', '--install', name, chart, '--namespace', namespace, ...flags);
}

async function runHelm(helm: string, ...args: string[]): Promise<void> {
  await promisify(execFile)(helm, args, {
    env: { ...process.env, KUBECONFIG: scene.cluster.kubeconfigPath, HOME: scene.cluster.folder },
  });
}

function manifestOf(namespace: string, declares: Declares, image = 'registry.example/app:1'): Manifest {
  return deployment(namespace, declares, {
    containers: [{ name: 'app', image }],
    ...(declares === 'grace' ? { grace: 5 } : {}),
    ...(declares === 'config' ? { annotations: { [CONFIG]: '# the platform team\nconcurrency: 2\n' } } : {}),
  }) as Manifest;
}

interface PlannedJson {
  readonly workloads: readonly {
    readonly workload: { readonly name: string };
    readonly conflicts: readonly {
      readonly path: string;
      readonly owners: readonly string[];
      readonly wanted: string;
    }[];
  }[];
}

describe.each(tools)('$tool', ({ tool, owner, deploy }) => {
  const name = `by-${tool
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/-$/, '')}`;

  it('keeps what it declares, and is told the edit; what it does not declare is enforced, and stays so over its next deploy', async () => {
    const namespace = await scene.meshed('tool');
    await Promise.all(
      DECLARES.map(async (declares) => {
        await deploy(manifestOf(namespace, declares));
      }),
    );
    await scene.createPolicy(name, fixed(namespace));
    const isSettled = ({ workloads }: NonNullable<PolicyObject['status']>): boolean =>
      workloads?.compliant === 1 && workloads.conflicted === 2;
    const { status } = await scene.settled(name, isSettled);

    // The finding names field and owner, and says what to write there.
    expect(status?.attention).toEqual([
      expect.objectContaining({
        name: 'config',
        reason: 'FieldConflict',
        message: expect.stringContaining(
          `${CONFIG_PATH} is declared by ${owner}; it would have to be # the platform team\nconcurrency: 2\nterminationDrainDuration: 35s`,
        ),
      }),
      expect.objectContaining({
        name: 'grace',
        reason: 'FieldConflict',
        message: expect.stringContaining(`${GRACE_PATH} is declared by ${owner}; it would have to be 40`),
      }),
    ]);
    const { stdout } = await runProgram([
      'plan',
      '--cluster',
      '-n',
      namespace,
      '-o',
      'json',
      '--kubeconfig',
      scene.cluster.kubeconfigPath,
    ]);
    const conflicts = Object.fromEntries(
      (JSON.parse(stdout) as PlannedJson).workloads.map(({ workload, conflicts: found }) => [workload.name, found]),
    );
    expect(conflicts).toEqual({
      nothing: [],
      grace: [expect.objectContaining({ path: GRACE_PATH, owners: [owner], wanted: '40' })],
      config: [expect.objectContaining({ path: CONFIG_PATH, owners: [owner] })],
    });
    expect(parse(conflicts['config']?.[0]?.wanted ?? '')).toEqual({ concurrency: 2, terminationDrainDuration: '35s' });

    // The next deploy, with a new image: nothing of it concerns us, and nothing is undone.
    await Promise.all(
      DECLARES.map(async (declares) => {
        await scene.rolledOut(namespace, declares);
      }),
    );
    const mark = scene.mark();
    await Promise.all(
      DECLARES.map(async (declares) => {
        await deploy(manifestOf(namespace, declares, 'registry.example/app:2'));
      }),
    );
    await scene.rolledOut(namespace, 'nothing');
    await scene.settled(name, isSettled);
    const bare = await scene.workload(namespace, 'nothing');
    expect([
      bare.spec.template.spec.containers[0]?.image,
      bare.spec.template.spec.terminationGracePeriodSeconds,
    ]).toEqual(['registry.example/app:2', 40]);
    expect(scene.writes({ since: mark, namespace })).toEqual([]);

    // The edit is made in the repository: that ends the conflict, and the field stays theirs.
    await deploy(
      deployment(namespace, 'grace', {
        grace: 40,
        containers: [{ name: 'app', image: 'registry.example/app:2' }],
      }) as Manifest,
    );
    await scene.settled(name, ({ workloads }) => workloads?.compliant === 2 && workloads.conflicted === 1);
    await scene.deletePolicy(name);
    await scene.gone(name);
    expect((await scene.workload(namespace, 'grace')).spec.template.spec.terminationGracePeriodSeconds).toBe(40);
  });
});

it('a value of a chart that Helm 4 has applied and a policy has forced: upgrade and rollback fail until they insist, or the policy goes', async () => {
  const namespace = await scene.meshed('helm4');
  const [name, release] = ['helm4-forced', 'grace'];
  const upgrade = async (tag: number, ...flags: string[]): Promise<void> => {
    await helmUpgrade(programs.helm4, manifestOf(namespace, 'grace', `registry.example/app:${tag}`), ...flags);
  };
  const conflict = { message: expect.stringMatching(/conflict.*sidecar-drain-operator/s) };
  await upgrade(1);
  await scene.createPolicy(name, fixed(namespace, { conflicts: 'Force' }));
  await scene.compliant(name, 1);

  await expect(upgrade(2)).rejects.toMatchObject(conflict);
  await expect(runHelm(programs.helm4, 'rollback', release, '1', '--namespace', namespace)).rejects.toMatchObject(
    conflict,
  );
  expect((await scene.workload(namespace, release)).spec.template.spec.terminationGracePeriodSeconds).toBe(40);

  await scene.deletePolicy(name);
  await scene.gone(name);
  await upgrade(3);
  const { containers, terminationGracePeriodSeconds } = (await scene.workload(namespace, release)).spec.template.spec;
  expect([containers[0]?.image, terminationGracePeriodSeconds]).toEqual(['registry.example/app:3', 5]);
});

it("a value that client-side apply owned and a server-side apply by another manager prunes is nobody's, and enforced", async () => {
  const namespace = await scene.meshed('taken');
  const name = 'taken-over';
  await scene.cluster.kubectlApply(JSON.stringify(manifestOf(namespace, 'grace')));
  await scene.createPolicy(name, fixed(namespace));
  await scene.settled(name, ({ workloads }) => workloads?.conflicted === 1);

  const without = JSON.stringify(deployment(namespace, 'grace'));
  await scene.cluster.kubectlOk(['apply', '--server-side', '--force-conflicts', '--field-manager=team', '-f', '-'], {
    input: without,
  });
  await scene.compliant(name, 1);

  expect((await scene.workload(namespace, 'grace')).spec.template.spec.terminationGracePeriodSeconds).toBe(40);
  await scene.deletePolicy(name);
  await scene.gone(name);
  expect((await scene.workload(namespace, 'grace')).spec.template.spec.terminationGracePeriodSeconds).toBe(30);
});
