// Each tool as people run it, for one Deployment: deploy a manifest, and say whether it sees a difference to the live object.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { runProgram } from '../../support/cli.ts';
import { fixed, policy, type Scene } from '../../support/scene.ts';
import { piped } from './piped.ts';

export interface Outcome {
  readonly failed: string | undefined;
}

export interface Manifest {
  readonly metadata: { readonly namespace: string; readonly name: string };
}

export interface Tool {
  readonly name: string;
  readonly deploy: (scene: Scene, manifest: Manifest, ...flags: string[]) => Promise<Outcome>;
  /** Absent: it has no such question. */
  readonly differs?: (scene: Scene, manifest: Manifest) => Promise<boolean>;
  /** What else stands in its manifests than what the cases say; it is played with this alone. */
  readonly adds?: string;
}

export function kubectl(name: string, ...args: string[]): Tool {
  const how = args.filter((arg) => arg.startsWith('--'));
  return {
    name,
    deploy: async ({ cluster }, manifest, ...flags) =>
      await attempt(cluster.kubectlOk([...args, ...flags, '-f', '-'], { input: JSON.stringify(manifest) })),
    differs: async ({ cluster }, manifest) => {
      const { code, stderr } = await cluster.kubectl(['diff', ...how, '-f', '-'], { input: JSON.stringify(manifest) });
      if (code > 1) {
        // A conflict is an answer too: it would change something.
        return wordsFor(stderr) !== undefined || fail(`kubectl diff: ${stderr}`);
      }
      return code === 1;
    },
  };
}

export function helm(name: string, program: string): Tool {
  return {
    name,
    deploy: async ({ cluster }, manifest, ...flags) => {
      const { namespace, name: release } = manifest.metadata;
      const chart = join(cluster.folder, `chart-${namespace}`);
      await mkdir(join(chart, 'templates'), { recursive: true });
      await writeFile(join(chart, 'Chart.yaml'), `apiVersion: v2\nname: ${release}\nversion: 1.0.0\n`);
      await writeFile(join(chart, 'templates', 'deployment.yaml'), JSON.stringify(manifest));
      return await attempt(
        promisify(execFile)(program, ['upgrade', '--install', release, chart, '--namespace', namespace, ...flags], {
          env: { ...process.env, KUBECONFIG: cluster.kubeconfigPath, HOME: cluster.folder },
        }),
      );
    },
  };
}

/** A base with the manifest, and an overlay with the component that `render -o kustomize` makes for the policy. */
export function kustomize(name: string, program: string): Tool {
  const built = async ({ cluster }: Scene, manifest: Manifest): Promise<string> => {
    const { namespace } = manifest.metadata;
    const root = join(cluster.folder, `tree-${namespace}`);
    const files = {
      'base/kustomization.yaml': 'resources: [deployment.yaml]\n',
      'base/deployment.yaml': JSON.stringify(manifest),
      'policy.yaml': JSON.stringify(policy(namespace, fixed(namespace))),
      'live/kustomization.yaml': 'resources: [../base]\ncomponents: [../drain]\n',
    };
    for (const folder of ['base', 'drain', 'live']) {
      await mkdir(join(root, folder), { recursive: true });
    }
    for (const [path, text] of Object.entries(files)) {
      await writeFile(join(root, path), text);
    }
    const inputs = ['-f', join(root, 'base/deployment.yaml'), '-p', join(root, 'policy.yaml')];
    const rendered = await runProgram([
      'render',
      ...inputs,
      '-o',
      'kustomize',
      '--cluster',
      '--kubeconfig',
      cluster.kubeconfigPath,
    ]);
    await writeFile(join(root, 'drain/kustomization.yaml'), rendered.stdout);
    return (await promisify(execFile)(program, ['build', join(root, 'live')])).stdout;
  };
  return {
    name,
    adds: 'our component (`render -o kustomize`)',
    deploy: async (scene, manifest, ...flags) =>
      await attempt(
        built(scene, manifest).then((input) => scene.cluster.kubectlOk(['apply', ...flags, '-f', '-'], { input })),
      ),
    differs: async (scene, manifest) =>
      (await scene.cluster.kubectl(['diff', '-f', '-'], { input: await built(scene, manifest) })).code === 1,
  };
}

export function flux(name: string, program: string, ...flags: string[]): Tool {
  const apply = async ({ cluster }: Scene, manifest: Manifest): Promise<string> =>
    await piped(program, flags, JSON.stringify(manifest), { KUBECONFIG: cluster.kubeconfigPath });
  return {
    name,
    deploy: async (scene, manifest) => await attempt(apply(scene, manifest)),
    // It compares by a dry run before each apply, and says so where it has left the object alone.
    differs: async (scene, manifest) => (await apply(scene, manifest)).trim() !== 'unchanged',
  };
}

export function argo(name: string, program: string, ...flags: string[]): Tool {
  const run = async ({ cluster }: Scene, manifest: Manifest, more: string[]): Promise<ArgoReport> =>
    JSON.parse(
      await piped(program, [...flags, ...more], JSON.stringify(manifest), { KUBECONFIG: cluster.kubeconfigPath }),
    ) as ArgoReport;
  return {
    name,
    deploy: async (scene, manifest) =>
      await attempt(
        run(scene, manifest, []).then(({ phase, message }) =>
          phase === 'Failed' || phase === 'Error' ? fail(message ?? '') : undefined,
        ),
      ),
    differs: async (scene, manifest) => (await run(scene, manifest, ['-compare'])).outOfSync,
  };
}

interface ArgoReport {
  readonly outOfSync: boolean;
  readonly phase?: string;
  readonly message?: string;
}

/** `program` is Ansible's `ansible`, with kubernetes.core beside it. */
export function ansible(name: string, program: string): Tool {
  const run = async ({ cluster }: Scene, manifest: Manifest, flags: readonly string[]): Promise<string> => {
    const parameters = JSON.stringify({ state: 'present', kubeconfig: cluster.kubeconfigPath, definition: manifest });
    const { stdout } = await promisify(execFile)(
      program,
      ['localhost', '-i', 'localhost,', '-c', 'local', '-m', 'kubernetes.core.k8s', '-a', parameters, ...flags],
      {
        maxBuffer: 64 * 1024 * 1024,
        env: {
          ...process.env,
          HOME: cluster.folder,
          ANSIBLE_PYTHON_INTERPRETER: join(dirname(program), 'python3'),
          ANSIBLE_LOCALHOST_WARNING: 'False',
        },
      },
    );
    return stdout;
  };
  return {
    name,
    deploy: async (scene, manifest) => await attempt(run(scene, manifest, [])),
    differs: async (scene, manifest) => (await run(scene, manifest, ['--check'])).includes('"changed": true'),
  };
}

const WORDS: readonly (readonly [RegExp, string])[] = [[/conflict/i, 'a conflict with `sidecar-drain-operator`']];

function wordsFor(text: string): string | undefined {
  return WORDS.find(([pattern]) => pattern.test(text) && text.includes('sidecar-drain-operator'))?.[1];
}

function fail(message: string): never {
  throw new Error(message);
}

async function attempt(run: Promise<unknown>): Promise<Outcome> {
  try {
    await run;
    return { failed: undefined };
  } catch (error) {
    const text = (error as Error).message;
    return { failed: wordsFor(text) ?? text.replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 160) };
  }
}
