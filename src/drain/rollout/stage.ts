import type { Seconds } from '../model/workload.ts';

/**
 * How far a policy's rollout has come: first a few canaries, then a soak, then the rest, and a halt where a workload that
 * was changed does not become healthy. Everything is computed anew from what the workloads show (their state annotation
 * and their rollout); only the beginning of the soak has to be remembered, in the policy's status.
 */

export interface StageRules {
  /** Workloads that go first. 0: none, and no soak. */
  readonly canary: number;
  readonly soak: Seconds;
  readonly progressDeadline: Seconds;
  readonly maxConcurrent: number;
}

/** A workload that carries the policy's state, or is being restored by it. */
export interface Member {
  readonly workload: string;
  /** The intent that it was written for. */
  readonly intent: string;
  /** When the write that restarted its pods was made. Absent where nothing was restarted for this intent. */
  readonly startedAt?: Seconds;
  /** Restored: it counts for halting only. */
  readonly restoring?: boolean;
  /** `Rolling` because of us; `Busy`: it rolls because of somebody else; `Unwell`: at rest, and replicas are missing. */
  readonly health: 'Rolling' | 'Busy' | 'Whole' | 'Unwell';
  /** Since when, as far as is known. */
  readonly since: Seconds;
  /** Its own status says that the rollout does not get on. */
  readonly stuck: boolean;
  /** Why it does not get on, where its status is not what says so. */
  readonly stuckBecause?: string;
  /** How long its rollout may wait for the drains of old pods: that much is granted beside progressDeadline. */
  readonly drains?: Seconds;
}

export interface StageMemory {
  readonly intent: string;
  /** Since when the canaries have all been healthy. */
  readonly healthySince?: Seconds;
  /** The soak is over: it comes once for each intent. */
  readonly soaked?: true;
}

export interface Halt {
  readonly workload: string;
  readonly message: string;
}

export interface Stage {
  readonly phase: 'Canary' | 'Soaking' | 'Rolling' | 'Halted';
  /** How many more workloads may start now, other limits aside. */
  readonly spots: number;
  /** Why no more. */
  readonly because: string;
  readonly halt?: Halt;
  /** To be remembered. */
  readonly memory: StageMemory;
  /** When time alone may change the answer, in seconds since 1970. */
  readonly lookAt?: Seconds;
}

/** An unavailable replica for a moment (a drained node, a scale-up) is no reason to halt: a tenth of the soak, at most this. */
const LONGEST_TOLERANCE: Seconds = 60;

export function toleranceOf({ soak }: StageRules): Seconds {
  return Math.min(LONGEST_TOLERANCE, soak / 10);
}

/** Why a workload halts its policy, or undefined. */
export function haltedBy(member: Member, rules: StageRules, now: Seconds): Halt | undefined {
  if (member.health !== 'Rolling') {
    return undefined;
  }
  const { workload } = member;
  const what = member.restoring === true ? 'was restored' : 'was changed';
  if (member.stuck) {
    const why = member.stuckBecause ?? 'its rollout is stuck (ProgressDeadlineExceeded)';
    return { workload, message: `${workload} ${what}, and ${why}` };
  }
  const drains = member.drains ?? 0;
  return now - member.since >= deadlineOf(member, rules)
    ? {
        workload,
        message:
          `${workload} ${what}, and is not rolled out after ${rules.progressDeadline} s (progressDeadline)` +
          (drains > 0 ? ` and ${drains} s for the drains of its old pods` : ''),
      }
    : undefined;
}

/** How long the member may roll: old pods that drain, one group after the other, are no lack of progress. */
export function deadlineOf({ drains = 0 }: Member, { progressDeadline }: StageRules): Seconds {
  return progressDeadline + drains;
}

