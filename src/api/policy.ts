import { GROUP, VERSION } from './names.ts';
import {
  drainExemptionSchema,
  namespacedSidecarDrainPolicySchema,
  sidecarDrainPolicySchema,
} from './policy-schema.gen.ts';
import type { DefaultedPolicyWaves, DefaultedSidecarDrainPolicySpec, SidecarDrainPolicySpec } from './policy.gen.ts';
import type { Schema, SchemaProblem } from './schema.ts';
import { fillDefaults, isRecord } from './schema.ts';
import { validateAgainst } from './schema-validate.ts';

export type * from './policy.gen.ts';
export type { SchemaProblem } from './schema.ts';
export { parsePolicyDuration } from './duration.ts';

export const POLICY_KIND = 'SidecarDrainPolicy';
export const POLICY_API_VERSION = `${GROUP}/${VERSION}` as const;
/** As it stands in request paths. */
export const POLICY_PLURAL = 'sidecardrainpolicies';
export const NAMESPACED_POLICY_KIND = 'NamespacedSidecarDrainPolicy';
export const NAMESPACED_POLICY_PLURAL = 'namespacedsidecardrainpolicies';
export const EXEMPTION_KIND = 'DrainExemption';
export const EXEMPTION_PLURAL = 'drainexemptions';

const specSchema = sidecarDrainPolicySchema.properties?.spec as Schema;
const wavesSchema = specSchema.properties?.rollout?.properties?.waves as Schema;

/**
 * The spec with every default filled in: those of the schema, which the API server fills in too, and those that hold only in
 * some modes, which the schema therefore cannot state: `strategy` (Auto) in Adaptive and Combined, `hook`
 * (EstablishedConnections) with PreStopHook, `waves` with Waves, and with
 * OnNextRollout, where they bound restoring. Call it on a spec that the schema accepts.
 */
export function withDefaults(spec: SidecarDrainPolicySpec): DefaultedSidecarDrainPolicySpec {
  const filled = fillDefaults(specSchema, spec) as DefaultedSidecarDrainPolicySpec;
  const { drain, rollout } = filled;
  const strategy = drain.mode === 'Fixed' ? undefined : (drain.strategy ?? 'Auto');
  const hook = strategy === 'PreStopHook' ? (drain.hook ?? 'EstablishedConnections') : undefined;
  return {
    ...filled,
    drain: { ...drain, ...(strategy === undefined ? {} : { strategy }), ...(hook === undefined ? {} : { hook }) },
    rollout:
      rollout.strategy === 'Immediate'
        ? rollout
        : { ...rollout, waves: rollout.waves ?? (fillDefaults(wavesSchema, {}) as DefaultedPolicyWaves) },
  };
}

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME_MESSAGE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  'and must start and end with an alphanumeric character';

/**
 * Everything for which the API server would refuse this manifest, with the same field paths and messages; empty when it would accept it.
 * The status is not looked at: who creates an object cannot set it.
 */
export function validatePolicy(raw: unknown): readonly SchemaProblem[] {
  return validateObject(raw, POLICY_KIND);
}

/** The same for any of our kinds. */
export function validateObject(raw: unknown, kind: keyof typeof SCHEMAS): readonly SchemaProblem[] {
  if (!isRecord(raw)) {
    return [{ path: '', message: `a ${kind} is an object with apiVersion, kind, metadata and spec` }];
  }
  const problems: SchemaProblem[] = [];
  if (raw.apiVersion !== POLICY_API_VERSION) {
    problems.push({ path: 'apiVersion', message: `must be ${POLICY_API_VERSION}` });
  }
  if (raw.kind !== kind) {
    problems.push({ path: 'kind', message: `must be ${kind}` });
  }
  problems.push(...nameProblems(raw.metadata));
  // These have been judged above, or are not; undefined is as good as absent.
  const judged = { ...raw, apiVersion: undefined, kind: undefined, metadata: undefined, status: undefined };
  const filled = fillDefaults(SCHEMAS[kind], judged);
  return [...problems, ...validateAgainst(SCHEMAS[kind], filled)];
}

const SCHEMAS = {
  [POLICY_KIND]: sidecarDrainPolicySchema,
  [NAMESPACED_POLICY_KIND]: namespacedSidecarDrainPolicySchema,
  [EXEMPTION_KIND]: drainExemptionSchema,
} as const satisfies Record<string, Schema>;

function nameProblems(metadata: unknown): readonly SchemaProblem[] {
  const name = isRecord(metadata) ? (metadata.name ?? '') : '';
  if (name === '' && isRecord(metadata) && typeof metadata.generateName === 'string' && metadata.generateName !== '') {
    return [];
  }
  if (name === '') {
    return [{ path: 'metadata.name', message: 'Required value: name or generateName is required' }];
  }
  return typeof name === 'string' && name.length <= 253 && NAME.test(name)
    ? []
    : [{ path: 'metadata.name', message: NAME_MESSAGE }];
}
