// What the cluster is, and whether it has what the suite needs. Nothing is left behind; pods are only tried in a dry run.
import { DEFAULT_ROOT_NAMESPACE } from '../../src/api/names.ts';
import { assembleMesh, INJECTOR_LABEL_SELECTOR } from '../../src/drain/mesh/facts.ts';
import { emptyCollection } from '../../src/cli/input/collected.ts';
import { minorsOf } from '../../src/cli/input/node-facts.ts';
import { lookAtCluster } from '../../src/cli/facts/cluster.ts';
import type { MeshFacts } from '../../src/drain/model/mesh.ts';
import { isApiError } from '../../src/kube/index.ts';
import { podOptionsOf, probeObject, RUN_LABEL } from '../plan/objects.ts';
import type { Options } from '../plan/options.ts';
import type { Form } from '../plan/scenarios.ts';
import { proxyOfPod, type RawPod } from '../observe/pods.ts';
import {
  DEPLOYMENTS,
  INJECTORS,
  LackingError,
  listOrNone,
  NAMESPACED_POLICIES,
  NODES,
  PODS,
  POLICIES,
  type Cluster,
  type DeploymentObject,
  type KubeObject,
} from './api.ts';

export interface ClusterFacts {
  readonly kubernetes: string;
  readonly kubernetesMinor: number;
  readonly nodes: number;
  /** apiVersion under which VirtualServices are served; undefined where there are none. */
  readonly virtualServices?: string;
}

/** Rights without which nothing works, as verb, group, resource. */
const RIGHTS = [
  ['create', '', 'namespaces'],
  ['delete', '', 'namespaces'],
  ['create', '', 'pods'],
  ['watch', '', 'pods'],
  ['get', '', 'pods/log'],
  ['create', '', 'configmaps'],
  ['create', '', 'services'],
  ['create', 'apps', 'deployments'],
  ['patch', 'apps', 'deployments'],
  ['get', 'apps', 'replicasets'],
  ['list', '', 'nodes'],
  ['list', 'admissionregistration.k8s.io', 'mutatingwebhookconfigurations'],
  ['create', 'apiextensions.k8s.io', 'customresourcedefinitions'],
  ['create', 'sidecardrain.io', 'sidecardrainpolicies'],
] as const;

export async function look(cluster: Cluster, options: Options): Promise<ClusterFacts> {
  const version = await cluster.client.raw<{ gitVersion?: string; major?: string; minor?: string }>('/version', {
    timeoutMs: 15_000,
  });
  const missing: string[] = [];
  for (const [verb, group, full] of RIGHTS) {
    const [resource = '', subresource] = full.split('/');
    const review = await cluster.transport.request<{ status?: { allowed?: boolean } }>({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      verb: 'create',
      resource: 'selfsubjectaccessreviews',
      contentType: 'application/json',
      retry: 'idempotent',
      body: JSON.stringify({
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { verb, group, resource, ...(subresource === undefined ? {} : { subresource }) } },
      }),
    });
    if (review.status?.allowed !== true) {
      missing.push(`${verb} ${full}${group === '' ? '' : `.${group}`}`);
    }
  }
  if (missing.length > 0) {
    throw new LackingError(
      `this kubeconfig may not: ${missing.join(', ')}. The suite needs these rights in the whole cluster; those of a cluster administrator are enough.`,
    );
  }
  const injectors = await cluster.client.list<KubeObject>(INJECTORS, { labelSelector: INJECTOR_LABEL_SELECTOR });
  if (injectors.items.length === 0) {
    throw new LackingError(
      'no Istio: there is no MutatingWebhookConfiguration with label app=sidecar-injector in this cluster. Install Istio with its injector first.',
    );
  }
  const { items: nodes } = await cluster.client.list<
    KubeObject & { spec?: { unschedulable?: boolean }; status?: { conditions?: { type: string; status: string }[] } }
  >(NODES);
  const usable = nodes.filter(
    ({ spec, status }) =>
      spec?.unschedulable !== true &&
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true,
  );
  if (usable.length === 0) {
    throw new LackingError(`no node is ready and schedulable (${nodes.length} in the cluster)`);
  }
  await othersStayUntouched(cluster, options);
  const virtualServices = await virtualServiceVersion(cluster);
  return {
    kubernetes: version.gitVersion ?? 'unknown',
    kubernetesMinor: Number(/\d+/.exec(version.minor ?? '')?.[0] ?? '0'),
    nodes: usable.length,
    ...(virtualServices === undefined ? {} : { virtualServices }),
  };
}

