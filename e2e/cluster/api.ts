import { GROUP, VERSION } from '../../src/api/names.ts';
import { POLICY_PLURAL } from '../../src/api/policy.ts';
import {
  defineResource,
  isApiError,
  KubeClient,
  loadClusterConfig,
  Transport,
  type Resource,
} from '../../src/kube/index.ts';

function resource(group: string, version: string, plural: string, kind: string, namespaced: boolean): Resource {
  return defineResource({ group, version, plural, kind, namespaced });
}

export const NAMESPACES = resource('', 'v1', 'namespaces', 'Namespace', false);
export const NODES = resource('', 'v1', 'nodes', 'Node', false);
export const PODS = resource('', 'v1', 'pods', 'Pod', true);
export const EVENTS = resource('', 'v1', 'events', 'Event', true);
export const CONFIG_MAPS = resource('', 'v1', 'configmaps', 'ConfigMap', true);
export const SERVICES = resource('', 'v1', 'services', 'Service', true);
export const SERVICE_ACCOUNTS = resource('', 'v1', 'serviceaccounts', 'ServiceAccount', true);
export const DEPLOYMENTS = resource('apps', 'v1', 'deployments', 'Deployment', true);
export const REPLICA_SETS = resource('apps', 'v1', 'replicasets', 'ReplicaSet', true);
export const CRDS = resource(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  false,
);
export const POLICIES = resource(GROUP, VERSION, POLICY_PLURAL, 'SidecarDrainPolicy', false);
export const NAMESPACED_POLICIES = resource(
  GROUP,
  VERSION,
  'namespacedsidecardrainpolicies',
  'NamespacedSidecarDrainPolicy',
  true,
);
export const INJECTORS = resource(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingwebhookconfigurations',
  'MutatingWebhookConfiguration',
  false,
);
export const MUTATING_POLICIES = resource(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingadmissionpolicies',
  'MutatingAdmissionPolicy',
  false,
);
export const MUTATING_POLICY_BINDINGS = resource(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingadmissionpolicybindings',
  'MutatingAdmissionPolicyBinding',
  false,
);
export const CLUSTER_ROLES = resource('rbac.authorization.k8s.io', 'v1', 'clusterroles', 'ClusterRole', false);
export const CLUSTER_ROLE_BINDINGS = resource(
  'rbac.authorization.k8s.io',
  'v1',
  'clusterrolebindings',
  'ClusterRoleBinding',
  false,
);
export const ROLES = resource('rbac.authorization.k8s.io', 'v1', 'roles', 'Role', true);
export const ROLE_BINDINGS = resource('rbac.authorization.k8s.io', 'v1', 'rolebindings', 'RoleBinding', true);

export interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly deletionTimestamp?: string;
}

export interface KubeObject {
  readonly metadata: Meta;
  readonly [field: string]: unknown;
}

export interface DeploymentObject extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly template: {
      readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec: object;
    };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
  };
}

/** The suite's cluster: a client, and the file that another process would need. */
export interface Cluster {
  readonly client: KubeClient;
  readonly transport: Transport;
  readonly server: string;
  readonly kubeconfig: string;
  readonly context?: string;
  close(): Promise<void>;
}

export async function connect(kubeconfig: string, context?: string): Promise<Cluster> {
  const config = await loadClusterConfig({ file: kubeconfig, ...(context === undefined ? {} : { context }) });
  const transport = new Transport({ config, userAgent: 'sidecar-drain-e2e' });
  return {
    client: new KubeClient(transport),
    transport,
    server: config.server,
    kubeconfig,
    ...(context === undefined ? {} : { context }),
    close: () => transport.close(),
  };
}

/** Something that did not happen in time, or an obstacle that only somebody else can remove. */
export class E2eError extends Error {
  override readonly name: string = 'E2eError';
}

/** The cluster, or this machine, lacks what the suite needs: exit code 2. */
export class LackingError extends E2eError {
  override readonly name = 'LackingError';
}

/** The whole run takes too long. */
export class TimeUpError extends E2eError {
  override readonly name = 'TimeUpError';
}

export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(reasonOf(signal));
      return;
    }
    const ended = (): void => {
      clearTimeout(timer);
      reject(signal === undefined ? new Error('ended') : reasonOf(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', ended);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', ended, { once: true });
  });
}

export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new E2eError('interrupted');
}

export interface WaitOptions {
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** What is waited for, to end the sentence "did not happen within 60 s:". */
  readonly what: string;
  readonly everyMs?: number;
  /** What was seen instead, asked for when the time is up. */
  readonly instead?: () => Promise<string> | string;
}

/** Looks until `look` gives something. A failed look is forgiven, because API servers are restarted too; the last is told. */
export async function until<T>(
  look: () => Promise<T | undefined> | T | undefined,
  { seconds, signal, what, everyMs = 500, instead }: WaitOptions,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  let trouble = '';
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) {
        return found;
      }
      trouble = '';
    } catch (error) {
      if (signal.aborted || error instanceof E2eError || (isApiError(error) && !error.retryable && !error.isNotFound)) {
        throw signal.aborted ? reasonOf(signal) : error;
      }
      trouble = ` (the last look failed: ${error instanceof Error ? error.message : String(error)})`;
    }
    if (Date.now() > deadline) {
      const seen = await Promise.resolve(instead?.()).catch(() => undefined);
      throw new E2eError(
        `did not happen within ${seconds} s: ${what}${trouble}${seen === undefined || seen === '' ? '' : `; ${seen}`}`,
      );
    }
    await pause(everyMs, signal);
  }
}

/** What was deleted may be gone already, or may be going. */
export async function deleteQuietly(client: KubeClient, of: Resource, name: string, namespace?: string): Promise<void> {
  try {
    await client.delete(
      of,
      { name, ...(namespace === undefined ? {} : { namespace }) },
      { propagationPolicy: 'Background' },
    );
  } catch (error) {
    if (!isApiError(error) || (!error.isNotFound && !error.isConflict)) {
      throw error;
    }
  }
}

/** `networking.istio.io/v1` or an older version, as the cluster serves it. */
export function defineVirtualServices(apiVersion: string): Resource {
  const [group = '', version = ''] = apiVersion.split('/');
  return resource(group, version, 'virtualservices', 'VirtualService', true);
}

/** A kind that is not installed has no objects. */
export async function listOrNone(
  cluster: Cluster,
  of: Resource,
  query: { labelSelector?: string; namespace?: string } = {},
): Promise<KubeObject[]> {
  try {
    return (await cluster.client.list<KubeObject>(of, query)).items;
  } catch (error) {
    if (isApiError(error) && error.isNotFound) {
      return [];
    }
    throw error;
  }
}
