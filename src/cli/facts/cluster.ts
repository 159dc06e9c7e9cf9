import { GROUP, VERSION } from '../../api/names.ts';
import {
  EXEMPTION_KIND,
  EXEMPTION_PLURAL,
  NAMESPACED_POLICY_KIND,
  NAMESPACED_POLICY_PLURAL,
  POLICY_KIND,
  POLICY_PLURAL,
} from '../../api/policy.ts';
import { INJECTOR_LABEL_SELECTOR } from '../../drain/mesh/facts.ts';
import { objectKind } from '../../drain/model/workload.ts';
import {
  ConnectionError,
  defineResource,
  isApiError,
  KubeClient,
  KubeConfigError,
  loadClusterConfig,
  Transport,
  type Resource,
} from '../../kube/index.ts';
import { CliError } from '../command.ts';
import type { Collected } from '../input/collected.ts';
import { ObjectIntake } from '../input/intake.ts';
import { KUBELET_CONFIG_MAP } from '../input/node-facts.ts';
import type { JudgedKinds } from '../input/kinds.ts';
import type { Progress } from '../output/progress.ts';
import { PRODUCT_VERSION } from '../version/product.ts';

export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Look at the workloads of this namespace only. */
  readonly namespace?: string;
  /** With false only the facts are taken: the workloads are in files. */
  readonly workloads: boolean;
  readonly progress?: Progress;
}

export interface ClusterLook {
  /** How the cluster is called in the output. */
  readonly name: string;
  /** What could not be read, in words. */
  readonly gaps: readonly string[];
  readonly webhooksUnknownBecause?: string;
}

/** A collection that is read, and what of it. */
export interface Wanted {
  readonly resource: Resource;
  readonly labelSelector?: string;
  readonly workload?: boolean;
  /** Only of the namespace that was asked for. */
  readonly narrow?: boolean;
}

export const NODE_POOLS = 'NodePool';
export const BUDGETS = 'PodDisruptionBudget';

/** What workloads are judged by. */
export const FACTS: readonly Wanted[] = [
  fact('', 'v1', 'namespaces', 'Namespace', false),
  fact('', 'v1', 'nodes', 'Node', false),
  fact('karpenter.sh', 'v1', 'nodepools', NODE_POOLS, false),
  {
    ...fact(
      'admissionregistration.k8s.io',
      'v1',
      'mutatingwebhookconfigurations',
      'MutatingWebhookConfiguration',
      false,
    ),
    labelSelector: INJECTOR_LABEL_SELECTOR,
  },
  fact('policy', 'v1', 'poddisruptionbudgets', BUDGETS, true),
  fact('networking.istio.io', 'v1beta1', 'proxyconfigs', 'ProxyConfig', true),
  fact(GROUP, VERSION, POLICY_PLURAL, POLICY_KIND, false),
  fact(GROUP, VERSION, NAMESPACED_POLICY_PLURAL, NAMESPACED_POLICY_KIND, true),
  fact(GROUP, VERSION, EXEMPTION_PLURAL, EXEMPTION_KIND, true),
  { ...fact('apps', 'v1', 'deployments', 'Deployment', true), labelSelector: 'app=istiod' },
];
/** Those that a sidecar was injected into: the injector's own label on every one of them. */
const LIVE_PODS: Wanted = {
  ...fact('', 'v1', 'pods', 'Pod', true),
  labelSelector: 'security.istio.io/tlsMode=istio',
  narrow: true,
};
export const CONFIG_MAPS = fact('', 'v1', 'configmaps', 'ConfigMap', true).resource;

function fact(group: string, version: string, plural: string, kind: string, namespaced: boolean): Wanted {
  return { resource: defineResource({ group, version, plural, kind, namespaced }) };
}

/** ReplicaSets and Jobs of a cluster belong to something that is judged itself. */
const NOT_LISTED = new Set(['ReplicaSet', 'Job']);

/** The collections of workloads of these kinds. */
export function workloadsOf(kinds: JudgedKinds): Wanted[] {
  return kinds.all
    .filter(({ kind }) => kinds.governed.has(kind) && !NOT_LISTED.has(kind))
    .map((adapter) => {
      const [group, version] = adapter.apiVersion.split('/') as [string, string];
      return { ...fact(group, version, adapter.plural, objectKind(adapter.kind), true), workload: true };
    });
}

