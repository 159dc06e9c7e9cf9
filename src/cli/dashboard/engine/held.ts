import type { PolicyRolloutStatus } from '../../../api/policy.ts';
import type { PolicyRecord } from '../../../drain/plan/policies.ts';
import { mayRoll, type Rolling } from '../../../drain/rollout/gate.ts';
import { windowAt, windowMessage } from '../../../drain/rollout/windows.ts';
import type { HeldGroup } from '../wire.ts';

/** What of a workload decides whether it may roll. */
export interface Turn extends Rolling {
  readonly state: 'Pending' | 'Updating';
  /** What in the workload itself is in the way. */
  readonly obstacle?: string;
}

export interface HeldOptions {
  readonly policy: PolicyRecord;
  /** As the operator has it. */
  readonly stage: PolicyRolloutStatus | undefined;
  /** When the canaries have been watched for long enough. */
  readonly soakedAt: string | undefined;
  /** What the operator says of an approval that is missing. */
  readonly approval: string | undefined;
  readonly paused: boolean;
  /** Of the policy. */
  readonly turns: readonly Turn[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

interface Refusal {
  readonly gate: HeldGroup['gate'];
  readonly because: string;
  /** RFC 3339. */
  readonly until?: string;
}

/** Workloads of a group that are named. */
const MOST_NAMES = 5;
/** What the operator's own flags allow is not known here. */
const NO_CAPS = { workloads: Infinity, perNamespace: Infinity };

/** Who waits for what, in the order in which the operator asks; empty where nothing waits. */
export function heldGroups(options: HeldOptions): HeldGroup[] {
  const { turns } = options;
  const all = refusalOfAll(options);
  const rolling = turns.filter(({ state }) => state === 'Updating');
  const groups = new Map<string, HeldGroup>();
  for (const turn of turns) {
    if (turn.state !== 'Pending') {
      continue;
    }
    const refusal = all ?? ownRefusal(turn, rolling, options);
    const key = `${refusal.gate} ${refusal.because}`;
    const group = groups.get(key) ?? { ...refusal, workloads: 0, names: [] };
    groups.set(key, {
      ...group,
      workloads: group.workloads + 1,
      names: group.names.length < MOST_NAMES ? [...group.names, turn.workload] : group.names,
    });
  }
  return [...groups.values()].sort((a, b) => b.workloads - a.workloads);
}

/** What holds every workload of the policy, whatever its own state. */
function refusalOfAll({ policy, approval, paused, now }: HeldOptions): Refusal | undefined {
  if (paused) {
    return { gate: 'OffSwitch', because: 'the off switch is on' };
  }
  if (approval !== undefined) {
    return { gate: 'Approval', because: approval };
  }
  const window = windowAt(policy.windows ?? [], now);
  if (window.open) {
    return undefined;
  }
  const until = window.opensAt === undefined ? undefined : new Date(window.opensAt).toISOString();
  return { gate: 'Window', because: windowMessage(window), until };
}

function ownRefusal(turn: Turn, rolling: readonly Turn[], { policy, stage, soakedAt }: HeldOptions): Refusal {
  if (turn.obstacle !== undefined) {
    return { gate: 'Workload', because: turn.obstacle };
  }
  switch (stage?.phase) {
    case 'Halted':
      return { gate: 'Slot', because: 'the rollout is halted' };
    case 'Canary':
      return { gate: 'Slot', because: 'the canaries go first' };
    case 'Soaking':
      return { gate: 'Slot', because: 'the canaries are watched', until: soakedAt };
    default:
  }
  const { strategy, waves } = policy.spec.rollout;
  if (strategy === 'Waves' && waves !== undefined) {
    const answer = mayRoll(turn, rolling, { strategy, ...waves }, NO_CAPS);
    if (!answer.open) {
      return { gate: 'Slot', because: answer.because };
    }
  }
  return { gate: 'None', because: 'nothing holds it: the operator writes it next, within its own limits' };
}
