// Whether an operator answers and keeps its lease, watched all the while that something else is done to it.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { OPERATOR_NAMESPACE, type OperatorHandle } from './operator.ts';

export interface Pulse {
  /** Milliseconds of each answer of /healthz; less what either process had to wait for a processor, on a busy machine. */
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
      const waited = withoutProcessor(operator.pid) + withoutProcessor(process.pid);
      const began = performance.now();
      try {
        const answer = await fetch(`http://127.0.0.1:${operator.healthPort}/healthz`, {
          signal: AbortSignal.timeout(10_000),
        });
        if (!answer.ok) {
          failures.push(await answer.text());
        }
        await answer.body?.cancel();
      } catch (error) {
        failures.push(String(error));
      }
      answers.push(
        Math.max(
          0,
          performance.now() - began + waited - withoutProcessor(operator.pid) - withoutProcessor(process.pid),
        ),
      );
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

/**
 * Milliseconds for which the thread that answers was ready to run and another process had the processor; 0 where the system
 * does not tell (Linux does, in /proc/PID/schedstat).
 */
function withoutProcessor(pid: number): number {
  try {
    const [, waitedNs = '0'] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return Number(waitedNs) / 1e6;
  } catch {
    return 0;
  }
}
