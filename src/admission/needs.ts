import type { PolicyRecord } from '../drain/plan/policies.ts';
import type { WebhookNeed } from './webhooks.ts';

/**
 * What the policies of a cluster need of the webhook. Only those count that may change something: a policy in Audit, one that
 * is suspended, cannot be evaluated, or is on its way out sends nobody's requests here.
 */
export function needsOf(policies: Iterable<PolicyRecord>): WebhookNeed[] {
  const needs: WebhookNeed[] = [];
  for (const { spec, deleting, compiled } of policies) {
    if (deleting || compiled === undefined || spec.enforcement !== 'Enforce' || spec.suspend) {
      continue;
    }
    needs.push({ namespaceSelector: spec.match.namespaceSelector, kinds: spec.match.kinds, delivery: spec.delivery });
  }
  return needs;
}
