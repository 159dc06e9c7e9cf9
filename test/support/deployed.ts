// The operator as an installed Deployment says: its own arguments, environment and service account. The pods of the test
// control plane never start, so the program is started beside it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { ControlPlane, KubeObject } from './cluster.ts';
import { projectRoot } from './control-plane/index.ts';
import {
  deployment,
  fixed,
  policy,
  policyPath,
  type PolicyObject,
  type WorkloadObject,
  workloadPath,
} from './scene.ts';

interface Container {
  readonly args: string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
}

interface Installed extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly serviceAccountName: string; readonly containers: readonly Container[] };
    };
  };
}

export interface DeployedOperator {
  /** Everything that it has printed so far. */
  output(): string;
  /** Asks it to stop, and gives its exit code. */
  stop(): Promise<number | null>;
}

export interface DeployedOptions {
  /** Another Node.js than the one that runs the tests, with flags. */
  readonly node?: { readonly program: string; readonly flags: readonly string[] };
  /** The bundle and the kubeconfig, where that user cannot read those of the tests. */
  readonly entry?: string;
  readonly kubeconfig?: string;
  /** As whom it runs, in place of the user of the tests. */
  readonly user?: number;
}

/** Starts what the one Deployment of the namespace describes, in the name of its first pod. */
export async function startDeployed(
  plane: ControlPlane,
  namespace: string,
  options: DeployedOptions = {},
): Promise<DeployedOperator> {
  const {
    items: [installed],
  } = await plane.client.call<{ items: Installed[] }>('GET', `/apis/apps/v1/namespaces/${namespace}/deployments`);
  const {
    items: [pod],
  } = await plane.client.call<{ items: KubeObject[] }>('GET', `/api/v1/namespaces/${namespace}/pods`);
  if (installed === undefined || pod === undefined) {
    throw new Error(`namespace ${namespace} has no Deployment with a pod`);
  }
  const {
    serviceAccountName,
    containers: [container],
  } = installed.spec.template.spec;
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': namespace,
  };
  // The rest of the environment is the container's: how the API server is reached, and ports of its own.
  const env = {
    ...Object.fromEntries(
      (container?.env ?? []).map((one) => [one.name, one.value ?? fields[one.valueFrom?.fieldRef.fieldPath ?? '']]),
    ),
    PATH: process.env.PATH,
    KUBECONFIG: options.kubeconfig ?? (await plane.kubeconfigFor({ namespace, name: serviceAccountName })),
    SIDECAR_DRAIN_METRICS_BIND_ADDRESS: '0',
    SIDECAR_DRAIN_HEALTH_PROBE_BIND_ADDRESS: '0',
  };
  const { program, flags } = options.node ?? { program: process.execPath, flags: [] };
  const child = spawn(
    program,
    [...flags, options.entry ?? join(projectRoot(), 'dist/main.js'), ...(container?.args ?? [])],
    {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.user === undefined ? {} : { uid: options.user, gid: options.user }),
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  return {
    output: () => output,
    async stop() {
      child.kill('SIGTERM');
      return await ended;
    },
  };
}

/** What a policy comes to with it, from an empty mesh to a workload as it was before. The mesh must be there already. */
export interface Convergence {
  readonly annotation: unknown;
  readonly graceBefore: number;
  readonly grace: number;
  readonly graceAfterwards: number;
  /** HTTP status of its lease. */
  readonly lease: number;
  readonly forbidden: boolean;
  readonly exitCode: number | null;
}

export async function converge(
  plane: ControlPlane,
  namespace: string,
  options: DeployedOptions = {},
): Promise<Convergence> {
  const operator = await startDeployed(plane, namespace, options);
  try {
    const shop = await plane.namespace('shop', { 'istio-injection': 'enabled' });
    const graceOf = (object: WorkloadObject): number => object.spec.template.spec.terminationGracePeriodSeconds;
    const before = await plane.create<WorkloadObject>(deployment(shop, 'web'));
    await plane.create(policy('floor', fixed(shop)));
    const after = await plane.waitFor<WorkloadObject>(
      workloadPath(shop, 'web'),
      (object) => graceOf(object) !== graceOf(before),
    );
    await plane.waitFor<PolicyObject>(policyPath('floor'), (object) => object.status?.workloads?.compliant === 1);
    await plane.client.call('DELETE', policyPath('floor'));
    await plane.waitForGone(policyPath('floor'), 100_000);
    const afterwards = await plane.client.call<WorkloadObject>('GET', workloadPath(shop, 'web'));
    const lease = await plane.client.raw(
      'GET',
      `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/sidecar-drain-operator`,
    );
    return {
      annotation: parse(after.spec.template.metadata?.annotations?.['proxy.istio.io/config'] ?? ''),
      graceBefore: graceOf(before),
      grace: graceOf(after),
      graceAfterwards: graceOf(afterwards),
      lease: lease.status,
      forbidden: operator.output().includes('forbidden'),
      exitCode: await operator.stop(),
    };
  } finally {
    await operator.stop();
  }
}

/** One workload under `fixed()`: 30 s of drain after 5 s of delay, with 5 s of margin. */
export const CONVERGED: Convergence = {
  annotation: { terminationDrainDuration: '35s' },
  graceBefore: 30,
  grace: 40,
  graceAfterwards: 30,
  lease: 200,
  forbidden: false,
  exitCode: 0,
};
