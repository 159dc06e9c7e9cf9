import type { KindLimit, RolloutFacts } from '../../model/workload.ts';
import { at, metadataOf, numberOf, recordOf, textOf } from '../raw.ts';
import type { Raw, RawObject } from '../raw.ts';
import { conditionOf, facts, fromManifest, SPEC_TEMPLATE } from './kind.ts';
import type { WorkloadKindAdapter } from './kind.ts';

export const ARGO_KINDS: readonly WorkloadKindAdapter[] = [
  {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    plural: 'rollouts',
    templatePath: SPEC_TEMPLATE,
    onDemand: true,
    custom: true,
    rollout: argoRollout,
    limit: templateElsewhere,
  },
];

/**
 * status.phase sums a Rollout up since v1.0; before, the counts do. observedGeneration is a string there, and in v0.9 a
 * hash, which says nothing (argoproj/argo-rollouts utils/rollout/rolloututil.go). A canary that waits at a step, or a
 * preview that waits for its promotion, is a rollout under way: it may take days, until somebody promotes it.
 */
function argoRollout(raw: RawObject): RolloutFacts {
  const spec = recordOf(raw.spec);
  const status = recordOf(raw.status);
  const desired = numberOf(spec['replicas']) ?? 1;
  const paused = spec['paused'] === true;
  const manifest = fromManifest(raw, desired, 'RollingUpdate', { paused });
  if (manifest !== undefined) {
    return manifest;
  }
  const phase = textOf(status['phase']);
  const aborted = status['abort'] === true;
  const progressing = conditionOf(status, 'Progressing');
  const stuck =
    aborted ||
    (progressing?.['status'] === 'False' &&
      /ProgressDeadlineExceeded|RolloutAborted/.test(textOf(progressing['reason']) ?? ''));
  const promoted = textOf(status['stableRS']) === textOf(status['currentPodHash']);
  const updated = numberOf(status['updatedReplicas']) ?? 0;
  const available = numberOf(status['availableReplicas']) ?? 0;
  const allThere = promoted && updated >= desired && available >= desired;
  return facts({
    desired,
    strategy: 'RollingUpdate',
    paused,
    stuck,
    observed: isObserved(raw, status),
    complete: phase === undefined ? allThere : phase === 'Healthy' || (phase === 'Paused' && paused && allThere),
    // Aborted: the old pods take over, and nothing moves until somebody acts.
    rolling: !aborted && (!promoted || phase === 'Progressing' || (phase === 'Paused' && !paused)),
    smooth: !stuck && phase !== 'Degraded',
  });
}

function isObserved(raw: RawObject, status: Raw): boolean {
  const text = textOf(status['observedGeneration']);
  if (text === undefined) {
    return raw.status !== undefined && numberOf(status['observedGeneration']) === metadataOf(raw).generation;
  }
  return !/^\d+$/.test(text) || Number(text) >= (metadataOf(raw).generation ?? 0);
}

/** With workloadRef the Rollout takes the template of a Deployment, and has none of its own. */
function templateElsewhere(raw: RawObject): KindLimit | undefined {
  const ref = recordOf(at(raw.spec, ['workloadRef']));
  const name = textOf(ref['name']);
  return name === undefined
    ? undefined
    : { reason: 'TemplateElsewhere', detail: `${textOf(ref['kind']) ?? 'Deployment'} ${name}` };
}
