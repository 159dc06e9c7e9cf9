import { workloadKey, type Seconds } from '../../../drain/model/workload.ts';
import { ownObstacle } from '../../../drain/rollout/obstacle.ts';
import type { PricedWorkload } from '../../../drain/price/price.ts';
import type { Judgement } from '../../facts/judge.ts';
import { costOf } from '../../plan/model.ts';
import type { Turn } from './held.ts';
import type { Row } from '../wire.ts';

/** What is kept of a workload that was judged. */
export interface Kept {
  readonly row: Row;
  /** What its change costs, while there is one to make. */
  readonly priced?: PricedWorkload;
  /** While it is written, or is to be written, and its pods restart for it. */
  readonly turn?: Turn;
  /** When time alone may change the answer, since 1970. */
  readonly dueAt?: Seconds;
}

export function keptOf(judgement: Judgement): Kept {
  return {
    row: rowOf(judgement),
    priced: pricedOf(judgement),
    turn: turnOf(judgement),
    dueAt: judgement.decision?.notBefore,
  };
}

/** The engine sees a workload that rolls out; that it does so for too long, and halts its policy, the operator says. */
export function withHalt(kept: Kept, halt: string | undefined): Kept {
  return halt === undefined ? kept : { ...kept, row: { ...kept.row, state: 'Failed', message: halt } };
}

export function rowOf({ workload, settings, decision, policy, findings }: Judgement): Row {
  const tally = (severity: string): number => findings.filter((finding) => finding.severity === severity).length;
  return {
    key: workloadKey(workload),
    state: decision?.outcome ?? 'Ungoverned',
    policy,
    message: decision?.message === '' ? undefined : decision?.message,
    errors: tally('error'),
    warnings: tally('warning'),
    gracePeriod: settings.gracePeriod.value,
  };
}

function pricedOf({ workload: { kind, rollout }, decision }: Judgement): PricedWorkload | undefined {
  if (decision?.after === undefined || (decision.outcome !== 'Pending' && decision.outcome !== 'NonCompliant')) {
    return undefined;
  }
  return { kind, replicas: rollout.replicas, ...costOf(decision.before, decision.after) };
}

function turnOf({ workload, decision, policy }: Judgement): Turn | undefined {
  const { namespace, rollout } = workload;
  const state = decision?.outcome;
  if (policy === undefined || decision?.carrier !== undefined || (state !== 'Pending' && state !== 'Updating')) {
    return undefined;
  }
  const key = workloadKey(workload);
  return { workload: key, policy, namespace, pods: rollout.replicas, state, obstacle: ownObstacle(workload)?.because };
}
