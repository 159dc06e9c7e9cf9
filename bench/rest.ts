// At rest: a large fleet that is compliant already, and an operator that starts. It must look at all of it, quickly, in
// little memory, and write nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { startOperator, type OperatorHandle } from '../test/support/operator.ts';
import {
  collectionIn,
  createFleet,
  deleteFleet,
  deployment,
  inParallel,
  places,
  readFleet,
  type FleetDeployment,
} from './fleet.ts';
import { memoryOf } from './measure.ts';
import { createPolicy, dropPolicy, readPolicyStatus } from './policy.ts';
import { countPatches, metric, type Bench } from './rounds.ts';

export interface Restart {
  /** From the start of the process to the log line that the caches are synced. */
  readonly syncSeconds: number;
  /** From that line to the last workload looked at. */
  readonly checkSeconds: number;
  readonly patches: number;
  readonly peakMb: number | undefined;
  /** Some seconds later, when nothing happens any more. */
  readonly restMb: number | undefined;
}

/** Starts the operator on a fleet of `bench.count` compliant Deployments, `times` times. */
export async function restarts(bench: Bench, times: number, say: (text: string) => void): Promise<Restart[]> {
  const { plane, namespaces, count } = bench;
  await createPolicy(plane);
  try {
    say(`making ${count} compliant Deployments`);
    await createCompliantFleet(bench);
    const results: Restart[] = [];
    for (let index = 0; index < times; index++) {
      say(`start ${index + 1} of ${times}`);
      results.push(await restart(bench));
    }
    return results;
  } finally {
    await dropPolicy(plane).catch(() => undefined);
    await deleteFleet(plane, namespaces);
  }
}

/**
 * One Deployment is brought under the policy by the operator, the others are made as its copies, with everything that its
 * write has left: values, managedFields, state annotation. No controller-manager runs, so their status is written here.
 */
async function createCompliantFleet(bench: Bench): Promise<void> {
  const { plane, namespaces, count } = bench;
  await createFleet(plane, namespaces, 1);
  const operator = await startOperator(plane);
  let seed: FleetDeployment | undefined;
  try {
    for (const deadline = Date.now() + 20_000; seed?.metadata.annotations?.['sidecardrain.io/state'] === undefined;) {
      for await (const found of readFleet(plane, namespaces)) {
        seed = found;
      }
      if (Date.now() > deadline) {
        throw new Error('the first Deployment was not brought under the policy');
      }
      await sleep(50);
    }
  } finally {
    await operator.stop();
  }
  await deleteFleet(plane, namespaces);
  const { annotations, managedFields } = seed.metadata;
  const { template } = seed.spec;
  await inParallel(places(namespaces, count), 16, async ({ namespace, name }) => {
    const own = deployment(namespace, name) as FleetDeployment;
    const copy = {
      ...own,
      metadata: { ...own.metadata, annotations: { ...annotations, ...own.metadata.annotations }, managedFields },
      spec: { ...own.spec, template: { ...template, metadata: { ...template.metadata, labels: own.metadata.labels } } },
    };
    await plane.client.call('POST', collectionIn(namespace), { body: copy });
    await plane.client.call('PATCH', `${collectionIn(namespace)}/${name}/status`, {
      contentType: 'application/merge-patch+json',
      body: { status: ROLLED_OUT },
    });
  });
}

const ROLLED_OUT = {
  observedGeneration: 1,
  replicas: 3,
  updatedReplicas: 3,
  readyReplicas: 3,
  availableReplicas: 3,
  terminatingReplicas: 0,
  conditions: [
    {
      type: 'Available',
      status: 'True',
      reason: 'MinimumReplicasAvailable',
      message: 'Deployment has minimum availability.',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      lastUpdateTime: '2026-01-01T00:00:00Z',
    },
    {
      type: 'Progressing',
      status: 'True',
      reason: 'NewReplicaSetAvailable',
      message: 'ReplicaSet "service-7d9c5b8f6" has successfully progressed.',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      lastUpdateTime: '2026-01-01T00:00:00Z',
    },
  ],
};

async function restart(bench: Bench): Promise<Restart> {
  const { plane, count } = bench;
  const before = await countPatches(plane);
  const started = Date.now();
  const operator = await startOperator(plane, { wait: false, nodeFlags: bench.nodeFlags });
  try {
    const syncedAt = await untilSynced(operator);
    const checkedAt = await untilChecked(operator, count);
    await sleep(5000);
    const memory = memoryOf(operator.pid);
    const patches = (await countPatches(plane)) - before;
    const status = await readPolicyStatus(plane);
    if (status?.workloads?.compliant !== count) {
      throw new Error(
        `${status?.workloads?.compliant ?? 0} of ${count} Deployments count as compliant; the policy's status is ${JSON.stringify(status?.workloads)}`,
      );
    }
    return {
      syncSeconds: (syncedAt - started) / 1000,
      checkSeconds: (checkedAt - syncedAt) / 1000,
      patches,
      peakMb: memory?.peakMb,
      restMb: memory?.nowMb,
    };
  } finally {
    await operator.stop();
  }
}

async function untilSynced(operator: OperatorHandle): Promise<number> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline;) {
    const line = operator.lines.find(({ message }) => message === 'caches are synced');
    if (line !== undefined) {
      return Date.parse(String(line['time']));
    }
    await sleep(10);
  }
  throw new Error(
    `the caches were not synced in time:\n${operator.lines
      .slice(-5)
      .map((line) => JSON.stringify(line))
      .join('\n')}\n${operator.output()}`,
  );
}

/** By the operator's metrics: as many reconciles as there are workloads, and an empty queue. */
async function untilChecked(operator: OperatorHandle, count: number): Promise<number> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline;) {
    const text = await operator.metrics();
    const reconciles = metric(text, 'controller_runtime_reconcile_total', 'controller="workload"');
    if (reconciles >= count && metric(text, 'workqueue_depth', 'name="workload"') === 0) {
      return Date.now();
    }
    await sleep(20);
  }
  throw new Error('the operator did not look at all workloads in time');
}
