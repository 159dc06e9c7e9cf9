import type { ManagedField } from '../model/workload.ts';
import type { NearestGrace } from './nearest-grace.ts';
import type { RestoreStep } from './restore.ts';

/** What became of what we wrote, over all patches of one restore. */
export interface RestoreResult {
  readonly restored: readonly ManagedField[];
  /** Somebody else has changed or declared it since. */
  readonly kept: readonly ManagedField[];
  readonly nearest?: NearestGrace;
}

/**
 * @param steps as they were planned, refused ones included: what a refused one was to restore is kept by a later one, or
 * restored by it
 */
export function restoreResult(steps: readonly Pick<RestoreStep, 'restored' | 'kept' | 'nearest'>[]): RestoreResult {
  const nearest = steps.findLast((step) => step.nearest !== undefined)?.nearest;
  // The last step meets the nearest value that was possible, which is neither ours nor the one before us.
  const kept = (steps.at(-1)?.kept ?? []).filter((field) => field !== 'gracePeriod' || nearest === undefined);
  const planned = new Set(steps.flatMap(({ restored }) => restored));
  return { restored: [...planned].filter((field) => !kept.includes(field)), kept, nearest };
}

/** What happened, as the rest of a sentence about a workload. */
export function restoreResultText({ restored, kept, nearest }: RestoreResult): string {
  const parts: string[] = [];
  if (kept.length === 0) {
    parts.push(restored.length === 0 ? 'nothing of ours was left there' : 'the values from before the policy are back');
  } else {
    parts.push(
      ...(restored.length === 0 ? [] : [`restored to the values from before the policy: ${restored.join(', ')}`]),
      `${kept.join(', ')} stays as it is, because somebody else has changed or declared it since`,
    );
  }
  if (nearest !== undefined) {
    parts.push(nearestText(nearest));
  }
  return parts.join('; ');
}

export function nearestText({ seconds, before, because }: NearestGrace): string {
  return `the grace period goes to ${seconds} s and not to the ${before} s from before, because ${because}`;
}
