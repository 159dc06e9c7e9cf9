import type { EpochMs } from '../time.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';

/** Policies come in groups (one apply of several files): this long after the last change nothing new comes. */
const QUIET_MS = 1_500;
/** Whoever edits a policy without pause holds up others for this long and no longer. */
const LONGEST_MS = 10_000;

interface Series {
  readonly namespace: string | undefined;
  readonly since: EpochMs;
  readonly latest: EpochMs;
}

/**
 * Under Waves nothing is written until the policies have been quiet for a moment, so that no workload restarts for a policy
 * that the next one overrides. Only policies that write count, each for itself and for so long at most; one of a namespace
 * concerns that namespace alone.
 */
export class PoliciesSettling {
  /** By the policy's name. Gone when the series is over. */
  private readonly series = new Map<string, Series>();
  private readonly now: () => EpochMs;

  constructor(now: () => EpochMs) {
    this.now = now;
  }

  changed(before: PolicyRecord | undefined, after: PolicyRecord | undefined): void {
    const policy = after ?? before;
    if (policy === undefined || !(writes(before) || writes(after))) {
      return;
    }
    const now = this.now();
    const known = this.series.get(policy.name);
    this.series.set(policy.name, {
      namespace: policy.namespace,
      since: known !== undefined && now < known.latest + QUIET_MS ? known.since : now,
      latest: now,
    });
  }

  /** Until when to wait in a namespace; undefined where nothing has changed lately. */
  until(namespace: string): EpochMs | undefined {
    const now = this.now();
    let until = 0;
    for (const [name, series] of this.series) {
      if (now >= series.latest + QUIET_MS) {
        this.series.delete(name);
      } else if (series.namespace === undefined || series.namespace === namespace) {
        until = Math.max(until, Math.min(series.latest + QUIET_MS, series.since + LONGEST_MS));
      }
    }
    return until > now ? until : undefined;
  }
}

function writes(policy: PolicyRecord | undefined): boolean {
  return policy?.spec.enforcement === 'Enforce' && !policy.spec.suspend;
}
