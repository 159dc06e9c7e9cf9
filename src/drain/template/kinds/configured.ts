import type { RolloutFacts } from '../../model/workload.ts';
import { metadataOf, numberOf, recordOf, textOf } from '../raw.ts';
import type { RawObject } from '../raw.ts';
import { conditionOf, facts, fromManifest, KNATIVE_GRACE } from './kind.ts';
import type { WorkloadKindAdapter } from './kind.ts';

export type ConfiguredKind =
  { readonly ok: true; readonly adapter: WorkloadKindAdapter } | { readonly ok: false; readonly why: string };

const GROUP = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/;
const VERSION = /^v[0-9]+((alpha|beta)[0-9]+)?$/;
const PLURAL = /^[a-z][a-z0-9]*$/;
export const KIND_NAME = /^[A-Z][A-Za-z0-9]{0,62}$/;
const KEY = /^[A-Za-z][A-Za-z0-9_-]*$/;
const FORM = 'group/version/plural:Kind=path, for example apps.example.com/v1/gameservers:GameServer=spec.template';

/** Reads `group/version/plural:Kind=path.of.the.template`. */
export function parseConfiguredKind(text: string): ConfiguredKind {
  const match = /^([^/]*)\/([^/]*)\/([^/:]*):([^=]*)=(.*)$/.exec(text.trim());
  if (match === null) {
    return refused(text, `write ${FORM}`);
  }
  const [, group = '', version = '', plural = '', kind = '', path = ''] = match;
  if (!GROUP.test(group)) {
    return refused(text, `"${group}" is not a group of a custom resource, such as apps.example.com`);
  }
  if (!VERSION.test(version)) {
    return refused(text, `"${version}" is not a version, such as v1 or v1beta1`);
  }
  if (!PLURAL.test(plural)) {
    return refused(text, `"${plural}" is not a plural name, such as gameservers`);
  }
  if (!KIND_NAME.test(kind)) {
    return refused(text, `"${kind}" is not a kind, such as GameServer`);
  }
  const templatePath = path.split('.');
  if (!templatePath.every((key) => KEY.test(key))) {
    return refused(text, `"${path}" is not a path to a pod template, such as spec.template`);
  }
  if (templatePath[0] === 'metadata' || templatePath[0] === 'status') {
    return refused(text, `a pod template does not stand below ${templatePath[0]}`);
  }
  return {
    ok: true,
    adapter: {
      apiVersion: `${group}/${version}`,
      kind,
      plural,
      templatePath,
      onDemand: true,
      custom: true,
      ...(group === 'serving.knative.dev' && kind === 'Service' ? { graceFrom: KNATIVE_GRACE } : {}),
      rollout: configuredRollout,
    },
  };
}

function refused(text: string, why: string): ConfiguredKind {
  return { ok: false, why: `"${text}": ${why}` };
}

/**
 * What the status tells by the conventions that many kinds share: observedGeneration, the counts of a Deployment, else a
 * condition Ready. Where it tells nothing, a rollout cannot be seen, and counts as over once it is written.
 */
export function configuredRollout(raw: RawObject): RolloutFacts {
  const spec = recordOf(raw.spec);
  const status = recordOf(raw.status);
  const desired = numberOf(spec['replicas']) ?? numberOf(status['replicas']) ?? 1;
  const paused = spec['paused'] === true;
  const manifest = fromManifest(raw, desired, 'RollingUpdate', { paused });
  if (manifest !== undefined) {
    return manifest;
  }
  const generation = status['observedGeneration'];
  const seen = generation === undefined ? undefined : Number(generation) >= (metadataOf(raw).generation ?? 0);
  const updated = numberOf(status['updatedReplicas']);
  if (updated !== undefined) {
    const all = numberOf(status['replicas']) ?? updated;
    const ready = numberOf(status['availableReplicas']) ?? numberOf(status['readyReplicas']) ?? updated;
    return facts({
      desired,
      strategy: 'RollingUpdate',
      paused,
      observed: seen ?? true,
      complete: updated >= desired && all === updated && ready >= desired,
      rolling: updated < desired || all !== updated,
      smooth: true,
    });
  }
  const ready = conditionOf(status, 'Ready');
  if (ready === undefined) {
    return facts({
      desired,
      strategy: 'Unseen',
      paused,
      observed: seen ?? true,
      complete: true,
      rolling: false,
      smooth: true,
    });
  }
  const isReady = textOf(ready['status']) === 'True';
  // Whether it is ill or on its way is not told apart, so it keeps its place until it is ready.
  return facts({
    desired,
    strategy: 'RollingUpdate',
    paused,
    observed: seen ?? true,
    complete: isReady,
    rolling: !isReady,
    smooth: textOf(ready['status']) !== 'False',
  });
}
