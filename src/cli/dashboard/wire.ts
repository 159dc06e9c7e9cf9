import type { PolicyAttention, PolicyRolloutStatus } from '../../api/policy.ts';
import type { Severity } from '../../api/reasons.ts';
import type { WorkloadOutcome } from '../../drain/model/decision.ts';
import type { Change } from '../../drain/model/decision.ts';
import type { Seconds } from '../../drain/model/workload.ts';
import type { PolicyPrice } from '../../drain/price/price.ts';

/** What goes from the server to the page: types alone, which both sides share. Times are RFC 3339. */

/** Ungoverned: no policy selects it; it is judged by what its settings do. */
export type RowState = WorkloadOutcome | 'Ungoverned';

/** A workload as the list shows it. */
export interface Row {
  /** `Deployment/shop/checkout`. */
  readonly key: string;
  readonly state: RowState;
  /** The policy that governs it or, where none does, an Audit policy that it is held against. */
  readonly policy?: string;
  readonly message?: string;
  readonly errors: number;
  readonly warnings: number;
  readonly gracePeriod: Seconds;
}

export interface RowsEvent {
  /** What was there before is forgotten. */
  readonly reset?: boolean;
  readonly put: readonly Row[];
  /** Keys of workloads that are gone. */
  readonly gone: readonly string[];
}

export interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** Workloads that wait for the same. */
export interface HeldGroup {
  /** As the operator's gates are called; None: nothing is in the way. */
  readonly gate: 'OffSwitch' | 'Approval' | 'Window' | 'Workload' | 'Slot' | 'None';
  readonly because: string;
  /** When it is looked at again, where that is known. */
  readonly until?: string;
  readonly workloads: number;
  /** Keys of the first of them. */
  readonly names: readonly string[];
}

export interface PolicyView {
  readonly name: string;
  readonly enforcement: string;
  readonly mode: string;
  readonly duration?: string;
  readonly maxWait?: string;
  readonly suspended: boolean;
  readonly deleting: boolean;
  /** How it restarts pods, in words. */
  readonly rollout: string;
  readonly conditions: readonly ConditionView[];
  /** As the operator counted; absent where it has said nothing yet. */
  readonly counts?: Readonly<Record<string, number>>;
  readonly stage?: PolicyRolloutStatus;
  /** When the canaries have been watched for long enough, while they are watched. */
  readonly soakedAt?: string;
  readonly attention: readonly PolicyAttention[];
  readonly held: readonly HeldGroup[];
  readonly price?: PolicyPrice;
}

/** How a policy's rollout stood from a time on. */
export interface Moment {
  readonly at: string;
  readonly policy: string;
  /** None: without waves. */
  readonly phase: PolicyRolloutStatus['phase'] | 'None';
  readonly counts: Readonly<Record<string, number>>;
  readonly halt?: string;
}

export interface HelloEvent {
  readonly cluster: string;
  readonly namespace?: string;
}

export interface StateEvent {
  /** Why the picture is not up to date. */
  readonly away?: string;
  /** Collections that have not been read yet. */
  readonly loading: readonly string[];
  /** What may not be read, and what is therefore not known. */
  readonly gaps: readonly string[];
  /** The off switch: whether the operator may write. Absent where that is not known. */
  readonly paused?: boolean;
}

/** The events of the stream, by name. */
export interface DashboardEvents {
  readonly hello: HelloEvent;
  readonly state: StateEvent;
  readonly rows: RowsEvent;
  readonly policies: readonly PolicyView[];
  readonly moments: readonly Moment[];
}

export interface FindingView {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly action: string;
}

/** All that is said of one workload. */
export interface WorkloadDetail {
  readonly row: Row;
  readonly proxy: readonly string[];
  readonly pods: number;
  /** The termination now and with the policy, as a drawing. */
  readonly svg: string;
  readonly findings: readonly FindingView[];
  readonly changes: readonly Pick<Change, 'path' | 'before' | 'after' | 'why'>[];
  /** What in the workload itself is in the way of a restart. */
  readonly obstacle?: string;
  readonly looksAgainAt?: string;
  readonly cost?: string;
  /** The latest terminations, each beside its forecast; the latest last. */
  readonly terminations: readonly string[];
  readonly gaps: readonly string[];
}
