import type { Finding } from '../../api/reasons.ts';
import type { NodeFacts } from '../model/mesh.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Workload } from '../model/workload.ts';
import type { Clocks } from '../promise/clocks.ts';
import type { Intent } from '../promise/intent.ts';
import { brokenDrainClauses } from '../promise/promise.ts';

/**
 * What a check of settings looks at: nothing that is one workload's own, so that workloads with the same settings share its
 * findings. `intent` is the governing policy's own, or the stated assumption where there is no policy.
 */
export interface SettingsCheckInput {
  readonly settings: EffectiveSettings;
  readonly intent: Intent;
  readonly clocks: Clocks;
  /** Nobody sends it requests, and it ends when its work is done. */
  readonly job: boolean;
}

/** What a check of one workload looks at. */
export interface CheckInput extends SettingsCheckInput {
  readonly workload: Workload;
  /** Absent where nothing is known of them. */
  readonly nodes?: NodeFacts;
}

/** A check is small and pure: one rule, its findings. */
export type Check = (input: CheckInput) => Finding[];
/** One that asks for settings alone. */
export type SettingsCheck = (input: SettingsCheckInput) => Finding[];

/** The drain holds by other means: a native proxy lives until the application has exited, whatever a hook does not wait for. */
export function holdsAnyway({ settings, intent, clocks }: SettingsCheckInput): boolean {
  return brokenDrainClauses(settings, intent, clocks).length === 0;
}

export function isClassic(settings: EffectiveSettings): boolean {
  return settings.proxy.container === 'Classic';
}
