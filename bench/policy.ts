// The policy that is measured, and the patches that follow from it: made by the operator's own engine, so that both sides
// send the same bytes.
import type { ManagedValues } from '../src/drain/model/managed.ts';
import { FIELD_MANAGER, GROUP, VERSION } from '../src/api/names.ts';
import type { SidecarDrainPolicy } from '../src/api/policy.ts';
import type { MeshFacts } from '../src/drain/model/mesh.ts';
import { assess } from '../src/drain/plan/assess.ts';
import { intentKey } from '../src/drain/promise/intent.ts';
import { readPolicy, type PolicyRecord } from '../src/drain/plan/policies.ts';
import { nextState } from '../src/drain/template/note/state.ts';
import { buildApply, projectWorkload, workloadKind } from '../src/drain/template/index.ts';
import type { Workload } from '../src/drain/model/workload.ts';
import type { ControlPlane, KubeObject } from '../test/support/control-plane/index.ts';
import { collectionIn, FLEET_LABEL, readFleet, type FleetDeployment } from './fleet.ts';

export const POLICY_NAME = 'bench';
const POLICY_PATH = `/apis/${GROUP}/${VERSION}/sidecardrainpolicies`;

const manifest = {
  apiVersion: `${GROUP}/${VERSION}`,
  kind: 'SidecarDrainPolicy',
  metadata: { name: POLICY_NAME },
  spec: {
    enforcement: 'Enforce',
    match: { namespaceSelector: { matchLabels: FLEET_LABEL } },
    drain: { mode: 'Combined', duration: '20s', maxWait: '2m' },
    rollout: { strategy: 'Immediate' },
  },
};

/** @param namespaceLabels of the namespaces that it governs */
export async function createPolicy(
  plane: ControlPlane,
  name = POLICY_NAME,
  namespaceLabels: Readonly<Record<string, string>> = FLEET_LABEL,
): Promise<SidecarDrainPolicy> {
  const match = { namespaceSelector: { matchLabels: namespaceLabels } };
  return await plane.client.call<SidecarDrainPolicy & { metadata: { name: string } }>('POST', POLICY_PATH, {
    body: { ...manifest, metadata: { name }, spec: { ...manifest.spec, match } },
  });
}

/** Takes the policy away without giving anything back; no operator may run. */
export async function dropPolicy(plane: ControlPlane): Promise<void> {
  const path = `${POLICY_PATH}/${POLICY_NAME}`;
  await plane.client.call('PATCH', path, {
    contentType: 'application/merge-patch+json',
    body: { metadata: { finalizers: null } },
  });
  await plane.client.raw('DELETE', path);
  await plane.waitForGone(path);
}

/** Workloads that the statuses of all policies count as compliant. */
export async function countCompliant(plane: ControlPlane): Promise<number> {
  const { items } = await plane.client.call<KubeObject & { items: SidecarDrainPolicy[] }>('GET', POLICY_PATH);
  return items.reduce((sum, { status }) => sum + (status?.workloads?.compliant ?? 0), 0);
}

/** As installMesh() leaves it with native sidecars off: the form in which most has to be written. */
const mesh: MeshFacts = {
  istio: 'Present',
  rootNamespace: 'istio-system',
  revisions: [{ name: 'default', version: '1.30.3' }],
  webhooks: [],
  proxyConfigs: [],
  nodes: {},
  stated: { injected: true, nativeSidecars: 'false' },
};

interface Wanted {
  readonly workload: Workload;
  readonly policy: PolicyRecord;
  readonly values: ManagedValues;
}

function wantedOf(raw: FleetDeployment): Wanted {
  const adapter = workloadKind('Deployment');
  if (adapter === undefined) {
    throw new Error('Deployments are not known');
  }
  const workload = projectWorkload(raw, adapter);
  const policy = readPolicy({
    ...manifest,
    metadata: { name: POLICY_NAME, uid: '00000000-0000-4000-8000-000000000000', generation: 1 },
  } as unknown as SidecarDrainPolicy);
  const assessment = assess({
    workload,
    namespace: { name: workload.namespace, labels: FLEET_LABEL },
    mesh,
    policies: [policy],
  });
  const values = assessment.governing?.decision.write;
  if (values === undefined) {
    throw new Error(
      `nothing is to be written for ${workload.namespace}/${workload.name}: ${assessment.governing?.decision.message ?? 'no policy governs'}`,
    );
  }
  return { workload, policy, values };
}

/** The server-side apply that the operator sends for each Deployment as it stands now. */
export async function patchesFor(
  plane: ControlPlane,
  namespaces: readonly string[],
): Promise<{ path: string; body: string }[]> {
  const patches: { path: string; body: string }[] = [];
  for await (const raw of readFleet(plane, namespaces)) {
    const { workload, policy, values } = wantedOf(raw);
    const state = nextState({
      workload,
      values,
      policy: { name: policy.name, uid: policy.uid },
      intent: intentKey(policy.intent),
      onDelete: policy.spec.onDelete,
      at: new Date().toISOString(),
    });
    patches.push({
      path: `${collectionIn(workload.namespace)}/${workload.name}?fieldManager=${FIELD_MANAGER}&force=true`,
      body: JSON.stringify(buildApply(workload, values, state)),
    });
  }
  return patches;
}

/** Deployments whose pod template does not keep the policy's promise as the operator would have written it. */
export async function countNotWritten(
  plane: ControlPlane,
  namespaces: readonly string[],
): Promise<{ total: number; notWritten: number }> {
  let total = 0;
  let notWritten = 0;
  for await (const raw of readFleet(plane, namespaces)) {
    total += 1;
    const { metadata, spec } = raw.spec.template;
    const config = metadata.annotations?.['proxy.istio.io/config'] ?? '';
    const kept =
      spec.terminationGracePeriodSeconds === 130 &&
      config.includes('EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"') &&
      config.includes('MINIMUM_DRAIN_DURATION: 25s');
    notWritten += kept && raw.metadata.annotations?.['sidecardrain.io/state'] !== undefined ? 0 : 1;
  }
  return { total, notWritten };
}
