import { APPS_KINDS } from './apps.ts';
import { ARGO_KINDS } from './argo.ts';
import { BATCH_KINDS } from './batch.ts';
import { parseConfiguredKind } from './configured.ts';
import type { WorkloadKindAdapter } from './kind.ts';
import { KRUISE_KINDS } from './kruise.ts';
import { OPENSHIFT_KINDS } from './openshift.ts';

/** The kinds that need no configuration. */
export const WORKLOAD_KINDS: readonly WorkloadKindAdapter[] = [
  ...APPS_KINDS,
  ...BATCH_KINDS,
  ...ARGO_KINDS,
  ...KRUISE_KINDS,
  ...OPENSHIFT_KINDS,
];

const BY_KIND = new Map(WORKLOAD_KINDS.map((adapter) => [adapter.kind, adapter]));

/** The adapter of a kind that needs no configuration; with `apiVersion` only if that is the one we know. */
export function workloadKind(kind: string, apiVersion?: string): WorkloadKindAdapter | undefined {
  const adapter = BY_KIND.get(kind);
  return adapter !== undefined && (apiVersion === undefined || apiVersion === adapter.apiVersion) ? adapter : undefined;
}

/**
 * The kind of an object as policies and keys name it: its own, or `Kind.group` where that name belongs to a kind of
 * another group, as kubectl writes resources.
 */
export function kindName(kind: string, apiVersion: string | undefined): string {
  const owner = BY_KIND.get(kind);
  if (owner === undefined || apiVersion === undefined || groupOf(owner.apiVersion) === groupOf(apiVersion)) {
    return kind;
  }
  return `${kind}.${groupOf(apiVersion)}`;
}

/** The group of an apiVersion; empty for the core. */
export function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

/** The kinds that an operator or a command knows: ours and those of its configuration. */
export interface KindTable {
  readonly all: readonly WorkloadKindAdapter[];
  get(kind: string): WorkloadKindAdapter | undefined;
}

export type KindTableResult =
  { readonly ok: true; readonly table: KindTable } | { readonly ok: false; readonly why: string };

/**
 * A workload is known as Kind/namespace/name everywhere (queues, ledgers, status, metrics), so a kind whose name is that
 * of one of ours in another group is named `Kind.group`. Two configured ones of the same name are refused. One of ours
 * may be configured anew, for example in another version.
 * @param configured each `group/version/plural:Kind=path`
 */
export function kindTable(configured: readonly string[] = []): KindTableResult {
  const byKind = new Map(BY_KIND);
  for (const text of configured) {
    const parsed = parseConfiguredKind(text);
    if (!parsed.ok) {
      return parsed;
    }
    const adapter = { ...parsed.adapter, kind: kindName(parsed.adapter.kind, parsed.adapter.apiVersion) };
    const other = byKind.get(adapter.kind);
    const own = BY_KIND.get(adapter.kind);
    if (other !== undefined && (other !== own || own.custom !== true)) {
      return {
        ok: false,
        why: `"${text}": the kind ${adapter.kind} is ${other.apiVersion} already; two configured kinds cannot have one name`,
      };
    }
    byKind.set(adapter.kind, own === undefined ? adapter : configuredAnew(own, adapter));
  }
  return { ok: true, table: { all: [...byKind.values()], get: (kind) => byKind.get(kind) } };
}

/** Where it stands is as configured; what rolling means is known. */
function configuredAnew(own: WorkloadKindAdapter, adapter: WorkloadKindAdapter): WorkloadKindAdapter {
  const { apiVersion, plural, templatePath } = adapter;
  return { ...own, apiVersion, plural, templatePath };
}

/** Without configuration. */
export const BUILT_IN_KINDS: KindTable = { all: WORKLOAD_KINDS, get: (kind) => BY_KIND.get(kind) };

/** The `.spec.template` form of an adapter's path, for messages and field paths. */
export function templateFieldPath(adapter: Pick<WorkloadKindAdapter, 'templatePath'>): string {
  return adapter.templatePath.join('.');
}
