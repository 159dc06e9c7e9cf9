import type { Finding } from '../../api/reasons.ts';
import { EXEMPT_ANNOTATION } from '../../api/names.ts';
import { findingsOf } from '../../drain/findings/checks.ts';
import { livePodOf } from '../../drain/mesh/live-pod.ts';
import { workloadSettings } from '../../drain/mesh/workload-settings.ts';
import type { Decision } from '../../drain/model/decision.ts';
import type { EffectiveSettings } from '../../drain/model/settings.ts';
import type { Seconds, Workload } from '../../drain/model/workload.ts';
import { assess, type Assessment } from '../../drain/plan/assess.ts';
import { assumedFor } from '../../drain/plan/assumed.ts';
import type { Intent } from '../../drain/promise/intent.ts';
import type { PolicyRecord } from '../../drain/plan/policies.ts';
import { exemptionOf, exemptionText, type ExemptionRecord } from '../../drain/selection/exemptions.ts';
import type { Stated } from './flags.ts';
import type { Facts } from './mesh.ts';

/** What is known and wanted of one workload: everything that a command prints comes from here. */
export interface Judgement {
  readonly workload: Workload;
  readonly settings: EffectiveSettings;
  /** The intent that it was judged by: the governing policy's, else an Audit policy's, else what the flags state. */
  readonly intent: Intent;
  readonly policy?: string;
  readonly assessment: Assessment;
  /** The decision behind the findings; absent where no policy selects the workload. */
  readonly decision?: Decision;
  readonly findings: readonly Finding[];
  /** The reason of the annotation sidecardrain.io/exempt, or of the DrainExemption, if there is one. */
  readonly exempt?: string;
}

export interface JudgeContext {
  readonly facts: Facts;
  readonly stated: Stated;
  readonly policies: readonly PolicyRecord[];
  readonly exemptions: readonly ExemptionRecord[];
  /** Seconds since 1970: exemptions end. */
  readonly now: Seconds;
  /** The longest request that metrics tell of, by `namespace/name` of the workload: it takes the place of what the flags state. */
  readonly observed?: ReadonlyMap<string, Seconds>;
}

/** Judges a workload as the controller does; without a policy, by what the flags state. */
export function judge(workload: Workload, context: JudgeContext): Judgement {
  const { facts, stated, policies, exemptions, now } = context;
  const namespace = facts.namespace(workload.namespace);
  const { mesh } = facts;
  const exemption = exemptionOf(workload, exemptions, now);
  const assessment = assess({
    workload,
    namespace,
    mesh,
    policies,
    operatorNamespace: stated.operatorNamespace,
    unboundedTenants: stated.unboundedTenants === true,
    exemption,
  });
  const under = assessment.governing ?? assessment.audits[0];
  const exempt =
    workload.annotations[EXEMPT_ANNOTATION] ??
    (exemption === undefined || assessment.exemptionRefused !== undefined ? undefined : exemptionText(exemption));
  const common = { workload, assessment, exempt };
  if (under !== undefined) {
    const { decision, policy } = under;
    return {
      ...common,
      settings: decision.before,
      intent: policy.intent,
      policy: policy.name,
      decision,
      findings: decision.findings,
    };
  }
  const { template } = workload;
  const live = livePodOf(template, workload.livePods);
  const settings = workloadSettings({ workload, template, namespace, mesh, live });
  const longestRequest = context.observed?.get(`${workload.namespace}/${workload.name}`) ?? stated.longestRequest;
  const { intent, clocks } = assumedFor(workload, settings, { ...stated, longestRequest });
  return {
    ...common,
    settings,
    intent,
    findings: findingsOf({ workload, settings, intent, clocks, nodes: mesh.nodes }),
  };
}
