import { APPS_KINDS } from './apps.ts';
import { ARGO_KINDS } from './argo.ts';
import { BATCH_KINDS } from './batch.ts';
import { parseConfiguredKind } from './configured.ts';
import type { WorkloadKindAdapter } from './kind.ts';
import { KRUISE_KINDS } from './kruise.ts';

/** The kinds that need no configuration. */
export const WORKLOAD_KINDS: readonly WorkloadKindAdapter[] = [
  ...APPS_KINDS,
  ...BATCH_KINDS,
  ...ARGO_KINDS,
  ...KRUISE_KINDS,
];

const BY_KIND = new Map(WORKLOAD_KINDS.map((adapter) => [adapter.kind, adapter]));

/** The adapter of a kind that needs no configuration; with `apiVersion` only if that is the one we know. */
export function workloadKind(kind: string, apiVersion?: string): WorkloadKindAdapter | undefined {
  const adapter = BY_KIND.get(kind);
  return adapter !== undefined && (apiVersion === undefined || apiVersion === adapter.apiVersion) ? adapter : undefined;
}

/** The kinds that an operator or a command knows: ours and those of its configuration. */
export interface KindTable {
  readonly all: readonly WorkloadKindAdapter[];
  get(kind: string): WorkloadKindAdapter | undefined;
}

export type KindTableResult =
  { readonly ok: true; readonly table: KindTable } | { readonly ok: false; readonly why: string };

/**
 * A workload is known as Kind/namespace/name everywhere (queues, ledgers, status, metrics), so one name of a kind is one
 * kind: a second one of another group is refused.
 * @param configured each `group/version/plural:Kind=path`
 */
export function kindTable(configured: readonly string[] = []): KindTableResult {
  const byKind = new Map(BY_KIND);
  for (const text of configured) {
    const parsed = parseConfiguredKind(text);
    if (!parsed.ok) {
      return parsed;
    }
    const { adapter } = parsed;
    const other = byKind.get(adapter.kind);
    if (other !== undefined) {
      return {
        ok: false,
        why: `"${text}": the kind ${adapter.kind} is ${other.apiVersion} already; workloads are told apart by kind, namespace and name, so a second group cannot have it`,
      };
    }
    byKind.set(adapter.kind, adapter);
  }
  return { ok: true, table: { all: [...byKind.values()], get: (kind) => byKind.get(kind) } };
}

/** Without configuration. */
export const BUILT_IN_KINDS: KindTable = { all: WORKLOAD_KINDS, get: (kind) => BY_KIND.get(kind) };

/** The `.spec.template` form of an adapter's path, for messages and field paths. */
export function templateFieldPath(adapter: Pick<WorkloadKindAdapter, 'templatePath'>): string {
  return adapter.templatePath.join('.');
}
