import { withDefaults, type DefaultedSidecarDrainPolicySpec, type SidecarDrainPolicy } from '../../api/policy.ts';
import { compilePolicy, type CompiledPolicy } from '../selection/match.ts';
import { intentOf, type Intent } from './intent.ts';

/** A policy, made ready once so that thousands of workloads can be held against it. */
export interface PolicyRecord {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly deleting: boolean;
  readonly spec: DefaultedSidecarDrainPolicySpec;
  readonly intent: Intent;
  /** Absent where the policy cannot be evaluated; `stalled` says why. */
  readonly compiled?: CompiledPolicy;
  readonly stalled?: { readonly reason: 'InvalidSelector' | 'InvalidNamePattern' | 'InvalidSpec'; readonly message: string };
}

/** Reads a policy; what cannot be evaluated is stalled with a reason, never thrown. */
export function readPolicy(raw: SidecarDrainPolicy): PolicyRecord {
  const meta = raw.metadata ?? {};
  const base = {
    name: meta.name ?? '',
    uid: meta.uid ?? '',
    generation: meta.generation ?? 0,
    deleting: meta.deletionTimestamp !== undefined,
  };
  let spec: DefaultedSidecarDrainPolicySpec;
  let intent: Intent;
  try {
    spec = withDefaults(raw.spec);
    intent = intentOf(spec);
  } catch (error) {
    return { ...base, spec: raw.spec as DefaultedSidecarDrainPolicySpec, intent: NO_INTENT, stalled: { reason: 'InvalidSpec', message: error instanceof Error ? error.message : String(error) } };
  }
  const compiled = compilePolicy({ ...raw, spec });
  return compiled.ok
    ? { ...base, spec, intent, compiled: compiled.policy }
    : { ...base, spec, intent, stalled: { reason: compiled.problems[0]?.reason ?? 'InvalidSpec', message: compiled.problems.map((problem) => `${problem.path}: ${problem.message}`).join('; ') } };
}

const NO_INTENT: Intent = {
  mode: 'Fixed', duration: 0, maxWait: 0, endpointDelay: 0, strategy: 'Auto', hook: 'EstablishedConnections', environment: 'Annotation',
  drainDuration: 'Leave', form: 'Keep', holdApplicationUntilProxyStarts: 'Keep', graceChange: 'Never', margin: 1, graceMaximum: 0,
};
