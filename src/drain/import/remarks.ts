import type { PolicyMatch, SidecarDrainPolicy } from '../../api/policy.ts';

/** Something of the source that a policy does not say, or says in another way. */
export interface ImportRemark {
  /** `NotCarried`: no policy can say it, so it is not there. `Differs`: the policy does it in another way. */
  readonly kind: 'NotCarried' | 'Differs';
  /** Where it stands in the object that it was read from; empty for the object as a whole. */
  readonly steps: Steps;
  readonly message: string;
}

export type Steps = readonly (string | number)[];

/** A policy, and the part of the source that it stands for. */
export interface ImportedPolicy {
  readonly policy: SidecarDrainPolicy;
  /** `ClusterPolicy drain, rule long-grace`: for people. */
  readonly from: string;
  readonly steps: Steps;
}

export interface Imported {
  readonly policies: readonly ImportedPolicy[];
  readonly remarks: readonly ImportRemark[];
  /** Rules and settings that are about something else. */
  readonly passedOver: number;
}

/** Collects remarks while a source is read. */
export class Remarks {
  readonly list: ImportRemark[] = [];

  notCarried(steps: Steps, message: string): void {
    this.add('NotCarried', steps, message);
  }

  differs(steps: Steps, message: string): void {
    this.add('Differs', steps, message);
  }

  private add(kind: ImportRemark['kind'], steps: Steps, message: string): void {
    if (!this.list.some((known) => known.message === message && known.steps.join() === steps.join())) {
      this.list.push({ kind, steps, message });
    }
  }
}

/** What of a policy's spec selects, and when it acts. */
export interface Selected {
  readonly match: PolicyMatch;
  /** The source acts on pods as they are created, and on no workload. */
  readonly podsOnly: boolean;
  /** The source waits until somebody else changes a workload, and restarts nothing by itself. */
  readonly onNextChange: boolean;
  readonly priority?: number;
}
