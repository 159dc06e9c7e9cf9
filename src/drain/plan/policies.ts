import { NAMESPACE_NAME_LABEL } from '../../api/names.ts';
import {
  NAMESPACED_POLICY_KIND,
  POLICY_KIND,
  withDefaults,
  type DefaultedSidecarDrainPolicySpec,
  type NamespacedSidecarDrainPolicy,
  type SidecarDrainPolicy,
  type SidecarDrainPolicySpec,
} from '../../api/policy.ts';
import { compileWindows, type CompiledWindow, type CompiledWindows } from '../rollout/windows.ts';
import { compilePolicy, type CompiledPolicy } from '../selection/match.ts';
import { customHookProblem } from './custom-hook.ts';
import { intentOf, type Intent } from '../promise/intent.ts';

/** A policy, made ready once so that thousands of workloads can be held against it. */
export interface PolicyRecord {
  /** What it is called everywhere: `name`, and of a namespaced policy `namespace/name`. No name of an object has a slash. */
  readonly name: string;
  /** Only of a NamespacedSidecarDrainPolicy. */
  readonly namespace?: string;
  readonly uid: string;
  readonly generation: number;
  readonly deleting: boolean;
  readonly spec: DefaultedSidecarDrainPolicySpec;
  readonly intent: Intent;
  /** Absent where the policy cannot be evaluated; `stalled` says why. */
  readonly compiled?: CompiledPolicy;
  /** When its pods may be restarted; none is always. */
  readonly windows?: readonly CompiledWindow[];
  readonly stalled?: {
    readonly reason: 'InvalidSelector' | 'InvalidNamePattern' | 'InvalidSpec' | 'InvalidWindow' | 'KindUnknown';
    readonly message: string;
  };
}

/** Reads a policy; what cannot be evaluated is stalled with a reason, never thrown. */
export function readPolicy(raw: SidecarDrainPolicy): PolicyRecord {
  return read(raw, raw.metadata?.name ?? '', undefined);
}

/**
 * The same of a namespaced policy, which becomes one like the cluster's that selects its own namespace and nothing else.
 * @param defaultNamespace where the manifest states none
 */
export function readNamespacedPolicy(
  { spec, ...raw }: NamespacedSidecarDrainPolicy,
  defaultNamespace = 'default',
): PolicyRecord {
  const namespace = raw.metadata?.namespace ?? defaultNamespace;
  const namespaceSelector = { matchLabels: { [NAMESPACE_NAME_LABEL]: namespace } };
  return read(
    { ...raw, spec: { ...spec, match: { ...spec.match, namespaceSelector } } },
    `${namespace}/${raw.metadata?.name ?? ''}`,
    namespace,
  );
}

/** Kind, namespace and name of the object behind a policy. */
export function policyObject({ name, namespace }: Pick<PolicyRecord, 'name' | 'namespace'>): {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
} {
  return namespace === undefined
    ? { kind: POLICY_KIND, name }
    : { kind: NAMESPACED_POLICY_KIND, namespace, name: name.slice(namespace.length + 1) };
}

interface RawPolicy {
  readonly metadata?: SidecarDrainPolicy['metadata'];
  readonly spec: SidecarDrainPolicySpec;
}

function read(raw: RawPolicy, name: string, namespace: string | undefined): PolicyRecord {
  const meta = raw.metadata ?? {};
  const base = {
    name,
    namespace,
    uid: meta.uid ?? '',
    generation: meta.generation ?? 0,
    deleting: meta.deletionTimestamp !== undefined,
  };
  let spec: DefaultedSidecarDrainPolicySpec;
  let intent: Intent;
  let windows: CompiledWindows;
  try {
    spec = withDefaults(raw.spec);
    intent = intentOf(spec);
    windows = compileWindows(spec.rollout.windows ?? []);
  } catch (error) {
    return {
      ...base,
      spec: raw.spec as DefaultedSidecarDrainPolicySpec,
      intent: NO_INTENT,
      stalled: { reason: 'InvalidSpec', message: error instanceof Error ? error.message : String(error) },
    };
  }
  const compiled = compilePolicy({ spec }, namespace);
  if (compiled.ok && !windows.ok) {
    // Whom it means is known: it goes on governing, and writes nothing.
    return {
      ...base,
      spec,
      intent,
      compiled: compiled.policy,
      stalled: { reason: 'InvalidWindow', message: `${windows.path}: ${windows.message}` },
    };
  }
  const refused = customHookProblem(intent);
  if (compiled.ok && refused !== undefined) {
    return { ...base, spec, intent, compiled: compiled.policy, stalled: { reason: 'InvalidSpec', message: refused } };
  }
  return compiled.ok
    ? {
        ...base,
        spec,
        intent,
        compiled: compiled.policy,
        ...(windows.ok && windows.windows.length > 0 ? { windows: windows.windows } : {}),
      }
    : {
        ...base,
        spec,
        intent,
        stalled: {
          reason: compiled.problems[0]?.reason ?? 'InvalidSpec',
          message: compiled.problems.map((problem) => `${problem.path}: ${problem.message}`).join('; '),
        },
      };
}

const NO_INTENT: Intent = {
  mode: 'Fixed',
  duration: 0,
  maxWait: 0,
  endpointDelay: 0,
  strategy: 'Auto',
  hook: 'EstablishedConnections',
  application: 'Leave',
  environment: 'Annotation',
  drainDuration: 'Leave',
  form: 'Keep',
  holdApplicationUntilProxyStarts: 'Keep',
  graceChange: 'Never',
  margin: 1,
  graceMaximum: 0,
};