/** An operator of the suite's own would carry out everybody's policies, with the rights of this kubeconfig; and two operators would fight. */
async function othersStayUntouched(cluster: Cluster, options: Options): Promise<void> {
  const { items: operators } = await cluster.client.list<DeploymentObject>(DEPLOYMENTS, {
    labelSelector: `app.kubernetes.io/name=sidecar-drain-operator,!${RUN_LABEL}`,
  });
  const running = operators
    .filter(({ spec }) => (spec.replicas ?? 1) > 0)
    .map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`);
  if (options.operator.how === 'installed') {
    if (running.length === 0) {
      throw new LackingError(
        'E2E_OPERATOR=installed, but no Deployment with label app.kubernetes.io/name=sidecar-drain-operator runs in the cluster',
      );
    }
    return;
  }
  if (running.length > 0) {
    throw new LackingError(
      `an operator runs in the cluster already (${running.join(', ')}). Test that one with E2E_OPERATOR=installed, or scale it to 0 first.`,
    );
  }
  const policies = [
    ...(await listOrNone(cluster, POLICIES)),
    ...(await listOrNone(cluster, NAMESPACED_POLICIES)),
  ].filter(({ metadata }) => metadata.labels?.[RUN_LABEL] === undefined);
  if (policies.length > 0) {
    throw new LackingError(
      `there are policies of others (${policies
        .map(({ metadata }) => metadata.name)
        .slice(0, 5)
        .join(', ')}), which an operator of this suite would carry out. ` +
        'Remove them, or install the operator and say E2E_OPERATOR=installed.',
    );
  }
}

async function virtualServiceVersion(cluster: Cluster): Promise<string | undefined> {
  try {
    const group = await cluster.client.raw<{
      preferredVersion?: { groupVersion?: string };
      versions?: { groupVersion: string }[];
    }>('/apis/networking.istio.io');
    for (const version of [
      group.preferredVersion?.groupVersion,
      ...(group.versions ?? []).map(({ groupVersion }) => groupVersion),
    ]) {
      if (version === undefined) {
        continue;
      }
      const { resources } = await cluster.client.raw<{ resources?: { name: string }[] }>(`/apis/${version}`);
      if (resources?.some(({ name }) => name === 'virtualservices') === true) {
        return version;
      }
    }
    return undefined;
  } catch (error) {
    if (isApiError(error) && error.isNotFound) {
      return undefined;
    }
    throw error;
  }
}

export interface FormChoice {
  readonly form: Form;
  /** The annotation that asks for it; undefined where the mesh gives it by itself. */
  readonly nativeSidecar?: boolean;
}

/** Asks the injector itself, by pods that are created in a dry run only: which sidecars are there to be had? */
export async function formsOfMesh(
  cluster: Cluster,
  options: Options,
  namespace: string,
): Promise<{ forms: FormChoice[]; notes: string[] }> {
  const ask = async (nativeSidecar: boolean | undefined): Promise<'Classic' | 'Native' | 'None'> => {
    const pod = probeObject(namespace, podOptionsOf(options, nativeSidecar));
    try {
      return proxyOfPod(await cluster.client.create<RawPod>(PODS, pod, namespace, { dryRun: true }));
    } catch (error) {
      if (isApiError(error) && (error.status >= 500 || error.isForbidden)) {
        throw new LackingError(
          `a pod in a namespace with ${labelsText(options)} is refused: ${error.serverMessage}. Does the injector work, and do the pod security rules allow Istio's init container?`,
        );
      }
      throw error;
    }
  };
  const own = await ask(undefined);
  if (own === 'None') {
    throw new LackingError(
      `a pod in a namespace with ${labelsText(options)} gets no istio-proxy. Is istiod running, and is that the right label? E2E_INJECTION_LABELS=istio.io/rev=NAME names a revision.`,
    );
  }
  const first: Form = own === 'Native' ? 'native' : 'classic';
  const other: Form = first === 'native' ? 'classic' : 'native';
  const asked = await ask(other === 'native');
  const there: FormChoice[] = [
    { form: first },
    ...(asked === (other === 'native' ? 'Native' : 'Classic')
      ? [{ form: other, nativeSidecar: other === 'native' }]
      : []),
  ];
  const wanted = options.forms === 'auto' ? there.map(({ form }) => form) : options.forms;
  const notes = [
    `sidecars are ${first} by default`,
    there.length === 2
      ? `the annotation sidecar.istio.io/nativeSidecar makes them ${other}`
      : `the annotation sidecar.istio.io/nativeSidecar does not make them ${other}`,
  ];
  const absent = wanted.filter((form) => !there.some((each) => each.form === form));
  if (absent.length > 0) {
    throw new LackingError(
      `E2E_FORMS asks for ${absent.join(' and ')} sidecars, which this mesh does not give: ${notes.join(', ')}`,
    );
  }
  return { forms: there.filter(({ form }) => wanted.includes(form)), notes };
}

function labelsText(options: Options): string {
  return `label ${Object.entries(options.injectionLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ')}`;
}

/** What the engine knows of the mesh: read as the CLI reads it, so that its forecasts are those that users get. */
export async function meshOf(cluster: Cluster): Promise<{ mesh: MeshFacts; gaps: readonly string[] }> {
  const collected = emptyCollection();
  const seen = await lookAtCluster(collected, {
    kubeconfig: cluster.kubeconfig,
    ...(cluster.context === undefined ? {} : { context: cluster.context }),
    workloads: false,
  });
  // Nothing is stated: whatever the engine does not find out by itself shall show.
  const mesh = assembleMesh({
    configMaps: collected.configMaps,
    istiods: collected.istiods,
    webhooks: collected.webhooks,
    proxyConfigs: collected.proxyConfigs,
    kubeletMinorByNode: minorsOf(collected.nodes),
    stated: {},
    ...(seen.webhooksUnknownBecause === undefined ? {} : { webhooksUnknownBecause: seen.webhooksUnknownBecause }),
    defaultRootNamespace: DEFAULT_ROOT_NAMESPACE,
  });
  return { mesh, gaps: seen.gaps };
}
