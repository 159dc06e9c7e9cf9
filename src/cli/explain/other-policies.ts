import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { matches, type NoMatch } from '../../drain/selection/match.ts';
import type { JudgeContext, Judgement } from '../facts/judge.ts';

export interface OtherPolicy {
  readonly name: string;
  /** Why it says nothing about the workload. */
  readonly why: string;
}

const WHY: Readonly<Record<NoMatch, string>> = {
  SystemNamespace: 'no policy touches a system namespace',
  RootNamespace: "no policy touches Istio's root namespace",
  OperatorNamespace: "no policy touches the operator's own namespace",
  OtherNamespace: 'it is for the workloads of its own namespace only',
  NamespaceUnknown: 'the labels of the namespace are not known: add its manifest, or say --namespace-labels',
  NamespaceSelector: 'its namespaceSelector does not select the namespace',
  Kind: 'its kinds leave this kind out',
  Name: 'its names leave this name out',
  WorkloadSelector: "its workloadSelector does not select the pod template's labels",
};

/** Somebody who gives a policy wants to know why it does not show. */
export function otherPoliciesOf(
  { workload, assessment }: Judgement,
  { policies, facts, stated }: JudgeContext,
): OtherPolicy[] {
  const scope = { rootNamespace: facts.mesh.rootNamespace, operatorNamespace: stated.operatorNamespace };
  const why = (policy: PolicyRecord): string => {
    if (policy.compiled === undefined) {
      return policy.stalled?.message ?? 'it cannot be evaluated';
    }
    if (policy.deleting) {
      return 'it is being deleted';
    }
    const match = matches(policy.compiled, workload, facts.namespace(workload.namespace).labels, scope);
    return match === 'Match' ? 'its proxies or revisions leave this one out' : WHY[match.no];
  };
  return [
    ...assessment.refused.map(({ policy, message }) => ({ name: policy.name, why: message })),
    ...policies
      .filter((policy) => !assessment.matched.includes(policy))
      .map((policy) => ({ name: policy.name, why: why(policy) })),
  ];
}
