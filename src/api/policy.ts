import { sidecarDrainPolicySchema } from './policy-schema.gen.ts';
import type { DefaultedPolicyWaves, DefaultedSidecarDrainPolicySpec, SidecarDrainPolicySpec } from './policy.gen.ts';
import type { Schema } from './schema.ts';
import { fillDefaults } from './schema.ts';

export type * from './policy.gen.ts';
export { parsePolicyDuration } from './duration.ts';

const specSchema = sidecarDrainPolicySchema.properties?.spec as Schema;
const wavesSchema = specSchema.properties?.rollout?.properties?.waves as Schema;

/**
 * The spec with every default filled in: those of the schema, which the API server fills in too, and those that hold only in
 * some modes, which the schema therefore cannot state: `strategy` (Auto) in Adaptive and Combined, `hook`
 * (EstablishedConnections) with PreStopHook, `waves` with Waves. Call it on a spec that the schema accepts.
 */
export function withDefaults(spec: SidecarDrainPolicySpec): DefaultedSidecarDrainPolicySpec {
  const filled = fillDefaults(specSchema, spec) as DefaultedSidecarDrainPolicySpec;
  const { drain, rollout } = filled;
  const strategy = drain.mode === 'Fixed' ? undefined : drain.strategy ?? 'Auto';
  const hook = strategy === 'PreStopHook' ? drain.hook ?? 'EstablishedConnections' : undefined;
  return {
    ...filled,
    drain: { ...drain, ...(strategy === undefined ? {} : { strategy }), ...(hook === undefined ? {} : { hook }) },
    rollout: rollout.strategy === 'Immediate'
      ? rollout
      : { ...rollout, waves: rollout.waves ?? fillDefaults(wavesSchema, {}) as DefaultedPolicyWaves },
  };
}
