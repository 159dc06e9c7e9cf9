// Carries out the operations of a run, each until the API server has taken it: people try again too.
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, type ControlPlane } from '../support/control-plane/index.ts';
import { OPERATOR_NAMESPACE } from '../support/operator.ts';
import { policy, policyPath, type PolicyObject, workloadPath } from '../support/scene.ts';
import { manifestOf, patchOf, PLURALS, type Declared } from './fleet.ts';
import type { WavesOf } from './invariants.ts';
import type { Operation, PolicySpec } from './operations.ts';
import { leaderOf, type Replica } from './replicas.ts';

const TRY_FOR_MS = 90_000;
const TRY_AGAIN_MS = 250;
const LEASE_RENEWED_MS = 4_000;
const MANAGER = 'chaos';

export class Control {
  /** By uid: how each policy that ever was lets workloads roll. */
  readonly waves = new Map<string, WavesOf>();
  /** Leaders that are stopped, until they go on. */
  private readonly sleeping = new Set<Promise<void>>();

  constructor(
    private readonly plane: ControlPlane,
    private readonly replicas: readonly Replica[],
  ) {}

  async carryOut(operation: Operation): Promise<void> {
    switch (operation.do) {
      case 'Edit':
        await this.edit(operation.before, operation.after);
        return;
      case 'Recreate':
        await this.recreate(operation.workload);
        return;
      case 'SetPolicy':
        await this.setPolicy(operation.name, operation.spec);
        return;
      case 'DeletePolicy':
        await this.request('DELETE', policyPath(operation.name));
        return;
      case 'Relabel':
        await this.request('PATCH', `/api/v1/namespaces/${operation.namespace}`, {
          contentType: 'application/merge-patch+json',
          body: { metadata: { labels: operation.labels } },
        });
        return;
      case 'OffSwitch':
        await this.offSwitch(operation.paused);
        return;
      case 'KillReplica':
        this.replicas[operation.replica]?.signal('SIGKILL');
        return;
      case 'RestartReplica':
        this.replicas[operation.replica]?.signal('SIGTERM');
        return;
      case 'StopLeader':
        this.stopLeader(operation.forMs);
        return;
      case 'Network':
        this.replicas[operation.replica]?.fail(operation.fault);
        return;
      case 'RestartApiServer':
        await this.plane.restartApiServer(operation.signal);
        return;
      case 'RestartEtcd':
        await this.plane.restartEtcd();
        return;
      case 'PauseEtcd':
        await this.plane.pauseEtcd(operation.forMs);
    }
  }

  /** One of the replicas has renewed its lease lately. */
  isLed(): boolean {
    return Date.now() - (leaderOf(this.replicas)?.leaseWrittenAt ?? 0) < LEASE_RENEWED_MS;
  }

  async create(workload: Declared): Promise<void> {
    await this.write(workload, undefined);
  }

  async offSwitch(paused: boolean): Promise<void> {
    const path = `/api/v1/namespaces/${OPERATOR_NAMESPACE}/configmaps/sidecar-drain-operator`;
    await this.request('PATCH', `${path}?fieldManager=${MANAGER}&force=true`, {
      contentType: 'application/apply-patch+yaml',
      body: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'sidecar-drain-operator', namespace: OPERATOR_NAMESPACE },
        data: { paused: String(paused) },
      },
    });
  }

  /** Ends every fault, and waits until the last leader that was stopped goes on. */
  async heal(): Promise<void> {
    await Promise.all(this.sleeping);
    for (const replica of this.replicas) {
      replica.heal();
    }
  }

  async edit(before: Declared, after: Declared): Promise<void> {
    await this.write(after, before);
  }

  async setPolicy(name: string, spec: PolicySpec): Promise<void> {
    const body = policy(name, spec);
    const made = await this.request<PolicyObject>('PATCH', `${policyPath(name)}?fieldManager=${MANAGER}&force=true`, {
      contentType: 'application/apply-patch+yaml',
      body,
    });
    const uid = made?.metadata.uid;
    const { strategy, waves } = (made?.spec.rollout ?? {}) as {
      readonly strategy: WavesOf['strategy'];
      readonly waves?: Omit<WavesOf, 'strategy'>;
    };
    const unlimited = { maxConcurrent: Infinity, maxPerNamespace: Infinity };
    if (uid !== undefined) {
      this.waves.set(uid, loosest(this.waves.get(uid), { strategy, ...unlimited, ...waves }));
    }
  }

  async request<T>(
    method: string,
    path: string,
    options: { readonly body?: unknown; readonly contentType?: string } = {},
  ): Promise<T | undefined> {
    return await this.untilTaken(async () => await this.plane.client.call<T>(method, path, options));
  }

  private async recreate(workload: Declared): Promise<void> {
    await this.request('DELETE', pathOf(workload));
    await this.write(workload, undefined);
  }

  private async write(after: Declared, before: Declared | undefined): Promise<void> {
    switch (after.tool) {
      case 'ClientSideApply':
        await this.untilTaken(async () => {
          const { code, stderr } = await this.plane.kubectl(['apply', '--validate=false', '-f', '-'], {
            input: JSON.stringify(manifestOf(after)),
          });
          if (code !== 0) {
            throw new Error(stderr);
          }
        });
        return;
      case 'ServerSideApply':
        await this.request('PATCH', `${pathOf(after)}?fieldManager=gitops&force=true`, {
          contentType: 'application/apply-patch+yaml',
          body: manifestOf(after),
        });
        return;
      case 'Patch':
        await this.untilTaken(async () => {
          if (before === undefined) {
            await this.plane.create(manifestOf(after));
          } else {
            await this.plane.client.call('PATCH', `${pathOf(after)}?fieldManager=kubectl-edit`, {
              contentType: 'application/strategic-merge-patch+json',
              body: patchOf(before, after),
            });
          }
        });
    }
  }

  private stopLeader(forMs: number): void {
    const leader = leaderOf(this.replicas);
    leader?.signal('SIGSTOP');
    const wakes = sleep(forMs).then(() => {
      leader?.signal('SIGCONT');
      this.sleeping.delete(wakes);
    });
    this.sleeping.add(wakes);
  }

  /** What is there already, or gone already, was taken by an earlier try of which the answer was lost. */
  private async untilTaken<T>(send: () => Promise<T>): Promise<T | undefined> {
    for (const until = Date.now() + TRY_FOR_MS; ;) {
      try {
        return await send();
      } catch (error) {
        if (error instanceof ApiError && (error.status === 404 || error.reason === 'AlreadyExists')) {
          return undefined;
        }
        if (Date.now() > until) {
          throw error;
        }
        await sleep(TRY_AGAIN_MS);
      }
    }
  }
}

/** A policy may be edited while it is being deleted, and what it wrote before keeps to what it said then. */
function loosest(before: WavesOf | undefined, after: WavesOf): WavesOf {
  return before === undefined
    ? after
    : {
        strategy: before.strategy === 'Waves' ? after.strategy : before.strategy,
        maxConcurrent: Math.max(before.maxConcurrent, after.maxConcurrent),
        maxPerNamespace: Math.max(before.maxPerNamespace, after.maxPerNamespace),
      };
}

export function pathOf({ namespace, name, kind }: Declared): string {
  return workloadPath(namespace, name, PLURALS[kind]);
}
