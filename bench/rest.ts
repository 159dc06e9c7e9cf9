// At rest: a large fleet that is compliant already, and an operator that starts. It must look at all of it, quickly, in
// little memory, and write nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { STATE_ANNOTATION } from '../src/api/names.ts';
import type { ControlPlane } from '../test/support/control-plane/index.ts';
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
import { memoryOf, processorSecondsOf } from './measure.ts';
import type { BenchOperator } from './operators.ts';
import { countCompliant, createPolicy, dropPolicy } from './policy.ts';
import { countPatches, metric, type Bench } from './rounds.ts';

export interface Restart {
  /** From the start of the process to the log line that the caches are synced. */
  readonly syncSeconds: number;
  /** From that line to the last workload looked at. */
  readonly checkSeconds: number;
  /** From the start of the process to the last workload looked at. */
  readonly processorSeconds: number | undefined;
  readonly patches: number;
  readonly peakMb: number | undefined;
  /** Some seconds later, when nothing happens any more. */
  readonly restMb: number | undefined;
}

/** Starts each operator on a fleet of `bench.count` compliant Deployments, by turns, `times` times. */
export async function restarts(
  bench: Bench,
  operators: readonly BenchOperator[],
  times: number,
  say: (text: string) => void,
): Promise<ReadonlyMap<string, readonly Restart[]>> {
  const { plane, namespaces, count } = bench;
  await createPolicy(plane);
  try {
    say(`making ${count} compliant Deployments`);
    await createCompliant(plane, await compliantSeed(plane, namespaces), places(namespaces, count));
    const results = new Map<string, Restart[]>();
    for (let index = 0; index < times; index++) {
      for (const operator of index % 2 === 0 ? operators : [...operators].reverse()) {
        say(`start ${index + 1} of ${times}: ${operator.name}`);
        results.set(operator.name, [...(results.get(operator.name) ?? []), await restart(bench, operator)]);
      }
    }
    return results;
  } finally {
    await dropPolicy(plane).catch(() => undefined);
    await deleteFleet(plane, namespaces);
  }
}

/** One Deployment as the operator leaves it: with values, managedFields and state annotation. Nothing of the fleet may be there yet. */
export async function compliantSeed(plane: ControlPlane, namespaces: readonly string[]): Promise<FleetDeployment> {
  await createFleet(plane, namespaces, 1);
  const operator = await startOperator(plane);
  let seed: FleetDeployment | undefined;
  try {
    for (const deadline = Date.now() + 20_000; seed?.metadata.annotations?.[STATE_ANNOTATION] === undefined;) {
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
  return seed;
}

/**
 * Copies of the seed, with everything that the write of the operator has left. No controller-manager runs, so their status
 * is written here.
 * @param noteFor the state annotation of a copy, where it is not the seed's
 */
export async function createCompliant(
  plane: ControlPlane,
  seed: FleetDeployment,
  where: readonly { readonly namespace: string; readonly name: string }[],
  noteFor: (note: string, namespace: string) => string = (note) => note,
): Promise<void> {
  const { annotations, managedFields } = seed.metadata;
  const { template } = seed.spec;
  // As the webhook leaves it in an object whose uid is not known yet; a note that names another object speaks for nothing.
  const note = JSON.stringify({ ...JSON.parse(annotations?.[STATE_ANNOTATION] ?? '{}'), uid: undefined });
  await inParallel(where, 16, async ({ namespace, name }) => {
    const own = deployment(namespace, name) as FleetDeployment;
    const copy = {
      ...own,
      metadata: {
        ...own.metadata,
        annotations: { ...annotations, ...own.metadata.annotations, [STATE_ANNOTATION]: noteFor(note, namespace) },
        managedFields,
      },
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

export async function restart({ plane, count }: Omit<Bench, 'namespaces'>, { start }: BenchOperator): Promise<Restart> {
  const before = await countPatches(plane);
  const started = Date.now();
  const operator = await startOperator(plane, { ...start, wait: false });
  try {
    const syncedAt = await untilSynced(operator);
    const checkedAt = await untilChecked(operator, count);
    const processorSeconds = processorSecondsOf(operator.pid);
    const compliant = await untilCounted(plane, count);
    await sleep(5000);
    const memory = memoryOf(operator.pid);
    const patches = (await countPatches(plane)) - before;
    if (compliant !== count) {
      throw new Error(`${compliant} of ${count} Deployments count as compliant`);
    }
    return {
      syncSeconds: (syncedAt - started) / 1000,
      checkSeconds: (checkedAt - syncedAt) / 1000,
      processorSeconds,
      patches,
      peakMb: memory?.peakMb,
      restMb: memory?.nowMb,
    };
  } finally {
    await operator.stop();
  }
}

/** As the statuses of the policies say. */
async function untilCounted(plane: ControlPlane, count: number): Promise<number> {
  for (const deadline = Date.now() + 60_000; ;) {
    const compliant = await countCompliant(plane);
    if (compliant === count || Date.now() > deadline) {
      return compliant;
    }
    await sleep(500);
  }
}

const MOST_MS = 300_000;

async function untilSynced(operator: OperatorHandle): Promise<number> {
  for (const deadline = Date.now() + MOST_MS; Date.now() < deadline;) {
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
  for (const deadline = Date.now() + MOST_MS; Date.now() < deadline;) {
    const text = await operator.metrics();
    const reconciles = metric(text, 'controller_runtime_reconcile_total', 'controller="workload"');
    if (reconciles >= count && metric(text, 'workqueue_depth', 'name="workload"') === 0) {
      return Date.now();
    }
    // Telling its metrics takes the operator's time as well.
    await sleep(100);
  }
  throw new Error('the operator did not look at all workloads in time');
}