/** Adds what a cluster says to what the files said; the files win. Only reads. */
export async function lookAtCluster(collected: Collected, options: ClusterOptions): Promise<ClusterLook> {
  const { kubeconfig, context } = options;
  let transport: Transport | undefined;
  try {
    const config = await loadClusterConfig({ file: kubeconfig, context });
    transport = new Transport({ config, userAgent: `sidecar-drain/${PRODUCT_VERSION}` });
    const name = config.context === '' ? config.server : config.context;
    const look = await readAll(
      new KubeClient(transport),
      new ObjectIntake(collected, { namespace: '' }),
      collected.kinds,
      options,
    );
    return { name, ...look };
  } catch (error) {
    if (error instanceof KubeConfigError || error instanceof ConnectionError || isApiError(error)) {
      throw new CliError(error.message);
    }
    throw error;
  } finally {
    await transport?.close();
  }
}

async function readAll(
  client: KubeClient,
  intake: ObjectIntake,
  kinds: JudgedKinds,
  options: ClusterOptions,
): Promise<Omit<ClusterLook, 'name'>> {
  const gaps: string[] = [];
  let webhooksUnknownBecause: string | undefined;
  const wanted = [...FACTS, LIVE_PODS, ...(options.workloads ? workloadsOf(kinds) : [])];
  for (const [index, { resource, labelSelector, workload, narrow }] of wanted.entries()) {
    options.progress?.update(`listing ${resource.fullName}`, index, wanted.length + 1);
    const namespace =
      (workload ?? narrow) === true && options.namespace !== undefined ? { namespace: options.namespace } : {};
    try {
      for await (const page of client.pages<Record<string, unknown>>(resource, {
        ...namespace,
        ...(labelSelector === undefined ? {} : { labelSelector }),
      })) {
        for (const item of page.items) {
          // Items of a list carry neither kind nor version.
          intake.object(resource.apiVersion, resource.kind, item, workload === true);
        }
      }
    } catch (error) {
      const gap = gapOf(error, resource);
      // Who may not list NodePools is told so where there are none too.
      if (gap === undefined || (resource.kind === NODE_POOLS && !intake.sawKarpenter)) {
        continue;
      }
      gaps.push(gap);
      if (resource.kind === 'MutatingWebhookConfiguration') {
        webhooksUnknownBecause = gap;
      }
    }
  }
  await readKubeletConfig(client, intake);
  options.progress?.update("reading Istio's configuration", wanted.length, wanted.length + 1);
  gaps.push(...(await readConfigMaps(client, intake)));
  options.progress?.done();
  return { gaps, webhooksUnknownBecause };
}

/** A kind that is not installed is no gap: there are none of it. */
function gapOf(error: unknown, resource: Resource): string | undefined {
  if (!isApiError(error)) {
    throw error;
  }
  if (error.isNotFound) {
    return undefined;
  }
  if (error.isForbidden) {
    return `${resource.fullName} may not be listed`;
  }
  throw error;
}

/** Where kubeadm has made the cluster. Without it, or the right to read it, the kubelets' shutdown is not known, and not asked for. */
async function readKubeletConfig(client: KubeClient, intake: ObjectIntake): Promise<void> {
  try {
    intake.object('v1', 'ConfigMap', await client.get(CONFIG_MAPS, KUBELET_CONFIG_MAP), false);
  } catch (error) {
    // Everything but absent and forbidden is thrown.
    gapOf(error, CONFIG_MAPS);
  }
}

/** Only the ConfigMaps of each control plane's own namespace: a cluster's others are nobody's business here. */
async function readConfigMaps(client: KubeClient, intake: ObjectIntake): Promise<string[]> {
  const gaps: string[] = [];
  for (const namespace of intake.controlPlaneNamespaces()) {
    try {
      for await (const page of client.pages<Record<string, unknown>>(CONFIG_MAPS, { namespace })) {
        for (const item of page.items) {
          intake.object('v1', 'ConfigMap', item, false);
        }
      }
    } catch (error) {
      const gap = gapOf(error, CONFIG_MAPS);
      if (gap !== undefined) {
        gaps.push(`${gap} in ${namespace}: mesh config is not known`);
      }
    }
  }
  return gaps;
}
