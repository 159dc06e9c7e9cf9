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

/** What is known of one policy. It outlives the policy while workloads of it are still being restored. */
interface PolicyMemory {
  /** The policy as it is now; absent where it is not known yet, or gone. */
  policy?: {
    readonly name: string;
    readonly intent: string;
    /** Absent where the policy has no waves. */
    readonly rules: StageRules | undefined;
    readonly countTerminating: boolean;
  };
  readonly members: Map<string, Member>;
  remembered?: StageMemory;
  stage?: Stage;
  /** Milliseconds since 1970. */
  reviewedAt: number;
}

/** How far each policy's waves have come, kept up to date as its workloads change. Policies are told apart by their uid. */
export class Stages {
  private readonly options: StagesOptions;
  private readonly policies = new Map<string, PolicyMemory>();
  private readonly policyOf = new Map<string, string>();

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
    const memory = this.memoryOf(policy.uid);
    memory.policy = {
      name: policy.name,
      intent: intentKey(policy.intent),
      rules,
      countTerminating: waves?.countTerminating ?? false,
    };
    if (status !== undefined) {
      memory.remembered ??= rememberedBy(status);
    }
    this.review(memory);
  }

  forgetPolicy(uid: string): void {
    const memory = this.policies.get(uid);
    if (memory !== undefined && memory.members.size > 0) {
      this.policies.set(uid, { members: memory.members, reviewedAt: 0 });
    } else {
      this.policies.delete(uid);
    }
  }

  rulesOf(uid: string): StageRules {
    return this.policies.get(uid)?.policy?.rules ?? DEFAULT_RULES;
  }

  /** Whether a workload of this policy keeps its slot until its old pods are gone (waves.countTerminating). Never without waves. */
  countsTerminating(uid: string): boolean {
    return this.policies.get(uid)?.policy?.countTerminating ?? true;
  }

  memberOf(workload: string): Member | undefined {
    return this.policies.get(this.policyOf.get(workload) ?? '')?.members.get(workload);
  }

  /** What a workload shows now; undefined where it has nothing to do with any policy. */
  set(uid: string | undefined, workload: string, member: Member | undefined): void {
    const before = this.policyOf.get(workload);
    if (before !== undefined && (before !== uid || member === undefined)) {
      this.removeMember(before, workload);
    }
    if (uid === undefined || member === undefined) {
      return;
    }
    const memory = this.memoryOf(uid);
    const known = memory.members.get(workload);
    memory.members.set(workload, member);
    this.policyOf.set(workload, uid);
    // Time alone changes what these two mean.
    if (
      known === undefined ||
      !sameMember(known, member) ||
      member.health === 'Rolling' ||
      member.health === 'Unwell'
    ) {
      this.review(memory);
    }
  }

  /** Undefined where the policy has no waves. */
  stageOf(uid: string): Stage | undefined {
    const memory = this.policies.get(uid);
    // Every change of a member has been reviewed; what time alone changes may wait for a moment.
    if (memory !== undefined && this.options.now() - memory.reviewedAt >= REVIEW_AGAIN_MS) {
      this.review(memory);
    }
    return memory?.stage;
  }

  /** A workload that was restored and does not get well: then no other one of that policy is restored. */
  haltOfRestoring(uid: string): Halt | undefined {
    const now = this.options.now() / 1000;
    for (const member of this.policies.get(uid)?.members.values() ?? []) {
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
    const halt = this.policies.get(uid)?.stage?.halt;
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
    for (const { policy, stage } of this.policies.values()) {
      if (policy !== undefined && (stage?.phase === 'Halted' || stage?.phase === 'Soaking')) {
        yield [policy.name, stage.phase];
      }
    }
  }

  private memoryOf(uid: string): PolicyMemory {
    let memory = this.policies.get(uid);
    if (memory === undefined) {
      memory = { members: new Map(), reviewedAt: 0 };
      this.policies.set(uid, memory);
    }
    return memory;
  }

  private removeMember(uid: string, workload: string): void {
    this.policyOf.delete(workload);
    const memory = this.policies.get(uid);
    if (memory === undefined) {
      return;
    }
    memory.members.delete(workload);
    if (memory.members.size === 0 && memory.policy === undefined) {
      this.policies.delete(uid);
    } else {
      this.review(memory);
    }
  }

  private review(memory: PolicyMemory): void {
    const { policy, members, remembered, stage: before } = memory;
    if (policy?.rules === undefined) {
      memory.stage = undefined;
      return;
    }
    const now = this.options.now();
    const after = stageOf(policy.rules, policy.intent, members.values(), remembered, now / 1000);
    memory.reviewedAt = now;
    memory.remembered = after.memory;
    memory.stage = after;
    if (
      before?.phase !== after.phase ||
      before.halt?.message !== after.halt?.message ||
      before.memory.intent !== after.memory.intent ||
      before.spots < after.spots
    ) {
      this.options.onTurn(policy.name, before, after);
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

function rememberedBy({ intent, healthySince, soaked }: PolicyRolloutStatus): StageMemory {
  const since = healthySince === undefined ? NaN : Date.parse(healthySince) / 1000;
  return { intent, ...(Number.isNaN(since) ? {} : { healthySince: since }), ...(soaked === true ? { soaked } : {}) };
}
