import { setTimeout as sleep } from 'node:timers/promises';
import { FIELD_MANAGER, FINALIZER, GROUP, OFF_SWITCH_CONFIG_MAP, STATE_ANNOTATION, VERSION } from '../../api/names.ts';
import type { DrainExemption, NamespacedSidecarDrainPolicy, SidecarDrainPolicy } from '../../api/policy.ts';
import {
  EXEMPTION_KIND,
  EXEMPTION_PLURAL,
  NAMESPACED_POLICY_KIND,
  NAMESPACED_POLICY_PLURAL,
  POLICY_KIND,
  POLICY_PLURAL,
} from '../../api/policy.ts';
import type { ManagedField } from '../../drain/model/workload.ts';
import { policyOfOwnProxyConfig } from '../../drain/plan/own-proxyconfig.ts';
import type { NearestGrace } from '../../drain/restore/nearest-grace.ts';
import { planRestore } from '../../drain/restore/restore.ts';
import { decodeState, type WorkloadState } from '../../drain/template/note/state.ts';
import { restartsPods } from '../../drain/rollout/obstacle.ts';
import { exemptionOf, isExempt, readExemption, type ExemptionRecord } from '../../drain/selection/exemptions.ts';
import { projectWorkload, type RawObject, type WorkloadKindAdapter } from '../../drain/template/index.ts';
import { defineResource, isApiError, type KubeClient, type Resource } from '../../kube/index.ts';

/** A workload that carries the operator's note. */
export interface Held {
  /** `Kind/namespace/name`. */
  readonly key: string;
  readonly adapter: WorkloadKindAdapter;
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
  readonly policy: string;
  readonly state: WorkloadState;
  /** Restore puts the values back; Orphan leaves them. */
  readonly how: 'Restore' | 'Orphan';
  /** Said where it is not what the note says. */
  readonly because?: string;
  readonly fields: readonly ManagedField[];
  /** What somebody else has changed since: it stays as it is. */
  readonly kept: readonly ManagedField[];
  readonly nearest?: NearestGrace;
  /** Pods that restart. */
  readonly restarts: number;
  readonly healthy: boolean;
}

export interface HeldPolicy {
  readonly kind: string;
  readonly resource: Resource;
  readonly name: string;
  readonly namespace?: string;
  /** `name` or `namespace/name`, as workloads remember it. */
  readonly fullName: string;
  readonly deleting: boolean;
}

export interface OwnResource {
  readonly namespace: string;
  readonly name: string;
  readonly policy: string;
}

export interface Look {
  readonly held: readonly Held[];
  /** Workloads whose note cannot be read: nobody knows what they had. */
  readonly damaged: readonly { readonly key: string; readonly why: string }[];
  /** Policies that carry the operator's finalizer. */
  readonly policies: readonly HeldPolicy[];
  readonly proxyConfigs: readonly OwnResource[];
}

export interface LookOptions {
  readonly kinds: readonly WorkloadKindAdapter[];
  readonly orphan: boolean;
  readonly now: number;
}

export const proxyConfigResource = defineResource({
  group: 'networking.istio.io',
  version: 'v1beta1',
  plural: 'proxyconfigs',
  kind: 'ProxyConfig',
  namespaced: true,
});
const policies = defineResource({
  group: GROUP,
  version: VERSION,
  plural: POLICY_PLURAL,
  kind: POLICY_KIND,
  namespaced: false,
});
const namespacedPolicies = defineResource({
  group: GROUP,
  version: VERSION,
  plural: NAMESPACED_POLICY_PLURAL,
  kind: NAMESPACED_POLICY_KIND,
  namespaced: true,
});
const exemptions = defineResource({
  group: GROUP,
  version: VERSION,
  plural: EXEMPTION_PLURAL,
  kind: EXEMPTION_KIND,
  namespaced: true,
});
const leases = defineResource({
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
});
const configMaps = defineResource({
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
});

/** Everything of the operator's that stands in the cluster. */
export async function lookFor(client: KubeClient, options: LookOptions): Promise<Look> {
  const all = await allPolicies(client);
  const onDelete = new Map(
    all.map(({ raw, held }) => [`${held.fullName} ${raw.metadata?.uid ?? ''}`, raw.spec.onDelete ?? 'Restore']),
  );
  const exempt: ExemptionRecord[] = [];
  for await (const raw of every<DrainExemption>(client, exemptions)) {
    exempt.push(readExemption(raw));
  }
  const held: Held[] = [];
  const damaged: { key: string; why: string }[] = [];
  for (const adapter of options.kinds) {
    const resource = resourceOf(adapter);
    for await (const item of every<RawObject>(client, resource)) {
      const text = item.metadata?.annotations?.[STATE_ANNOTATION];
      if (text === undefined || item.metadata?.deletionTimestamp !== undefined) {
        continue;
      }
      const key = `${adapter.kind}/${item.metadata?.namespace ?? ''}/${item.metadata?.name ?? ''}`;
      const decoded = decodeState(text);
      if (!decoded.ok) {
        damaged.push({ key, why: `its annotation ${STATE_ANNOTATION} cannot be read: ${decoded.why}` });
        continue;
      }
      held.push(heldOf(item, decoded.state, adapter, onDelete, exempt, options));
    }
  }
  const proxyConfigs: OwnResource[] = [];
  for await (const { metadata } of every<RawObject>(
    client,
    proxyConfigResource,
    `app.kubernetes.io/managed-by=${FIELD_MANAGER}`,
  )) {
    const [namespace, name] = [metadata?.namespace ?? '', metadata?.name ?? ''];
    const policy = policyOfOwnProxyConfig(namespace, name);
    if (policy !== undefined) {
      proxyConfigs.push({ namespace, name, policy });
    }
  }
  return {
    held: held.sort((a, b) => (a.key < b.key ? -1 : 1)),
    damaged,
    policies: all.filter(({ finalizer }) => finalizer).map((each) => each.held),
    proxyConfigs,
  };
}

