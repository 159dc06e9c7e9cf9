// Whether an operator answers and keeps its lease, watched all the while that something else is done to it.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { OPERATOR_NAMESPACE, type OperatorHandle } from './operator.ts';

export interface Pulse {
  /**
   * Milliseconds of work of the operator's one thread between each question to /healthz and its answer. How long the answer
   * took by the clock says more of how busy the machine was.
   */
  readonly answers: readonly number[];
  /** Of /healthz, that were none or not "ok". */
  readonly failures: readonly string[];
  /** Everybody who was seen to hold the lease. */
  readonly holders: ReadonlySet<string>;
  /** The longest time in milliseconds in which the lease was not renewed. */
  readonly longestUnrenewed: number;
}

interface Lease {
  readonly spec?: { readonly holderIdentity?: string; readonly renewTime?: string };
}

const ASK_EVERY_MS = 40;
const LOOK_EVERY_MS = 250;
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases/sidecar-drain-operator`;

/** Begins to watch. @returns ends it, and tells what was seen */
export function takePulse(cluster: Cluster, operator: OperatorHandle): () => Promise<Pulse> {
  const ended = new AbortController();
  const answers: number[] = [];
  const failures: string[] = [];
  const holders = new Set<string>();
  let longestUnrenewed = 0;
  const health = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const before = usedProcessor(operator.pid);
      try {
        const answer = await fetch(`http://127.0.0.1:${operator.healthPort}/healthz`, {
          signal: AbortSignal.timeout(30_000),
        });
        if (!answer.ok) {
          failures.push(await answer.text());
        }
        await answer.body?.cancel();
        answers.push(usedProcessor(operator.pid) - before);
      } catch (error) {
        failures.push(String(error));
      }
      await sleep(ASK_EVERY_MS);
    }
  };
  const lease = async (): Promise<void> => {
    let renewed = '';
    let since = performance.now();
    while (!ended.signal.aborted) {
      const { body } = await cluster.client.raw<Lease>('GET', LEASE);
      const now = performance.now();
      longestUnrenewed = Math.max(longestUnrenewed, now - since);
      holders.add(body.spec?.holderIdentity ?? '');
      if (body.spec?.renewTime !== renewed) {
        renewed = body.spec?.renewTime ?? '';
        since = now;
      }
      await sleep(LOOK_EVERY_MS);
    }
  };
  const watching = Promise.all([health(), lease()]);
  return async () => {
    ended.abort();
    await watching;
    return { answers, failures, holders, longestUnrenewed };
  };
}

/** Milliseconds for which the main thread of a process was ready to run and another process had the processor. */
export function waitedForProcessor(pid: number): number {
  return schedulerTimes(pid)[1];
}

/** Milliseconds for which the main thread of a process had a processor. */
function usedProcessor(pid: number): number {
  return schedulerTimes(pid)[0];
}

/** 0 where the system does not tell; Linux does. */
function schedulerTimes(pid: number): readonly [used: number, waited: number] {
  try {
    const [used = 0, waited = 0] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number);
    return [used / 1e6, waited / 1e6];
  } catch {
    return [0, 0];
  }
}
