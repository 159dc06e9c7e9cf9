// Writes and restores on the real API server, as the operator does them: for the tests of ownership, apply and restore.
import type { ManagedValues } from '../../src/drain/model/managed.ts';
import type { Cluster } from '../support/cluster.ts';
import { YIELD_MANAGER } from '../../src/controllers/workload/workload-writer.ts';
import { planYield } from '../../src/drain/restore/index.ts';
import { planRestore } from '../../src/drain/restore/restore.ts';
import type { RestoreStep } from '../../src/drain/restore/restore.ts';
import { decodeState, nextState } from '../../src/drain/template/note/state.ts';
import type { Workload } from '../../src/drain/model/workload.ts';
import { buildApply } from '../../src/drain/template/apply.ts';
import { workloadKind } from '../../src/drain/template/kinds.ts';
import { projectWorkload } from '../../src/drain/template/project.ts';

export const MANAGER = 'sidecar-drain-operator';
export type Json = any; // eslint-disable-line @typescript-eslint/no-explicit-any

/** What counts changes: of the API server's own, and of the controllers of Deployments and DaemonSets. */
const COUNTERS =
  /^ {2}(generation|resourceVersion):|^ {4}(deployment\.kubernetes\.io\/revision|deprecated\.daemonset\.template\.generation):/;

export interface TemplateParts {
  readonly grace?: number;
  readonly annotations?: Record<string, string>;
  readonly containers?: readonly object[];
  readonly ownAnnotations?: Record<string, string>;
}

export class TemplateBench {
  readonly cluster: Cluster;
  readonly namespace: string;

  constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
  }

  manifest(
    name: string,
    { grace, annotations, containers = [], ownAnnotations }: TemplateParts = {},
    kind = 'Deployment',
  ): Json {
    return {
      apiVersion: 'apps/v1',
      kind,
      metadata: {
        name,
        namespace: this.namespace,
        ...(ownAnnotations === undefined ? {} : { annotations: ownAnnotations }),
      },
      spec: {
        ...(kind === 'DaemonSet' ? {} : { replicas: 0 }),
        ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name }, ...(annotations === undefined ? {} : { annotations }) },
          spec: {
            containers: [{ name: 'app', image: 'app:1' }, ...containers],
            ...(grace === undefined ? {} : { terminationGracePeriodSeconds: grace }),
          },
        },
      },
    };
  }

  path(name: string, kind = 'Deployment'): string {
    return `/apis/apps/v1/namespaces/${this.namespace}/${workloadKind(kind)!.plural}/${name}`;
  }

  get(name: string, kind = 'Deployment'): Promise<Json> {
    return this.cluster.client.call<Json>('GET', this.path(name, kind));
  }

  async project(name: string, kind = 'Deployment'): Promise<Workload> {
    return projectWorkload(await this.get(name, kind), workloadKind(kind)!);
  }

  /**
   * One write of ours: state and values in one server-side apply. The controller manager writes status meanwhile, so a
   * forced write that comes too late is made again from a new read, as the operator does it.
   */
  async write(
    name: string,
    values: ManagedValues,
    kind = 'Deployment',
    force = true,
  ): Promise<{ status: number; body: Json }> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.writeOnce(name, values, kind, force);
      if (answer.status !== 409 || !force || attempt === 20) {
        return answer;
      }
    }
  }

  /** Gives up our fields in managedFields where the operator would. */
  async yieldFields(name: string): Promise<void> {
    while ((await this.project(name)).hold === 'AgainstApply') {
      const { patch } = planYield(await this.get(name));
      const { status, body } = await this.cluster.client.raw<Json>(
        'PATCH',
        `${this.path(name)}?fieldManager=${YIELD_MANAGER}`,
        { body: patch, contentType: 'application/json-patch+json' },
      );
      if (status !== 200 && status !== 409) {
        throw new Error(`${name} cannot yield: ${JSON.stringify(body)}`);
      }
    }
  }

  private async writeOnce(
    name: string,
    values: ManagedValues,
    kind: string,
    force: boolean,
  ): Promise<{ status: number; body: Json }> {
    const workload = await this.project(name, kind);
    const text = workload.annotations['sidecardrain.io/state'];
    const decoded = text === undefined ? undefined : decodeState(text);
    const state = nextState({
      workload,
      values,
      policy: { name: 'long-requests', uid: 'p-1' },
      intent: 'abcd',
      onDelete: 'Restore',
      ...(decoded?.ok === true ? { previous: decoded.state } : {}),
    });
    return this.cluster.client.raw('PATCH', `${this.path(name, kind)}?fieldManager=${MANAGER}&force=${force}`, {
      body: buildApply(workload, values, state),
      contentType: 'application/apply-patch+yaml',
    });
  }

  async send(name: string, step: RestoreStep, kind = 'Deployment'): Promise<{ status: number; body: Json }> {
    return this.cluster.client.raw('PATCH', `${this.path(name, kind)}?fieldManager=${MANAGER}`, {
      body: step.patch,
      contentType: 'application/json-patch+json',
    });
  }

  /** Waits until the controller manager has nothing more to write, for tests in which a write of its own would get in the way. */
  async settled(name: string): Promise<Json> {
    return this.cluster.waitFor(
      this.path(name),
      (object: Json) =>
        object.status?.observedGeneration === object.metadata.generation &&
        (object.status.conditions as Json[] | undefined)?.some(({ reason }) => reason === 'NewReplicaSetAvailable') ===
          true,
    );
  }

  /** One step that gets through, for tests that look at what stands between the steps. */
  async step(name: string): Promise<RestoreStep> {
    for (;;) {
      const step = await this.plan(name);
      if ((await this.send(name, step)).status === 200) {
        return step;
      }
    }
  }

  async plan(name: string, mode: 'Restore' | 'Orphan' = 'Restore', kind = 'Deployment'): Promise<RestoreStep> {
    const object = await this.get(name, kind);
    const decoded = decodeState(object.metadata.annotations['sidecardrain.io/state'] as string);
    if (!decoded.ok) {
      throw new Error(decoded.why);
    }
    return planRestore(object, decoded.state, mode);
  }

  /** All patches of a restore; the number of them. */
  async restore(name: string, mode: 'Restore' | 'Orphan' = 'Restore', kind = 'Deployment'): Promise<number> {
    let patches = 0;
    for (let attempt = 1; attempt <= 20; attempt += 1) {
      const step = await this.plan(name, mode, kind);
      const { status, body } = await this.send(name, step, kind);
      if (status !== 200 && status !== 409) {
        throw new Error(`restore of ${name}: ${status} ${JSON.stringify(body)}`);
      }
      patches += status === 200 ? 1 : 0;
      if (status === 200 && step.last) {
        return patches;
      }
    }
    throw new Error(`restore of ${name} does not end`);
  }

  /** As `kubectl get -o yaml` shows it, without what is meant to differ. */
  async visible(name: string, kind = 'Deployment'): Promise<string> {
    const text = await this.cluster.kubectlOk([
      'get',
      `${kind.toLowerCase()}/${name}`,
      '-n',
      this.namespace,
      '-o',
      'yaml',
      '--show-managed-fields=false',
    ]);
    return (
      text
        .split('\nstatus:')[0]!
        .split('\n')
        .filter((line) => !COUNTERS.test(line))
        .join('\n')
        // The controller notes its revision there a moment after the creation, in annotations that were none before.
        .replace(/^ {2}annotations:\n(?! {4})/m, '')
    );
  }
}

/** Managers with the operation of each entry, without times. */
export function managersOf(object: Json): string[] {
  return ((object.metadata.managedFields ?? []) as Json[])
    .filter((entry) => entry.subresource === undefined)
    .map((entry) => `${entry.manager} ${entry.operation}`)
    .sort();
}

export function fieldsOf(object: Json, manager: string): Json {
  return (object.metadata.managedFields as Json[]).find(
    (entry) => entry.manager === manager && entry.subresource === undefined,
  )?.fieldsV1;
}
