// A control plane with a mesh and the operator on it: what every test of the operator starts from. Each test file has its
// own, because policies are cluster-scoped: two operators on one cluster would both act.
import { YIELD_MANAGER } from '../../src/controllers/workload/workload-writer.ts';
import { installCrds } from './crds.ts';
import {
  startControlPlane,
  type AuditedWrite,
  type ControlPlane,
  type ControlPlaneOptions,
  type KubeObject,
} from './control-plane/index.ts';
import { installMesh, type MeshOptions } from './mesh.ts';
import {
  installPermissions,
  OPERATOR_ACCOUNT,
  startOperator,
  type OperatorHandle,
  type StartOptions,
} from './operator.ts';

export interface SceneOptions {
  readonly controlPlane?: ControlPlaneOptions;
  /** false: no Istio at all. */
  readonly mesh?: MeshOptions | false;
  /** false: none; or a folder with older ones. */
  readonly crds?: boolean | string;
  /** false: the test starts it itself. */
  readonly operator?: StartOptions | false;
}

export type { KubeObject } from './control-plane/index.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
}

export interface PolicyObject extends KubeObject {
  readonly spec: Record<string, unknown>;
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
    readonly workloads?: Readonly<Record<string, number>>;
    readonly rollout?: {
      readonly phase: string;
      readonly intent: string;
      readonly since?: string;
      readonly healthySince?: string;
      readonly soaked?: boolean;
      readonly haltedBy?: { readonly workload: string; readonly message: string };
    };
    readonly attention?: readonly { namespace: string; kind: string; name: string; reason: string; message: string }[];
  };
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly lifecycle?: { readonly preStop?: { readonly exec?: { readonly command: readonly string[] } } };
  readonly [field: string]: unknown;
}

export interface WorkloadObject extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly template: {
      readonly metadata?: {
        readonly annotations?: Readonly<Record<string, string>>;
        readonly labels?: Readonly<Record<string, string>>;
      };
      readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: readonly Container[] };
    };
    readonly [field: string]: unknown;
  };
}

const WORKLOAD_RESOURCES = ['deployments', 'statefulsets', 'daemonsets'];

/** What the operator wrote to workloads, statuses and Events left aside. */
export interface WriteQuery {
  readonly since?: number;
  readonly namespace?: string;
  readonly name?: string;
}

export class Scene {
  readonly cluster: ControlPlane;
  private current: OperatorHandle | undefined;
  private readonly others: OperatorHandle[] = [];

  constructor(cluster: ControlPlane) {
    this.cluster = cluster;
  }

  get operator(): OperatorHandle {
    if (this.current === undefined) {
      throw new Error('no operator was started');
    }
    return this.current;
  }

  /** Starts one, in place of one that has ended. */
  async start(options: StartOptions = {}): Promise<OperatorHandle> {
    this.current = await startOperator(this.cluster, options);
    this.others.push(this.current);
    return this.current;
  }

  async stop(): Promise<void> {
    await Promise.all(this.others.map((operator) => operator.kill()));
    await this.cluster.stop();
  }

  /** A namespace that Istio injects into. */
  async meshed(prefix: string, labels: Record<string, string> = {}): Promise<string> {
    return await this.cluster.namespace(prefix, { 'istio-injection': 'enabled', ...labels });
  }

  async createPolicy(name: string, spec: object): Promise<PolicyObject> {
    return await this.cluster.create<PolicyObject>(policy(name, spec));
  }

  async patchPolicy(name: string, spec: object): Promise<PolicyObject> {
    return await this.cluster.client.call<PolicyObject>('PATCH', policyPath(name), {
      contentType: 'application/merge-patch+json',
      body: { spec },
    });
  }

  async policy(name: string): Promise<PolicyObject> {
    return await this.cluster.client.call<PolicyObject>('GET', policyPath(name));
  }

  async deletePolicy(name: string): Promise<void> {
    await this.cluster.client.call('DELETE', policyPath(name));
  }

