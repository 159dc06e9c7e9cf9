import { setTimeout as sleep } from 'node:timers/promises';
import { FIELD_MANAGER, FINALIZER } from '../../api/names.ts';
import { restoreResult, type RestoreResult } from '../../drain/restore/result.ts';
import { planRestore, type RestoreStep } from '../../drain/restore/restore.ts';
import type { RawObject } from '../../drain/template/index.ts';
import { errorText, isApiError, patchInSteps, type KubeClient } from '../../kube/index.ts';
import { proxyConfigResource, type Held, type HeldPolicy, type OwnResource } from './look.ts';

/** Patches of one restore: its controllers answer the first within milliseconds, and the second has to be planned again. */
const TRIES = 8;
const POLL_MS = 1_000;

export interface RestoreLimits {
  readonly maxConcurrent: number;
  readonly progressDeadlineMs: number;
  readonly wait: boolean;
}

export interface Given {
  readonly key: string;
  readonly result: 'Restored' | 'Failed' | 'NotTried';
  readonly message?: string;
  /** What really went back, and what stays. */
  readonly given?: RestoreResult;
}

/**
 * Restores workloads, a few at a time, each until it has rolled out. Whatever was not healthy before is the last, and is
 * not waited for: it may be what nobody can wait for. One that does not get healthy again ends it: the next might not either.
 */
export async function restoreAll(
  client: KubeClient,
  held: readonly Held[],
  limits: RestoreLimits,
  onGiven: (given: Given) => void,
): Promise<Given[]> {
  const queue = [...held].sort((a, b) => Number(b.healthy) - Number(a.healthy));
  const results: Given[] = [];
  let stopped: string | undefined;
  const note = (given: Given): void => {
    results.push(given);
    onGiven(given);
  };
  const worker = async (): Promise<void> => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      if (stopped !== undefined) {
        note({ key: one.key, result: 'NotTried', message: `not tried: ${stopped}` });
        continue;
      }
      try {
        const given = await restoreOne(client, one);
        const slow =
          limits.wait && one.restarts > 0 && one.healthy
            ? await notRolledOut(client, one, limits.progressDeadlineMs)
            : undefined;
        stopped = slow ?? stopped;
        note({ key: one.key, result: 'Restored', message: slow, given });
      } catch (error) {
        note({ key: one.key, result: 'Failed', message: errorText(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limits.maxConcurrent, queue.length) }, worker));
  return results;
}

/** Values first, then ownership: two patches at most; ended between them, the next run goes on. */
async function restoreOne(
  client: KubeClient,
  { resource, adapter, namespace, name, state, how }: Held,
): Promise<RestoreResult> {
  const steps: RestoreStep[] = [];
  try {
    await patchInSteps<RawObject>(
      client,
      resource,
      { namespace, name },
      (live) => {
        const step = planRestore(live, state, how, adapter);
        steps.push(step);
        return step;
      },
      { fieldManager: FIELD_MANAGER, tries: TRIES, retryFirst: true },
    );
  } catch (error) {
    if (!(isApiError(error) && error.isNotFound)) {
      throw error;
    }
  }
  return restoreResult(steps);
}

/** Why a workload is not as it was, where it is not in time. */
async function notRolledOut(
  client: KubeClient,
  { key, resource, adapter, namespace, name }: Held,
  deadlineMs: number,
): Promise<string | undefined> {
  for (const until = Date.now() + deadlineMs; ;) {
    const live = await client.find<RawObject>(resource, { namespace, name });
    const rollout = live === undefined ? undefined : adapter.rollout(live);
    if (
      rollout === undefined ||
      rollout.complete ||
      rollout.paused ||
      rollout.strategy === 'OnDelete' ||
      rollout.partition > 0
    ) {
      return undefined;
    }
    if (rollout.stuck || Date.now() >= until) {
      return `${key} was restored and has not rolled out ${rollout.stuck ? '(ProgressDeadlineExceeded)' : `within ${deadlineMs / 1000} s`}`;
    }
    await sleep(POLL_MS);
  }
}

export async function takeFinalizer(client: KubeClient, { resource, name, namespace }: HeldPolicy): Promise<void> {
  const ref = { name, namespace };
  for (let tries = 0; ; tries += 1) {
    const live = await client.find<RawObject & { metadata: { finalizers?: readonly string[] } }>(resource, ref, {
      metadataOnly: true,
    });
    if (live?.metadata.finalizers?.includes(FINALIZER) !== true) {
      return;
    }
    const { uid, resourceVersion, finalizers } = live.metadata;
    try {
      await client.mergePatch(
        resource,
        ref,
        { metadata: { uid, resourceVersion, finalizers: finalizers.filter((each) => each !== FINALIZER) } },
        { fieldManager: FIELD_MANAGER, metadataOnly: true, retry: 'never' },
      );
      return;
    } catch (error) {
      if (isApiError(error) && error.isNotFound) {
        return;
      }
      if (tries >= TRIES || !isApiError(error) || !error.isConflict) {
        throw error;
      }
    }
  }
}

export async function deleteProxyConfig(client: KubeClient, { namespace, name }: OwnResource): Promise<void> {
  try {
    await client.delete(proxyConfigResource, { namespace, name });
  } catch (error) {
    if (!(isApiError(error) && error.isNotFound)) {
      throw error;
    }
  }
}
