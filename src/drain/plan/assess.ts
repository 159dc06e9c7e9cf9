import { finding } from '../../api/reasons.ts';
import type { Decision } from '../model/decision.ts';
import type { MeshFacts, NamespaceFacts } from '../model/mesh.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Workload } from '../model/workload.ts';
import { livePodOf } from '../mesh/live-pod.ts';
import { workloadSettings } from '../mesh/workload-settings.ts';
import type { ActiveExemption } from '../selection/exemptions.ts';
import { asDeliveredToPods, restartLimitOf, underDelivery, type CountDelivered } from './delivery.ts';
import { exemptionOutsideBounds } from '../selection/exemption-bounds.ts';
import { clusterPolicyOf, govern, type Overridden, type Refused } from '../selection/govern.ts';
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
  /** Why the exemption that was given does not count under the policy that governs. */
  readonly exemptionRefused?: string;
  /** Every policy that selects the workload, deleted ones left out. */
  readonly matched: readonly PolicyRecord[];
}

const NOTHING: Assessment = { audits: [], overridden: [], refused: [], matched: [] };

/** Who governs a workload and what follows from it. Controller, CLI and webhook all ask this one function. */
export function assess(input: AssessInput): Assessment {
  const { workload, namespace, mesh } = input;
  const selection = selecting(input);
  if (selection === undefined) {
    return NOTHING;
  }
  const { matched, settings } = selection;
  const result = govern(matched, { unboundedTenants: input.unboundedTenants === true });
  const clusterPolicy = clusterPolicyOf(matched);
  const refusalUnder = (policy: PolicyRecord): string | undefined =>
    exemptionRefusal(input.exemption, policy.namespace === undefined ? policy : clusterPolicy);
  const decideUnder = (policy: PolicyRecord, mayWrite: boolean): Decision => {
    const own =
      policy.intent.environment === 'ProxyConfig' ? input.ownProxyConfig?.(policy, workload.namespace) : undefined;
    const limit = restartLimitOf(policy);
    const refused = refusalUnder(policy);
    const decision = decide({
      workload: policy.spec.delivery === 'Admission' ? asDeliveredToPods(workload) : workload,
      namespace,
      mesh,
      settings,
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
      exemption: refused === undefined ? input.exemption : undefined,
    });
    return underDelivery(workload, policy, withRefusal(decision, refused), input.countDelivered);
  };
  const governing = result.governing;
  const refusedExemption = governing === undefined ? undefined : refusalUnder(governing);
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
    ...(refusedExemption === undefined ? {} : { exemptionRefused: refusedExemption }),
    matched,
  };
}

/** The exemption of the input where it keeps to the bounds of the cluster's policy, as an assessment takes it. */
export function countingExemption(input: Omit<AssessInput, 'patience'>): ActiveExemption | undefined {
  const { exemption } = input;
  return exemption === undefined ||
    exemptionRefusal(exemption, clusterPolicyOf(selecting(input)?.matched ?? [])) !== undefined
    ? undefined
    : exemption;
}

function exemptionRefusal(
  exemption: ActiveExemption | undefined,
  policy: PolicyRecord | undefined,
): string | undefined {
  return exemption === undefined || policy === undefined
    ? undefined
    : exemptionOutsideBounds(exemption, policy.spec.exemptions, policy.name);
}

function withRefusal(decision: Decision, refused: string | undefined): Decision {
  return refused === undefined
    ? decision
    : { ...decision, findings: [...decision.findings, finding('ExemptionOutsideBounds', refused)] };
}

interface Selecting {
  readonly matched: readonly PolicyRecord[];
  readonly settings: EffectiveSettings;
}

/** The policies that select the workload, deleted ones left out, and the settings that it has; undefined where there are none. */
function selecting({ workload, namespace, mesh, policies, operatorNamespace }: AssessInput): Selecting | undefined {
  const scope = { rootNamespace: mesh.rootNamespace, operatorNamespace };
  const selected = policies.filter(
    ({ compiled, deleting }) =>
      compiled !== undefined && !deleting && matches(compiled, workload, namespace.labels, scope) === 'Match',
  );
  if (selected.length === 0) {
    return undefined;
  }
  const { template, livePods } = workload;
  const settings = workloadSettings({ workload, template, namespace, mesh, live: livePodOf(template, livePods) });
  const { proxy } = settings;
  const tags = revisionOfTag(mesh);
  const matched = selected.filter(({ compiled }) => compiled !== undefined && matchesProxy(compiled, proxy, tags));
  return matched.length === 0 ? undefined : { matched, settings };
}

/** Revision tags as the injector's webhooks state them: a policy may name `stable` where a workload has `1-30-3`. */
function revisionOfTag(mesh: MeshFacts): Readonly<Record<string, string>> {
  return Object.fromEntries(
    mesh.webhooks.flatMap(({ tag, revision }) => (tag === undefined ? [] : [[tag, revision] as const])),
  );
}
