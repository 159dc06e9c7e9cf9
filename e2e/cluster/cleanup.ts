// Takes away what a run has made: policies first, while an operator is there to restore, then namespaces, then what
// stands in the cluster's own scope and carries the run's label. Used at the end of a run, and at the start of the next
// one for a run that has crashed.
import { isApiError, type Resource } from '../../src/kube/index.ts';
import { HEARTBEAT_ANNOTATION, RUN_LABEL } from '../plan/objects.ts';
import {
  CLUSTER_ROLE_BINDINGS,
  MUTATING_POLICIES,
  MUTATING_POLICY_BINDINGS,
  CLUSTER_ROLES,
  CRDS,
  deleteQuietly,
  LackingError,
  listOrNone,
  NAMESPACED_POLICIES,
  NAMESPACES,
  pause,
  PODS,
  POLICIES,
  ROLE_BINDINGS,
  ROLES,
  until,
  type Cluster,
  type KubeObject,
} from './api.ts';

/** Longer than an operator takes to give up its finalizer. */
const POLICY_GONE_SECONDS = 75;
const NAMESPACE_GONE_SECONDS = 240;
const CRD_GONE_SECONDS = 60;
export const HEARTBEAT_EVERY_MS = 20_000;
const HEARTBEAT_STALE_MS = 90_000;

type Say = (text: string) => void;

/** Runs that left something behind and are not alive any more; one that is alive is left alone, and this one cannot start. */
export async function cleanUpLeftovers(
  cluster: Cluster,
  takeOver: boolean,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const runs = new Map<string, number>();
  for (const resource of [NAMESPACES, POLICIES, CRDS, CLUSTER_ROLES]) {
    for (const { metadata } of await labelledObjects(cluster, resource)) {
      const run = metadata.labels?.[RUN_LABEL] ?? '';
      const beat = Date.parse(metadata.annotations?.[HEARTBEAT_ANNOTATION] ?? '');
      runs.set(
        run,
        Math.max(runs.get(run) ?? 0, Number.isNaN(beat) || metadata.deletionTimestamp !== undefined ? 0 : beat),
      );
    }
  }
  const alive = [...runs].filter(([, beat]) => Date.now() - beat < HEARTBEAT_STALE_MS).map(([run]) => run);
  if (alive.length > 0 && !takeOver) {
    throw new LackingError(
      `another run of this suite is under way in the cluster (${alive.join(', ')}): it gave a sign of life less than ${HEARTBEAT_STALE_MS / 1000} s ago. Wait, or say E2E_TAKE_OVER=1 if it is dead.`,
    );
  }
  for (const run of runs.keys()) {
    say(`run ${run} has left something behind: cleaning up`);
    // Nobody is there to restore, but the workloads go with their namespaces.
    await cleanUpRun(cluster, run, { operatorRuns: false, say, signal });
  }
}

export interface CleanUpOptions {
  readonly operatorRuns: boolean;
  readonly say: Say;
  readonly signal: AbortSignal;
  /** Called when everything that an operator is needed for has been done. */
  readonly stopOperator?: () => Promise<void>;
}

/** Goes on after a failure, so that one object that cannot be removed does not keep the others; says what is left. */
export async function cleanUpRun(
  cluster: Cluster,
  run: string,
  { operatorRuns, say, signal, stopOperator }: CleanUpOptions,
): Promise<string[]> {
  const left: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      left.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const mine = (resource: Resource): Promise<KubeObject[]> => labelledObjects(cluster, resource, run);
  await attempt('policies', async () => {
    await deletePolicies(cluster, run, operatorRuns, signal);
  });
  await attempt('operator', async () => {
    await stopOperator?.();
  });
  await attempt('namespaces', async () => {
    const names = (await mine(NAMESPACES)).map(({ metadata }) => metadata.name);
    for (const name of names) {
      await deleteQuietly(cluster.client, NAMESPACES, name);
    }
    // Nobody needs their graceful end any more, and it takes long.
    for (const name of names) {
      for (const { metadata } of await listOrNone(cluster, PODS, { namespace: name })) {
        await cluster.client
          .delete(PODS, { name: metadata.name, namespace: name }, { gracePeriodSeconds: 1 })
          .catch(() => undefined);
      }
    }
    await until(async () => ((await mine(NAMESPACES)).length === 0 ? true : undefined), {
      seconds: NAMESPACE_GONE_SECONDS,
      signal,
      what: `the namespaces of run ${run} are gone`,
      everyMs: 1000,
    });
  });
  for (const resource of [
    MUTATING_POLICY_BINDINGS,
    MUTATING_POLICIES,
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
  ]) {
    await attempt(resource.plural, async () => {
      for (const { metadata } of await mine(resource)) {
        await deleteQuietly(cluster.client, resource, metadata.name, metadata.namespace);
      }
    });
  }
  await attempt('custom resource definitions', async () => {
    await deleteCrds(cluster, run, say, signal);
  });
  for (const problem of left) {
    say(`not cleaned up: ${problem}`);
  }
  return left;
}

async function deletePolicies(
  cluster: Cluster,
  run: string,
  operatorRuns: boolean,
  signal: AbortSignal,
): Promise<void> {
  const policies = await labelledObjects(cluster, POLICIES, run);
  for (const { metadata } of policies) {
    await deleteQuietly(cluster.client, POLICIES, metadata.name);
  }
  if (operatorRuns && policies.length > 0) {
    const deadline = Date.now() + POLICY_GONE_SECONDS * 1000;
    while ((await labelledObjects(cluster, POLICIES, run)).length > 0 && Date.now() < deadline) {
      await pause(500, signal);
    }
  }
  for (const { metadata } of await labelledObjects(cluster, POLICIES, run)) {
    await cluster.client
      .mergePatch(POLICIES, { name: metadata.name }, { metadata: { finalizers: null } })
      .catch((error: unknown) => {
        if (!isApiError(error) || !error.isNotFound) {
          throw error;
        }
      });
  }
}

/** Only those that the run has made; and not where somebody else has begun to use them. */
async function deleteCrds(cluster: Cluster, run: string, say: Say, signal: AbortSignal): Promise<void> {
  const mine = await labelledObjects(cluster, CRDS, run);
  if (mine.length === 0) {
    return;
  }
  if ((await listOrNone(cluster, POLICIES)).length > 0 || (await listOrNone(cluster, NAMESPACED_POLICIES)).length > 0) {
    say('the custom resource definitions stay: there are policies of others by now');
    return;
  }
  for (const { metadata } of mine) {
    await deleteQuietly(cluster.client, CRDS, metadata.name);
  }
  await until(async () => ((await labelledObjects(cluster, CRDS, run)).length === 0 ? true : undefined), {
    seconds: CRD_GONE_SECONDS,
    signal,
    what: 'the custom resource definitions are gone',
  });
}

async function labelledObjects(cluster: Cluster, resource: Resource, run?: string): Promise<KubeObject[]> {
  return await listOrNone(cluster, resource, { labelSelector: run === undefined ? RUN_LABEL : `${RUN_LABEL}=${run}` });
}
