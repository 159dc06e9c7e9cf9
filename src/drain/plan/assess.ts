import type { Decision } from '../model/decision.ts';
import type { MeshFacts, NamespaceFacts } from '../model/mesh.ts';
import type { Workload } from '../model/workload.ts';
import { proxyOf } from '../mesh/injection.ts';
import type { ActiveExemption } from '../selection/exemptions.ts';
import { asDeliveredToPods, restartLimitOf, underDelivery, type CountDelivered } from './delivery.ts';
import { govern, type Overridden, type Refused } from '../selection/govern.ts';
import { matches, matchesByName, matchesProxy } from '../selection/match.ts';
import { decide, type DecideInput, type OwnProxyConfig } from './decide.ts';
import type { PolicyRecord } from './policies.ts';

export interface AssessInput {
  readonly workload: Workload;
  readonly namespace: NamespaceFacts;
  readonly mesh: MeshFacts;
  readonly policies: readonly PolicyRecord[];
  /** The DrainExemption that holds for the workload now. */
  readonly exemption?: ActiveExemption;
  /** Namespaced policies may govern where no policy of the cluster would. */
  readonly unboundedTenants?: boolean;
  /** The operator's own namespace: never touched. */
  readonly operatorNamespace?: string;
  /** Nothing may be written now, whatever the policies say (the off switch, facts that are missing). */
  readonly hold?: boolean;
  readonly patience?: DecideInput['patience'];
  readonly ownProxyConfig?: (policy: PolicyRecord, namespace: string) => OwnProxyConfig | undefined;
  /** For policies with delivery: Admission. Absent where there are no pods to look at (files, the webhook itself). */
  readonly countDelivered?: CountDelivered;
}

export interface Assessment {
  /** The one policy that governs, with the decision under it. */
  readonly governing?: { readonly policy: PolicyRecord; readonly decision: Decision };
  /** Audit policies, each evaluated as if it governed. */
  readonly audits: readonly { readonly policy: PolicyRecord; readonly decision: Decision }[];
  readonly overridden: readonly Overridden<PolicyRecord>[];
  /** Namespaced policies that may not govern the workload, and why. */
  readonly refused: readonly Refused<PolicyRecord>[];
  /** Every policy that selects the workload, deleted ones left out. */
  readonly matched: readonly PolicyRecord[];
}

const NOTHING: Assessment = { audits: [], overridden: [], refused: [], matched: [] };

/** Who governs a workload and what follows from it. Controller, CLI and webhook all ask this one function. */
export function assess(input: AssessInput): Assessment {
  const { workload, namespace, mesh } = input;
  const scope = { rootNamespace: mesh.rootNamespace, operatorNamespace: input.operatorNamespace };
  const selected = input.policies.filter(
    (policy) =>
      policy.compiled !== undefined &&
      !policy.deleting &&
      matches(policy.compiled, workload, namespace.labels, scope) === 'Match',
  );
  if (selected.length === 0) {
    return NOTHING;
  }
  const proxy = proxyOf(workload.template, namespace, mesh);
  const tags = revisionOfTag(mesh);
  const matched = selected.filter(
    (policy) => policy.compiled !== undefined && matchesProxy(policy.compiled, proxy, tags),
  );
  if (matched.length === 0) {
    return NOTHING;
  }
  const result = govern(matched, { unboundedTenants: input.unboundedTenants === true });
  const decideUnder = (policy: PolicyRecord, mayWrite: boolean): Decision => {
    const own =
      policy.intent.environment === 'ProxyConfig' ? input.ownProxyConfig?.(policy, workload.namespace) : undefined;
    const limit = restartLimitOf(policy);
    const decision = decide({
      workload: policy.spec.delivery === 'Admission' ? asDeliveredToPods(workload) : workload,
      namespace,
      mesh,
      proxy,
      policy: {
        name: policy.name,
        uid: policy.uid,
        onDelete: policy.spec.onDelete,
        maxConcurrent: limit,
        intent: policy.intent,
        conflicts: policy.spec.conflicts,
        mayWrite,
        matchedByName: policy.compiled !== undefined && matchesByName(policy.compiled, workload.name),
      },
      ownProxyConfig: own,
      patience: input.patience,
      exemption: input.exemption,
    });
    return underDelivery(workload, policy, decision, input.countDelivered);
  };
  const governing = result.governing;
  return {
    ...(governing === undefined
      ? {}
      : {
          governing: {
            policy: governing,
            decision: decideUnder(
              governing,
              !governing.spec.suspend && governing.stalled === undefined && input.hold !== true,
            ),
          },
        }),
    audits: result.audits.map((policy) => ({ policy, decision: decideUnder(policy, false) })),
    overridden: result.overridden,
    refused: result.refused,
    matched,
  };
}

/** Revision tags as the injector's webhooks state them: a policy may name `stable` where a workload has `1-30-3`. */
function revisionOfTag(mesh: MeshFacts): Readonly<Record<string, string>> {
  return Object.fromEntries(
    mesh.webhooks.flatMap(({ tag, revision }) => (tag === undefined ? [] : [[tag, revision] as const])),
  );
}
