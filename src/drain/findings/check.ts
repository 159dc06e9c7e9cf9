import type { Finding } from '../../api/reasons.ts';
import type { NodeFacts } from '../model/mesh.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Workload } from '../model/workload.ts';
import type { Intent } from '../promise/intent.ts';
import { brokenDrainClauses, type Clocks } from '../promise/promise.ts';

/** What a check looks at. `intent` is the governing policy's own, or the stated assumption where there is no policy. */
export interface CheckInput {
  readonly workload: Workload;
  readonly settings: EffectiveSettings;
  readonly intent: Intent;
  readonly clocks: Clocks;
  /** Absent where nothing is known of them. */
  readonly nodes?: NodeFacts;
}

/** A check is small and pure: one rule, its findings. */
export type Check = (input: CheckInput) => Finding[];

/** Nobody sends it requests, and it ends when its work is done. */
export function isJob({ kind }: CheckInput['workload']): boolean {
  return kind === 'Job' || kind === 'CronJob';
}

/** The drain holds by other means: a native proxy lives until the application has exited, whatever a hook does not wait for. */
export function holdsAnyway({ settings, intent, clocks }: CheckInput): boolean {
  return brokenDrainClauses(settings, intent, clocks).length === 0;
}

export function isClassic(settings: EffectiveSettings): boolean {
  return settings.proxy.container === 'Classic';
}
