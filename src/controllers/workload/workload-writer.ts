import type { EventReason } from '../../api/events.ts';
import type { ManagedValues } from '../../drain/model/managed.ts';
import { FIELD_MANAGER } from '../../api/names.ts';
import { workloadKey, type Workload } from '../../drain/model/workload.ts';
import { intentKey } from '../../drain/promise/intent.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { planYield } from '../../drain/restore/yield.ts';
import { dropsFields, nextState, valuesInPlace, type WorkloadState } from '../../drain/template/note/state.ts';
import { buildApply, type RawObject } from '../../drain/template/index.ts';
import {
  isApiError,
  patchInSteps,
  type EventRecorder,
  type KubeClient,
  type Logger,
  type Resource,
} from '../../kube/index.ts';
import { done, requeueAfter, TerminalError, type Outcome } from '../../runtime/index.ts';
import type { Caches } from '../watches/caches.ts';
import type { OperatorMetrics } from '../reports/operator-metrics.ts';
import type { Written } from '../rollout/own-writes.ts';
import { waitMs } from '../time.ts';
import { limitsOf, subjectOf } from './workload-record.ts';
import type { WriteRefusals } from './write-refusals.ts';

/** Tells an audit log that no value was written; managedFields never name it, because nothing becomes its own. */
export const YIELD_MANAGER = `${FIELD_MANAGER}-yield`;
/** Controllers answer a change of a workload within milliseconds; what is left is done at the next look. */
const YIELD_TRIES = 6;

export interface WorkloadWriterOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly recorder: EventRecorder<EventReason>;
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
    if (state === undefined || workload.hold !== undefined || !dropsFields(state, next)) {
      return await this.send(workload, values, next, signal);
    }
    // An apply takes out what its manager held and no longer states. What we have given up is taken back first, as it stands.
    const { metadata } = await this.send(workload, valuesInPlace(workload.template, state), state, signal);
    return await this.send({ ...workload, resourceVersion: metadata?.resourceVersion }, values, next, signal);
  }

  private async send(
    workload: Workload,
    values: ManagedValues,
    state: WorkloadState,
    signal: AbortSignal,
  ): Promise<Written> {
    return await this.options.client.apply<Written>(
      this.resourceOf(workload),
      workload,
      buildApply(workload, values, state),
      {
        fieldManager: FIELD_MANAGER,
        // A default that the API server wrote counts as somebody's value there; what a person declared was found before
        // (conflicts), and the resourceVersion makes sure that nobody has declared anything since.
        force: true,
        metadataOnly: true,
        retry: 'idempotent',
        signal,
      },
    );
  }

  /** Gives up our fields in managedFields, so that an owner's server-side apply may state them. */
  async yieldFields(workload: Workload, signal: AbortSignal): Promise<Written | undefined> {
    return await patchInSteps<RawObject>(this.options.client, this.resourceOf(workload), workload, planYield, {
      fieldManager: YIELD_MANAGER,
      tries: YIELD_TRIES,
      retryFirst: true,
      signal,
    });
  }

  private resourceOf({ kind }: Workload): Resource {
    const resource = this.options.caches.resourceOf(kind);
    if (resource === undefined) {
      throw new TerminalError('KIND_UNKNOWN', `kind ${kind} is not watched`);
    }
    return resource;
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