  /** Waits until the status speaks of the present generation and is as expected. */
  async settled(
    name: string,
    accept: (status: NonNullable<PolicyObject['status']>) => boolean,
    timeoutMs = 60_000,
  ): Promise<PolicyObject> {
    try {
      return await this.cluster.waitFor<PolicyObject>(
        policyPath(name),
        (object) =>
          object.status !== undefined &&
          object.status.observedGeneration === object.metadata.generation &&
          accept(object.status),
        timeoutMs,
      );
    } catch {
      const object = await this.cluster.client.raw<PolicyObject>('GET', policyPath(name));
      const log = this.operator.lines
        .slice(-8)
        .map((line) => JSON.stringify(line))
        .join('\n');
      throw new Error(
        `policy ${name} was not as expected; its status: ${JSON.stringify(object.body.status)}\nthe operator said last:\n${log}`,
      );
    }
  }

  async compliant(name: string, count: number, timeoutMs = 60_000): Promise<PolicyObject> {
    return await this.settled(name, ({ workloads }) => workloads?.compliant === count, timeoutMs);
  }

  /** Less than the minute after which a policy goes whatever is left: by default this says that everything was given back. */
  async gone(name: string, timeoutMs = 45_000): Promise<void> {
    await this.cluster.waitForGone(policyPath(name), timeoutMs);
  }

  async workload(namespace: string, name: string, plural = 'deployments'): Promise<WorkloadObject> {
    return await this.cluster.client.call<WorkloadObject>('GET', workloadPath(namespace, name, plural));
  }

  async untilWorkload(
    namespace: string,
    name: string,
    accept: (object: WorkloadObject) => boolean,
    timeoutMs = 60_000,
  ): Promise<WorkloadObject> {
    return await this.cluster.waitFor<WorkloadObject>(workloadPath(namespace, name), accept, timeoutMs);
  }

  async patchWorkload(
    namespace: string,
    name: string,
    body: object,
    manager = 'kubectl-edit',
  ): Promise<WorkloadObject> {
    return await this.cluster.client.call<WorkloadObject>(
      'PATCH',
      `${workloadPath(namespace, name)}?fieldManager=${manager}`,
      { contentType: 'application/merge-patch+json', body },
    );
  }

  /** Waits until a Deployment has rolled out: what a test changes next then meets a workload at rest. */
  async rolledOut(namespace: string, name: string): Promise<void> {
    await this.cluster.waitFor<KubeObject & { status?: Record<string, number>; spec: { replicas: number } }>(
      workloadPath(namespace, name),
      (object) =>
        object.status?.observedGeneration === object.metadata.generation &&
        object.status?.updatedReplicas === object.spec.replicas &&
        object.status.replicas === object.spec.replicas &&
        object.status.availableReplicas === object.spec.replicas,
    );
  }

  mark(): number {
    return this.cluster.audit.mark();
  }

  /** The operator's writes of values to workloads that the API server took: refused ones, and edits of managedFields alone, left out. */
  writes(query: WriteQuery = {}): AuditedWrite[] {
    return this.cluster.audit
      .writes({ ...query, user: OPERATOR_ACCOUNT, succeeded: true, notFieldManager: YIELD_MANAGER })
      .filter(({ resource }) => WORKLOAD_RESOURCES.includes(resource));
  }

  /** Every request of the operator that changes something, refused ones too, Events left out. */
  everyWrite(query: WriteQuery = {}): AuditedWrite[] {
    return this.cluster.audit
      .writes({ ...query, user: OPERATOR_ACCOUNT })
      .filter((write) => write.resource !== 'events');
  }

  async events(
    namespace: string,
  ): Promise<
    readonly {
      reason: string;
      message: string;
      type: string;
      count: number;
      involvedObject: { name: string; kind: string };
    }[]
  > {
    const { items } = await this.cluster.client.call<{ items: [] }>('GET', `/api/v1/namespaces/${namespace}/events`);
    return (items as { reportingComponent?: string }[]).filter(
      (event) => event.reportingComponent === 'sidecar-drain-operator',
    ) as never;
  }

  /** Restarts nothing: takes one rule from the operator's ClusterRole, as an administrator who grants less would. */
  async takePermission(resource: string): Promise<void> {
    await this.editRole((rules) =>
      rules
        .map((rule) => ({ ...rule, resources: rule.resources.filter((each) => each !== resource) }))
        .filter((rule) => rule.resources.length > 0),
    );
  }

