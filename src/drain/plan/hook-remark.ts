import type { PolicyRecord } from './policies.ts';

/**
 * What a policy that puts a hook into pod templates means for their owners' own applies; undefined where it puts none there.
 * The API server does not name us when it refuses one, so it is said beforehand.
 */
export function hookRemark({ spec, intent }: Pick<PolicyRecord, 'spec' | 'intent'>): string | undefined {
  if (intent.strategy !== 'PreStopHook' || spec.delivery === 'Admission') {
    return undefined;
  }
  const type = Object.keys(intent.lifecycle?.preStop ?? { exec: {} }).join(', ');
  return `where its hook (${type}) stands on istio-proxy in a pod template, the API server refuses an owner's apply that adds a hook of another type there ("may not specify more than 1 handler type"), unless the admission webhook or, from Kubernetes 1.36, the admission policy of config/admission-policies/hooks.yaml takes it out`;
}
