import type { ManagedValues } from '../../drain/model/managed.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { intentKey } from '../../drain/promise/intent.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { nextState, type WorkloadState } from '../../drain/template/note/state.ts';
import { buildApply } from '../../drain/template/index.ts';
import { isApiError, type EventRecorder, type KubeClient, type Logger } from '../../kube/index.ts';
import { done, requeueAfter, TerminalError, type Outcome } from '../../runtime/index.ts';
import type { Caches } from '../watches/caches.ts';
import type { OperatorMetrics } from '../reports/operator-metrics.ts';
import type { Written } from '../rollout/own-writes.ts';
import { waitMs } from '../time.ts';
import { limitsOf, subjectOf } from './workload-record.ts';
import type { WriteRefusals } from './write-refusals.ts';

export interface WorkloadWriterOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly recorder: EventRecorder;
  readonly logger: Logger;
  readonly metrics: OperatorMetrics;
  readonly refusals: WriteRefusals;
  readonly now: () => number;
}

/** Sends a policy's values to a workload, and knows what each refusal means. */
export class WorkloadWriter {
  private readonly options: WorkloadWriterOptions;

  constructor(options: WorkloadWriterOptions) {
    this.options = options;
  }

  async apply(
    workload: Workload,
    state: WorkloadState | undefined,
    policy: PolicyRecord,
    values: ManagedValues,
    reverts: number | undefined,
    signal: AbortSignal,
    adopting = false,
  ): Promise<Written> {
    const resource = this.options.caches.resourceOf(workload.kind);
    if (resource === undefined) {
      throw new TerminalError('KIND_UNKNOWN', `kind ${workload.kind} is not watched`);
    }
    const limits = limitsOf(policy);
    const intent = intentKey(policy.intent);
    // No pod restarts for an adoption: the last rollout of ours stays the one that it was.
    const at = adopting ? state?.at : new Date(this.options.now()).toISOString();
    const next = nextState({
      previous: state,
      workload,
      values,
      policy: { name: policy.name, uid: policy.uid },
      intent,
      onDelete: policy.spec.onDelete,
      ...(limits.strategy === 'Waves' ? { maxConcurrent: limits.maxConcurrent } : {}),
      ...(at === undefined ? {} : { at }),
      adopted: adopting && (state?.intent !== intent || state.adopted === true),
      ...(reverts === undefined ? {} : { reverts }),
    });
    return await this.options.client.apply<Written>(resource, workload, buildApply(workload, values, next), {
      fieldManager: FIELD_MANAGER,
      // A default that the API server wrote counts as somebody's value there; what a person declared was found before
      // (conflicts), and the resourceVersion makes sure that nobody has declared anything since.
      force: true,
      metadataOnly: true,
      retry: 'idempotent',
      signal,
    });
  }

  /**
   * What follows from a write that was not taken.
   * @param intent what was wanted, as a key: a refusal holds for that and this template only
   */
  failed(
    workload: Workload,
    intent: string,
    error: unknown,
    refused: (message: string) => void = () => undefined,
  ): Outcome {
    if (isApiError(error)) {
      // 409: somebody else wrote since we read. The watch brings the newer object; a short wait covers the rest.
      if (error.isConflict) {
        this.options.metrics.conflicted();
        return requeueAfter(1_000);
      }
      if (error.isNotFound) {
        return done;
      }
      if (error.isInvalid || error.isSchemaError || error.isForbidden) {
        const message = `the API server refused the write: ${error.message}`;
        refused(message);
        const key = workloadKey(workload);
        this.options.logger.warn('a write was refused', { workload: key, error });
        this.options.recorder.event(subjectOf(workload), 'Warning', 'DrainWriteRefused', message);
        const until = this.options.refusals.refused(key, workload, intent, message);
        return requeueAfter(waitMs(until, this.options.now()));
      }
    }
    throw error;
  }
}