  async restorePermissions(): Promise<void> {
    await installPermissions(this.cluster);
  }

  private async editRole(edit: (rules: { resources: string[] }[]) => { resources: string[] }[]): Promise<void> {
    const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles/sidecar-drain-operator';
    const role = await this.cluster.client.call<{ rules: { resources: string[] }[] }>('GET', path);
    await this.cluster.client.call('PUT', path, { body: { ...role, rules: edit(role.rules) } });
  }
}

export async function startScene(options: SceneOptions = {}): Promise<Scene> {
  const cluster = await startControlPlane(options.controlPlane ?? {});
  const scene = new Scene(cluster);
  try {
    if (options.crds !== false) {
      await installCrds(cluster, typeof options.crds === 'string' ? options.crds : undefined);
    }
    if (options.mesh !== false) {
      await installMesh(cluster, options.mesh ?? { nativeSidecars: 'false' });
    }
    await installPermissions(cluster);
    if (options.operator !== false) {
      await scene.start(options.operator ?? {});
    }
    return scene;
  } catch (error) {
    await scene.stop();
    throw error;
  }
}

/** `namespace/name` is a namespaced policy. */
export function policyPath(name: string): string {
  const [namespace, tail] = name.split('/');
  return `/apis/sidecardrain.io/v1alpha1/${tail === undefined ? `sidecardrainpolicies/${name}` : `namespaces/${namespace}/namespacedsidecardrainpolicies/${tail}`}`;
}

export function workloadPath(namespace: string, name: string, plural = 'deployments'): string {
  return `/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`;
}

export function policy(name: string, spec: object): object {
  const [namespace, tail] = name.split('/');
  const apiVersion = 'sidecardrain.io/v1alpha1';
  return tail === undefined
    ? { apiVersion, kind: 'SidecarDrainPolicy', metadata: { name }, spec }
    : { apiVersion, kind: 'NamespacedSidecarDrainPolicy', metadata: { namespace, name: tail }, spec };
}

/** A policy that enforces a fixed drain of 30 s on one namespace, all workloads at once. */
export function fixed(namespace: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    enforcement: 'Enforce',
    match: { namespaceSelector: inNamespace(namespace) },
    drain: { mode: 'Fixed', duration: '30s' },
    rollout: { strategy: 'Immediate' },
    ...more,
  };
}

/** Waves without canaries, bounded by maxConcurrent alone unless more is said. */
export function waves(maxConcurrent: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    rollout: { strategy: 'Waves', waves: { maxConcurrent, maxPerNamespace: 100, maxPods: 10_000, canary: 0, ...more } },
  };
}

export function inNamespace(namespace: string): object {
  return { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
}

export interface DeploymentOptions {
  readonly grace?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly replicas?: number;
  readonly containers?: readonly object[];
  readonly ownAnnotations?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

export function deployment(namespace: string, name: string, options: DeploymentOptions = {}): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      namespace,
      name,
      ...(options.ownAnnotations === undefined ? {} : { annotations: options.ownAnnotations }),
    },
    spec: {
      replicas: options.replicas ?? 1,
      selector: { matchLabels: { app: name } },
      ...options.spec,
      template: podTemplate(name, options),
    },
  };
}

export function podTemplate(name: string, options: DeploymentOptions): object {
  return {
    metadata: {
      labels: { app: name, ...options.labels },
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
    },
    spec: {
      ...(options.grace === undefined ? {} : { terminationGracePeriodSeconds: options.grace }),
      containers: options.containers ?? [{ name: 'app', image: 'registry.example/app:1' }],
    },
  };
}

/** A value that stays as it is for this long: the only use of waiting as proof. */
export async function staysSo<T>(look: () => T | Promise<T>, milliseconds: number): Promise<T[]> {
  const until = Date.now() + milliseconds;
  const seen = new Set<string>();
  while (Date.now() < until) {
    seen.add(JSON.stringify(await look()));
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  }
  return [...seen].map((text) => JSON.parse(text) as T);
}

/** Waits until something of this process's own is so. */
export async function eventually(
  check: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 60_000,
): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > until) {
      throw new Error(`did not happen within ${timeoutMs / 1000} s: ${what}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}
