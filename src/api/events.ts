// The Events that the operator records. Those of workloads carry codes of findings (reasons.ts), those of policies and
// exemptions the reasons of their conditions; the rest is here.
import type { AnyConditionReason } from './conditions.ts';
import type { AnyExemptionReason } from './exemption.ts';
import type { ReasonCode } from './reasons.ts';

export interface EventMeaning {
  /** The kind of object that it is recorded on. */
  readonly on: string;
  readonly type: 'Normal' | 'Warning';
  readonly sentence: string;
  /** What to do, where there is something to do. */
  readonly action?: string;
}

export const EVENTS = {
  DrainApplied: {
    on: 'workload',
    type: 'Normal',
    sentence:
      'The operator wrote settings of a policy to the workload; the message names the fields. Of more than 100 workloads in a row, the others are counted in Events on the policy.',
  },
  DrainRestored: {
    on: 'workload',
    type: 'Normal',
    sentence:
      'No policy governs the workload any more; the message says which values went back to what they were, and which were kept. Of more than 100 workloads in a row, the others are counted in Events on the policy.',
  },
  DrainWriteRefused: {
    on: 'workload',
    type: 'Warning',
    sentence: 'The API server, or an admission policy or webhook, refused what the operator wanted to write.',
    action: 'Read the message: it is the answer of the API server. The write is tried again by itself.',
  },
  PodKilled: {
    on: 'workload',
    type: 'Warning',
    sentence: 'A pod of the workload was killed at the end of its grace period, so what it still did was lost.',
    action: 'Run sidecar-drain verify for the workload: it says what took the time, and what follows.',
  },
  IstiodIgnored: {
    on: 'Deployment',
    type: 'Warning',
    sentence:
      'It is labelled app: istiod outside of the namespaces that Istio is known to run in, so its settings are ignored.',
    action: 'Where a control plane does run here, name its namespace with --istio-namespace.',
  },
} as const satisfies Record<string, EventMeaning>;

/** Every reason that an Event of the operator may have. */
export type EventReason = keyof typeof EVENTS | ReasonCode | AnyConditionReason | AnyExemptionReason;