/** @param now seconds since 1970 */
export function stageOf(
  rules: StageRules,
  intent: string,
  members: Iterable<Member>,
  remembered: StageMemory | undefined,
  now: Seconds,
): Stage {
  const all = [...members];
  const memory: StageMemory = remembered?.intent === intent ? remembered : { intent };
  const canaries = all.filter(
    (member) => member.intent === intent && member.startedAt !== undefined && member.restoring !== true,
  );
  const first = firstHalt(all, rules, now);
  const soaks = rules.canary > 0 && memory.soaked !== true;
  if (!soaks) {
    return first === undefined ? rest(rules, all, canaries, memory) : halted(first, memory);
  }
  const tolerance = toleranceOf(rules);
  const unwell = canaries.find((member) => member.health === 'Unwell' && now - member.since >= tolerance);
  const halt =
    first ??
    (unwell === undefined
      ? undefined
      : {
          workload: unwell.workload,
          message: `${unwell.workload} was changed as a canary and is not healthy any more: not every replica is available`,
        });
  if (halt !== undefined) {
    // It has to be healthy for the whole of the soak, so that begins again.
    return halted(halt, { intent });
  }
  return soak(rules, canaries, memory, now);
}

function soak(rules: StageRules, canaries: readonly Member[], memory: StageMemory, now: Seconds): Stage {
  const whole = canaries.filter((member) => member.health === 'Whole').length;
  const blips = canaries.filter((member) => member.health === 'Unwell' || member.health === 'Busy').length;
  const healthySince =
    whole >= rules.canary
      ? (memory.healthySince ?? now)
      : whole + blips >= rules.canary
        ? memory.healthySince
        : undefined;
  if (healthySince === undefined) {
    const under = canaries
      .filter((member) => member.health !== 'Whole')
      .map((member) => member.workload)
      .slice(0, 3);
    return {
      phase: 'Canary',
      spots: Math.max(0, rules.canary - canaries.length),
      memory: { intent: memory.intent },
      because: `${rules.canary} workload(s) go first as canaries${under.length === 0 ? '' : ` (${under.join(', ')})`}`,
    };
  }
  const over = healthySince + rules.soak;
  if (now >= over && whole >= rules.canary) {
    const soaked: StageMemory = { intent: memory.intent, healthySince, soaked: true };
    return rest(rules, canaries, canaries, soaked);
  }
  return {
    phase: 'Soaking',
    spots: 0,
    memory: { intent: memory.intent, healthySince },
    because: `the canaries have rolled out and are watched until ${new Date(over * 1000).toISOString()}`,
    // Past that time only a canary that gets well, or does not in time, changes anything: its own change tells.
    ...(now < over ? { lookAt: over } : {}),
  };
}

/**
 * Within limits, with one bound more: a workload that lags holds the others back. While it rolls, at most `maxConcurrent`
 * others start after it, so that few have been restarted when it turns out never to become healthy.
 */
function rest(rules: StageRules, all: readonly Member[], ofIntent: readonly Member[], memory: StageMemory): Stage {
  let oldest: Member | undefined;
  for (const member of all) {
    if (
      member.health === 'Rolling' &&
      member.startedAt !== undefined &&
      member.restoring !== true &&
      (oldest?.startedAt ?? Infinity) > member.startedAt
    ) {
      oldest = member;
    }
  }
  const behind = oldest?.startedAt;
  const later = behind === undefined ? 0 : ofIntent.filter((member) => (member.startedAt ?? 0) > behind).length;
  const spots = oldest === undefined ? Infinity : Math.max(0, rules.maxConcurrent - later);
  return {
    phase: 'Rolling',
    spots,
    memory,
    because:
      oldest === undefined
        ? ''
        : `${oldest.workload} is still rolling out, and ${later} workload(s) were started after it`,
  };
}

function firstHalt(members: readonly Member[], rules: StageRules, now: Seconds): Halt | undefined {
  let first: Halt | undefined;
  for (const member of members) {
    const halt = haltedBy(member, rules, now);
    if (halt !== undefined && (first === undefined || halt.workload < first.workload)) {
      first = halt;
    }
  }
  return first;
}

function halted(halt: Halt, memory: StageMemory): Stage {
  return { phase: 'Halted', spots: 0, because: `the rollout is halted: ${halt.message}`, halt, memory };
}