export function resourceOf({ apiVersion, kind, plural }: WorkloadKindAdapter): Resource {
  const [group = '', version = ''] = apiVersion.split('/');
  return defineResource({ group, version, plural, kind, namespaced: true });
}

function heldOf(
  raw: RawObject,
  state: WorkloadState,
  adapter: WorkloadKindAdapter,
  onDelete: ReadonlyMap<string, 'Restore' | 'Orphan'>,
  exempt: readonly ExemptionRecord[],
  { orphan, now }: LookOptions,
): Held {
  const workload = projectWorkload(raw, adapter);
  const leftAlone = isExempt(workload, exemptionOf(workload, exempt, now / 1000));
  const asked = onDelete.get(`${state.policy.name} ${state.policy.uid}`);
  const how = orphan || leftAlone ? 'Orphan' : (asked ?? state.onDelete);
  const because = orphan ? '--orphan' : leftAlone ? 'it is exempt: its values stay' : undefined;
  const step = planRestore(raw, state, how, adapter);
  return {
    key: `${adapter.kind}/${workload.namespace}/${workload.name}`,
    adapter,
    resource: resourceOf(adapter),
    namespace: workload.namespace,
    name: workload.name,
    policy: state.policy.name,
    state,
    how,
    because,
    fields: step.restored,
    kept: step.kept,
    nearest: step.nearest,
    restarts: step.restored.length > 0 && restartsPods(workload.rollout) ? workload.rollout.replicas : 0,
    healthy: workload.rollout.complete,
  };
}

interface FoundPolicy {
  readonly raw: Pick<SidecarDrainPolicy, 'metadata'> & { readonly spec: { readonly onDelete?: 'Restore' | 'Orphan' } };
  readonly held: HeldPolicy;
  readonly finalizer: boolean;
}

async function allPolicies(client: KubeClient): Promise<FoundPolicy[]> {
  const found: FoundPolicy[] = [];
  for (const resource of [policies, namespacedPolicies]) {
    for await (const raw of every<SidecarDrainPolicy | NamespacedSidecarDrainPolicy>(client, resource)) {
      const { name = '', namespace, finalizers = [], deletionTimestamp } = raw.metadata ?? {};
      found.push({
        raw,
        finalizer: finalizers.includes(FINALIZER),
        held: {
          kind: resource.kind,
          resource,
          name,
          namespace,
          fullName: namespace === undefined ? name : `${namespace}/${name}`,
          deleting: deletionTimestamp !== undefined,
        },
      });
    }
  }
  return found;
}

/** A kind that is not installed has no objects: after an uninstall in any order none of ours may be left. */
async function* every<T>(client: KubeClient, resource: Resource, labelSelector?: string): AsyncGenerator<T> {
  try {
    for await (const page of client.pages<T>(resource, labelSelector === undefined ? {} : { labelSelector })) {
      yield* page.items;
    }
  } catch (error) {
    if (!(isApiError(error) && error.isNotFound)) {
      throw error;
    }
  }
}

interface Lease {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec?: { readonly holderIdentity?: string | null; readonly renewTime?: string | null };
}

/** Holders renew every two seconds. Clocks of different machines may differ, so it is the change that counts. */
const RENEWAL_MS = 6_000;
const RENEWAL_POLL_MS = 500;

/** The operator that is at work, as `namespace/holder`; one that its off switch stops writes nothing and does not count. */
export async function runningOperator(client: KubeClient): Promise<string | undefined> {
  const held = await operatorLeases(client);
  if (held.length === 0) {
    return undefined;
  }
  const before = new Map(held.map((lease) => [lease.metadata.namespace, lease.spec?.renewTime]));
  for (let waited = 0; waited < RENEWAL_MS; waited += RENEWAL_POLL_MS) {
    await sleep(RENEWAL_POLL_MS);
    for (const {
      metadata: { namespace },
      spec,
    } of await operatorLeases(client)) {
      if (spec?.renewTime !== before.get(namespace) && !(await isPaused(client, namespace))) {
        return `${namespace}/${spec?.holderIdentity ?? ''}`;
      }
    }
  }
  return undefined;
}

async function operatorLeases(client: KubeClient): Promise<Lease[]> {
  const { items } = await client.list<Lease>(leases, { fieldSelector: `metadata.name=${FIELD_MANAGER}` });
  return items.filter(({ spec }) => (spec?.holderIdentity ?? '') !== '');
}

async function isPaused(client: KubeClient, namespace: string): Promise<boolean> {
  const found = await client.find<{ data?: { paused?: string } }>(configMaps, {
    namespace,
    name: OFF_SWITCH_CONFIG_MAP,
  });
  return found?.data?.paused === 'true';
}
