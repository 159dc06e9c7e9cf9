import type { ManagedValues } from './managed.ts';
import type { Finding, ReasonCode } from '../../api/reasons.ts';
import type { ExceededBudget } from '../nodes/budget.ts';
import type { EffectiveSettings } from './settings.ts';
import type { ManagedField, Seconds, WorkloadRef } from './workload.ts';

/**
 * What a workload is to its policy. Each workload is exactly one of these; the policy's counters are their sums.
 * - `Compliant`: the promise holds and, if we wrote, the rollout is over.
 * - `Updating`: written, and rolling out.
 * - `Pending`: will be written when the rollout limits allow it.
 * - `NonCompliant`: the promise does not hold and nothing is written (Audit, suspended).
 * - `Conflicted`: somebody declares a field that would have to change.
 * - `Exempt`: left alone on purpose.
 * - `Unknown`: something must be known first.
 * - `Failed`: cannot be made compliant as things are; the reason says why.
 */
export type WorkloadOutcome =
  'Compliant' | 'Updating' | 'Pending' | 'NonCompliant' | 'Conflicted' | 'Exempt' | 'Unknown' | 'Failed';

/**
 * `applicationPreStop`: of a container of the application, which is never ours in a live workload. `proxyEnvironment`: of
 * the proxy of a template that istiod makes itself, which is never ours either.
 */
export type ChangedField = ManagedField | 'applicationPreStop' | 'proxyEnvironment';

/**
 * What `application: Delay` is to a workload.
 * - `Sleep`: containers that serve get a preStop.
 * - `SleepWithoutPorts`: the same, and none declares a port or a probe over the network: all are taken to serve.
 * - `OwnHook`: every container that serves has a preStop of its own.
 */
export type DelayShare = 'Sleep' | 'SleepWithoutPorts' | 'OwnHook';

export interface Change {
  readonly field: ChangedField;
  /** Of `applicationPreStop`: whose. */
  readonly container?: string;
  /** Field path in the workload. */
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
  readonly why: string;
}

export interface Conflict {
  readonly field: ManagedField;
  readonly path: string;
  readonly owners: readonly string[];
  /** What to write where the field is declared. */
  readonly wanted: string;
}

/** Everything that anyone shows about a workload comes from here. */
export interface Decision {
  readonly workload: WorkloadRef;
  /** Name of the policy that was decided under. */
  readonly policy?: string;
  readonly outcome: WorkloadOutcome;
  /** Why, as a code of the closed list; absent where the promise simply holds, or a write is on its way. */
  readonly reason?: ReasonCode;
  readonly message: string;
  readonly before: EffectiveSettings;
  /** The settings after the changes; absent where there are none. */
  readonly after?: EffectiveSettings;
  /** Present where the grace period, the one to be written if there is one, is longer than nodes give that may take the pods. */
  readonly nodeBudget?: ExceededBudget;
  /** The grace period that the promise needs, margin included. */
  readonly neededGrace?: Seconds;
  readonly changes: readonly Change[];
  readonly conflicts: readonly Conflict[];
  readonly findings: readonly Finding[];
  /**
   * The promise holds, and only what the workload remembers of its policy is out of date (another policy governs now, or
   * its onDelete has changed): the values to repeat in a write that touches no pod.
   */
  readonly adopt?: ManagedValues;
  /** How often in a row our values have been changed back; kept in the workload's state by the next write. */
  readonly reverts?: number;
  /** Nothing is written before this time (seconds since 1970); then it is decided again. */
  readonly notBefore?: Seconds;
  /** With `environment: ProxyConfig`: the MINIMUM_DRAIN_DURATION that this workload needs from the resource. */
  readonly needsMinimumDrain?: Seconds;
  /**
   * Who brings the write about, where it is not the operator: `Rollout`, the application's own next change of its pod
   * template, and `Pod`, each pod as it is created. Both by way of the admission webhook.
   */
  readonly carrier?: 'Rollout' | 'Pod';
  /** Absent unless the policy says `application: Delay`. */
  readonly delay?: DelayShare;
  /** What to apply, whole: every value that we want to own afterwards. Absent where nothing is to be written. */
  readonly write?: ManagedValues;
}
