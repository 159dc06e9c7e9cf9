// A cluster of the suite's own, where Docker, kind and Helm are there: created, given Istio and the operator's image, and
// deleted again.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { E2eError, LackingError } from './cluster/api.ts';
import type { Options } from './plan/options.ts';

/** The image that is built of this source; it holds a Node.js, so that it runs the suite's own programs as well. */
const IMAGE = 'sidecar-drain-operator:e2e';
const NODE_IN_IMAGE = '/nodejs/bin/node';
const DISTROLESS_USER = 65532;

export interface KindCluster {
  /** The options of the run on it. */
  readonly options: Options;
  readonly kubeconfig: string;
  delete(): Promise<void>;
}

/** One sentence for each thing that is missing; empty where a cluster can be created. */
export async function missingTools(): Promise<string[]> {
  const missing: string[] = [];
  const docker = await output('docker', ['info', '--format', '{{.ServerVersion}}']);
  if (docker === undefined) {
    missing.push('Docker');
  } else if (docker.code !== 0) {
    missing.push('a running Docker daemon');
  }
  if ((await output('kind', ['version'])) === undefined) {
    missing.push('kind');
  }
  if ((await output('helm', ['version', '--short'])) === undefined) {
    missing.push('Helm');
  }
  return missing;
}

export async function createKindCluster(
  options: Options,
  root: string,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<KindCluster> {
  const missing = await missingTools();
  if (missing.length > 0) {
    throw new LackingError(
      `there is no cluster to test on: E2E_KUBECONFIG is not set, and to create one with kind this machine lacks ${missing.join(', ')}.`,
    );
  }
  const { clusterName: name, nodeImage, istioVersion, istioCharts } = options.kind;
  const clusters = await output('kind', ['get', 'clusters']);
  if (clusters?.text.split('\n').includes(name) === true) {
    throw new LackingError(
      `there is a kind cluster ${name} already. Delete it (kind delete cluster --name ${name}), or use it: kind get kubeconfig --name ${name} > FILE, then E2E_KUBECONFIG=FILE.`,
    );
  }
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-drain-e2e-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const remove = async (): Promise<void> => {
    if (options.keep) {
      say(
        `E2E_KEEP: the cluster stays. export E2E_KUBECONFIG=${kubeconfig}; kind delete cluster --name ${name} removes it.`,
      );
      return;
    }
    await run('kind', ['delete', 'cluster', '--name', name], AbortSignal.timeout(180_000));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    say(`creating the kind cluster ${name}`);
    await run(
      'kind',
      [
        'create',
        'cluster',
        '--name',
        name,
        '--kubeconfig',
        kubeconfig,
        '--wait',
        '180s',
        ...(nodeImage === undefined ? [] : ['--image', nodeImage]),
      ],
      signal,
    );
    say('building the image');
    await run('docker', ['build', '-t', IMAGE, root], signal);
    await run('kind', ['load', 'docker-image', IMAGE, '--name', name], signal);
    say(`installing Istio ${istioVersion}`);
    for (const [release, chart] of [
      ['istio-base', 'base'],
      ['istiod', 'istiod'],
    ] as const) {
      await run(
        'helm',
        [
          'upgrade',
          '--install',
          release,
          chart,
          '--repo',
          istioCharts,
          '--version',
          istioVersion,
          '--namespace',
          'istio-system',
          '--create-namespace',
          '--kubeconfig',
          kubeconfig,
          '--wait',
          '--timeout',
          '5m',
        ],
        signal,
      );
    }
  } catch (error) {
    await remove().catch(() => undefined);
    throw error;
  }
  const chosen = process.env.E2E_IMAGE !== undefined;
  return {
    kubeconfig,
    delete: remove,
    options: {
      ...options,
      operator: process.env.E2E_OPERATOR === undefined ? { how: 'image', image: IMAGE } : options.operator,
      image: chosen
        ? options.image
        : { ...options.image, reference: IMAGE, node: NODE_IN_IMAGE, runAsUser: DISTROLESS_USER },
    },
  };
}

/** Undefined where there is no such program. */
function output(command: string, args: readonly string[]): Promise<{ code: number; text: string } | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: 20_000 });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    child.on('error', () => {
      resolve(undefined);
    });
    child.on('close', (code) => {
      resolve({ code: code ?? 1, text });
    });
  });
}

function run(command: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    // A group of its own: Ctrl-C in a terminal must not tear a deletion in two.
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], signal, detached: true });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) {
        resolve();
      } else {
        reject(new E2eError(`${command} ${args.slice(0, 3).join(' ')} ended with exit code ${code ?? '?'}`));
      }
    });
  });
}
