import type { PolicyRolloutStatus } from '../../api/policy.ts';
import { parsePolicyDuration } from '../../api/policy.ts';
import {
  deadlineOf,
  haltedBy,
  stageOf,
  toleranceOf,
  type Halt,
  type Member,
  type Stage,
  type StageMemory,
  type StageRules,
} from '../../drain/rollout/stage.ts';
import { intentKey } from '../../drain/promise/intent.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';

/** What holds where a policy is gone and its workloads are still being restored. */
export const DEFAULT_RULES: StageRules = { canary: 1, soak: 600, progressDeadline: 600, maxConcurrent: 3 };

const REVIEW_AGAIN_MS = 100;

export interface StagesOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The stage of a policy has turned, by its name. */
  readonly onTurn: (policy: string, before: Stage | undefined, after: Stage) => void;
}

interface Known {
  readonly name: string;
  readonly intent: string;
  /** Absent where the policy has no waves. */
  readonly rules: StageRules | undefined;
}

/** How far each policy's waves have come, kept up to date as its workloads change. Policies are told apart by their uid. */
export class Stages {
  private readonly options: StagesOptions;
  private readonly known = new Map<string, Known>();
  private readonly members = new Map<string, Map<string, Member>>();
  private readonly policyOf = new Map<string, string>();
  private readonly memories = new Map<string, StageMemory>();
  private readonly stages = new Map<string, Stage>();
  private readonly reviewedAt = new Map<string, number>();

  constructor(options: StagesOptions) {
    this.options = options;
  }

  /** The policy as it is now. What its status remembers counts where nothing is known yet: after a restart, a failover. */
  know(policy: PolicyRecord, status: PolicyRolloutStatus | undefined): void {
    const waves = policy.spec.rollout.strategy === 'Waves' ? policy.spec.rollout.waves : undefined;
    const rules: StageRules | undefined =
      waves === undefined
        ? undefined
        : {
            canary: waves.canary,
            soak: parsePolicyDuration(waves.soak),
            progressDeadline: parsePolicyDuration(waves.progressDeadline),
            maxConcurrent: waves.maxConcurrent,
          };
    this.known.set(policy.uid, { name: policy.name, intent: intentKey(policy.intent), rules });
    if (status !== undefined && !this.memories.has(policy.uid)) {
      this.memories.set(policy.uid, memoryOf(status));
    }
    this.review(policy.uid);
  }

  forgetPolicy(uid: string): void {
    this.known.delete(uid);
    this.memories.delete(uid);
    this.stages.delete(uid);
    this.reviewedAt.delete(uid);
  }

  rulesOf(uid: string): StageRules {
    return this.known.get(uid)?.rules ?? DEFAULT_RULES;
  }

  memberOf(workload: string): Member | undefined {
    const uid = this.policyOf.get(workload);
    return uid === undefined ? undefined : this.members.get(uid)?.get(workload);
  }

  /** What a workload shows now; undefined where it has nothing to do with any policy. */
  set(uid: string | undefined, workload: string, member: Member | undefined): void {
    const before = this.policyOf.get(workload);
    if (before !== undefined && (before !== uid || member === undefined)) {
      const left = this.members.get(before);
      left?.delete(workload);
      if (left?.size === 0) {
        this.members.delete(before);
      }
      this.policyOf.delete(workload);
      this.review(before);
    }
    if (uid === undefined || member === undefined) {
      return;
    }
    const ofPolicy = this.members.get(uid) ?? new Map<string, Member>();
    const known = ofPolicy.get(workload);
    ofPolicy.set(workload, member);
    this.members.set(uid, ofPolicy);
    this.policyOf.set(workload, uid);
    // Time alone changes what these two mean.
    if (
      known === undefined ||
      !sameMember(known, member) ||
      member.health === 'Rolling' ||
      member.health === 'Unwell'
    ) {
      this.review(uid);
    }
  }

  /** Undefined where the policy has no waves. */
  stageOf(uid: string): Stage | undefined {
    // Every change of a member has been reviewed; what time alone changes may wait for a moment.
    if (this.options.now() - (this.reviewedAt.get(uid) ?? 0) >= REVIEW_AGAIN_MS) {
      this.review(uid);
    }
    return this.stages.get(uid);
  }

  /** A workload that was restored and does not get well: then no other one of that policy is restored. */
  haltOfRestoring(uid: string): Halt | undefined {
    const now = this.options.now() / 1000;
    for (const member of this.members.get(uid)?.values() ?? []) {
      const halt = member.restoring === true ? haltedBy(member, this.rulesOf(uid), now) : undefined;
      if (halt !== undefined) {
        return halt;
      }
    }
    return undefined;
  }

  /** Why this workload halts its policy, if it does. */
  haltOf(workload: string): Halt | undefined {
    const uid = this.policyOf.get(workload);
    const member = this.memberOf(workload);
    if (uid === undefined || member === undefined) {
      return undefined;
    }
    const halt = this.stages.get(uid)?.halt;
    return halt?.workload === workload ? halt : haltedBy(member, this.rulesOf(uid), this.options.now() / 1000);
  }

  /** Milliseconds until this workload, if it stays as it is, halts its policy. */
  dueInMs(workload: string): number | undefined {
    const member = this.memberOf(workload);
    const uid = this.policyOf.get(workload);
    if (member === undefined || uid === undefined) {
      return undefined;
    }
    const rules = this.rulesOf(uid);
    const patience =
      member.health === 'Rolling'
        ? deadlineOf(member, rules)
        : member.health === 'Unwell'
          ? toleranceOf(rules)
          : undefined;
    const left = patience === undefined ? 0 : (member.since + patience) * 1000 - this.options.now();
    return left > 0 ? left : undefined;
  }

  /** Policies that start nothing new, and why. */
  *held(): IterableIterator<readonly [policy: string, reason: string]> {
    for (const [uid, { phase }] of this.stages) {
      const name = this.known.get(uid)?.name;
      if (name !== undefined && (phase === 'Halted' || phase === 'Soaking')) {
        yield [name, phase];
      }
    }
  }

  private review(uid: string): void {
    const known = this.known.get(uid);
    if (known?.rules === undefined) {
      this.stages.delete(uid);
      return;
    }
    this.reviewedAt.set(uid, this.options.now());
    const before = this.stages.get(uid);
    const after = stageOf(
      known.rules,
      known.intent,
      this.members.get(uid)?.values() ?? [],
      this.memories.get(uid),
      this.options.now() / 1000,
    );
    this.memories.set(uid, after.memory);
    this.stages.set(uid, after);
    if (
      before?.phase !== after.phase ||
      before.halt?.message !== after.halt?.message ||
      before.memory.intent !== after.memory.intent ||
      before.spots < after.spots
    ) {
      this.options.onTurn(known.name, before, after);
    }
  }
}

function sameMember(a: Member, b: Member): boolean {
  return (
    a.health === b.health &&
    a.intent === b.intent &&
    a.startedAt === b.startedAt &&
    a.stuck === b.stuck &&
    a.stuckBecause === b.stuckBecause &&
    a.drains === b.drains &&
    a.restoring === b.restoring
  );
}

function memoryOf({ intent, healthySince, soaked }: PolicyRolloutStatus): StageMemory {
  const since = healthySince === undefined ? NaN : Date.parse(healthySince) / 1000;
  return { intent, ...(Number.isNaN(since) ? {} : { healthySince: since }), ...(soaked === true ? { soaked } : {}) };
}
