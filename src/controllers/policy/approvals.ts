import { APPROVAL_LABEL, FIELD_MANAGER } from '../../api/names.ts';
import { fromShards, toShards, type ApprovedSet } from '../../drain/rollout/approval.ts';
import { isApiError, type KubeClient } from '../../kube/index.ts';
import { configMaps } from '../watches/resources.ts';

export type ApprovalKind = 'plan' | 'withdrawal';

/** Whose approval it is. `owner` makes the cluster's garbage collector remove it with the policy, also without us. */
export interface ApprovalOf {
  readonly name: string;
  readonly uid: string;
  readonly owner?: { readonly apiVersion: string; readonly kind: string };
}

export interface ApprovalsOptions {
  readonly client: KubeClient;
  /** The operator's own namespace. */
  readonly namespace: string;
}

/** A ConfigMap holds 1 MiB; a quarter of it leaves room for managedFields and keeps etcd's requests small. */
const SHARD_BYTES = 240 * 1024;
/** Some hundred thousand workloads. Above it something is wrong, and etcd is not the place for it. */
const MOST_SHARDS = 64;
const KIND_LABEL = 'sidecardrain.io/approval';

interface StoredSet extends ApprovedSet {
  readonly names: readonly string[];
}

interface RawShard {
  readonly metadata?: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * What was approved, kept in ConfigMaps of the operator's namespace so that a restart or another leader goes on by it. At
 * most one set for each policy and kind. A new set is written whole before the old one goes, and an unfinished one counts
 * for nothing.
 */
export class Approvals {
  private readonly options: ApprovalsOptions;
  private readonly sets = new Map<string, StoredSet>();
  private loading: Promise<void> | undefined;

  constructor(options: ApprovalsOptions) {
    this.options = options;
  }

  /** Reads what is kept, once; what belongs to no living policy, or is not whole, is removed. */
  async load(isAlive: (uid: string) => boolean, signal: AbortSignal): Promise<void> {
    this.loading ??= this.read(isAlive, signal);
    try {
      await this.loading;
    } catch (error) {
      this.loading = undefined;
      throw error;
    }
  }

  of(uid: string, kind: ApprovalKind): ApprovedSet | undefined {
    return this.sets.get(keyOf(uid, kind));
  }

  /** The policies of which something is kept. */
  uids(): Set<string> {
    return new Set([...this.sets.keys()].map((key) => key.slice(0, key.indexOf('/'))));
  }

  /** Undefined where it is kept; else why it cannot be. */
  async keep(
    policy: ApprovalOf,
    kind: ApprovalKind,
    set: ApprovedSet,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const shards = toShards(set.items, SHARD_BYTES);
    if (shards.length > MOST_SHARDS) {
      return `it has ${set.items.size} workloads, which is more than is kept (${MOST_SHARDS} ConfigMaps)`;
    }
    const names = shards.map((_, part) => `approved-${kind}-${policy.uid}-${set.hash}-${part}`);
    for (const [part, text] of shards.entries()) {
      const { client, namespace } = this.options;
      await client.apply(
        configMaps,
        { namespace, name: names[part] ?? '' },
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: {
            name: names[part],
            namespace,
            labels: { 'app.kubernetes.io/managed-by': FIELD_MANAGER, [APPROVAL_LABEL]: policy.uid, [KIND_LABEL]: kind },
            ...(policy.owner === undefined
              ? {}
              : { ownerReferences: [{ ...policy.owner, name: policy.name, uid: policy.uid }] }),
          },
          data: {
            policy: policy.name,
            hash: set.hash,
            part: String(part),
            parts: String(shards.length),
            workloads: text,
          },
        },
        { fieldManager: FIELD_MANAGER, force: true, metadataOnly: true, retry: 'idempotent', signal },
      );
    }
    const before = this.sets.get(keyOf(policy.uid, kind));
    this.sets.set(keyOf(policy.uid, kind), { ...set, names });
    await this.remove(
      (before?.names ?? []).filter((name) => !names.includes(name)),
      signal,
    );
    return undefined;
  }

  async drop(uid: string, kind: ApprovalKind, signal: AbortSignal): Promise<void> {
    const set = this.sets.get(keyOf(uid, kind));
    if (set !== undefined) {
      this.sets.delete(keyOf(uid, kind));
      await this.remove(set.names, signal);
    }
  }

  private async read(isAlive: (uid: string) => boolean, signal: AbortSignal): Promise<void> {
    const { client, namespace } = this.options;
    const { items } = await client.list<RawShard>(configMaps, { namespace, labelSelector: APPROVAL_LABEL, signal });
    const groups = new Map<string, RawShard[]>();
    for (const item of items) {
      const { labels = {} } = item.metadata ?? {};
      const key = `${labels[APPROVAL_LABEL] ?? ''}/${labels[KIND_LABEL] ?? ''}/${item.data?.hash ?? ''}`;
      groups.set(key, [...(groups.get(key) ?? []), item]);
    }
    const useless: string[] = [];
    for (const [key, shards] of groups) {
      const [uid = '', kind = '', hash = ''] = key.split('/');
      const names = shards.map(({ metadata }) => metadata?.name ?? '');
      const whole = shards.length === Number(shards[0]?.data?.parts);
      const known = this.sets.has(`${uid}/${kind}`);
      if (!isAlive(uid) || !whole || known) {
        useless.push(...names);
        continue;
      }
      this.sets.set(`${uid}/${kind}`, {
        hash,
        names,
        items: fromShards(shards.map(({ data }) => data?.workloads ?? '')),
      });
    }
    await this.remove(useless, signal);
  }

  private async remove(names: readonly string[], signal: AbortSignal): Promise<void> {
    for (const name of names) {
      try {
        await this.options.client.delete(
          configMaps,
          { namespace: this.options.namespace, name },
          { retry: 'idempotent', signal },
        );
      } catch (error) {
        if (!(isApiError(error) && error.isNotFound)) {
          throw error;
        }
      }
    }
  }
}

function keyOf(uid: string, kind: ApprovalKind): string {
  return `${uid}/${kind}`;
}
