import { DEFAULT_GRACE_PERIOD_SECONDS } from '../../api/kubernetes.ts';
import { INJECTION_LABEL } from '../../api/names.ts';
import type { SidecarDrainPolicy } from '../../api/policy.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { MeshFacts } from '../model/mesh.ts';
import type { Seconds, Workload } from '../model/workload.ts';
import { decide } from '../plan/decide.ts';
import { readPolicy } from '../plan/policies.ts';
import { projectWorkload, workloadKind } from '../template/index.ts';

/** What a policy makes of a plain workload: an application and nothing else, beside a classic sidecar. */
export interface Probed {
  readonly neededGrace: Seconds;
  /** Absent where the policy cannot be brought about, which `blocked` tells. */
  readonly after?: EffectiveSettings;
  readonly blocked?: string;
}

/** A mesh without any setting of its own, whose proxy image has a shell. */
const PLAIN_MESH: MeshFacts = {
  istio: 'Present',
  rootNamespace: 'istio-system',
  revisions: [
    {
      name: 'default',
      version: '1.30.0',
      nativeSidecars: 'false',
      injector: { policy: 'enabled', neverInjectSelector: [], alwaysInjectSelector: [] },
    },
  ],
  webhooks: [{ configuration: 'probe', name: 'probe', revision: 'default' }],
  proxyConfigs: [],
  nodes: {},
  stated: { proxyImage: 'with-shell' },
};

/** Puts the policy to the engine, so that what it is said to mean is what it does. */
export function probe(policy: SidecarDrainPolicy): Probed {
  const { intent, stalled } = readPolicy(policy);
  if (stalled !== undefined) {
    return { neededGrace: 0, blocked: stalled.message };
  }
  const decision = decide({
    workload: plainWorkload(),
    namespace: { name: 'probe', labels: { [INJECTION_LABEL]: 'enabled' } },
    mesh: PLAIN_MESH,
    policy: {
      name: 'probe',
      uid: '',
      onDelete: 'Orphan',
      intent,
      conflicts: 'Force',
      mayWrite: true,
      matchedByName: true,
    },
  });
  const { neededGrace = 0, outcome, before, after, message } = decision;
  return outcome === 'Pending' || outcome === 'Compliant'
    ? { neededGrace, after: after ?? before }
    : { neededGrace, blocked: message };
}

function plainWorkload(): Workload {
  const adapter = workloadKind('Deployment');
  if (adapter === undefined) {
    throw new TypeError('Deployment is a kind that is always known');
  }
  return projectWorkload(
    {
      metadata: { name: 'probe', namespace: 'probe' },
      spec: {
        replicas: 2,
        template: {
          spec: {
            terminationGracePeriodSeconds: DEFAULT_GRACE_PERIOD_SECONDS,
            containers: [{ name: 'app', image: 'example/app:1' }],
          },
        },
      },
    },
    adapter,
  );
}
