import { AT_REST, kindTable, WORKLOAD_KINDS, type WorkloadKindAdapter } from '../../drain/template/index.ts';

/** A pod that stands alone ends like all others, so lint and explain judge it too; policies do not govern it. */
const POD: WorkloadKindAdapter = {
  apiVersion: 'v1',
  kind: 'Pod',
  plural: 'pods',
  templatePath: [],
  rollout: () => AT_REST,
};

/** The kinds that a command reads: with a pod template, or a pod. */
export class JudgedKinds {
  readonly all: readonly WorkloadKindAdapter[];
  /** Kinds that a policy may name. */
  readonly governed: ReadonlySet<string>;
  private readonly byKind: ReadonlyMap<string, readonly WorkloadKindAdapter[]>;

  constructor(governed: readonly WorkloadKindAdapter[] = WORKLOAD_KINDS) {
    this.all = [...governed, POD];
    this.governed = new Set(governed.map(({ kind }) => kind));
    this.byKind = groupByKind(this.all);
  }

  /** Whether objects of this kind are read, of whatever group. */
  has(kind: string): boolean {
    return this.byKind.has(kind);
  }

  /** The adapter of a kind: of this apiVersion, else the nearest one that has its name. */
  get(kind: string, apiVersion?: string): WorkloadKindAdapter | undefined {
    const adapters = this.byKind.get(kind);
    const group = (text: string): string => text.split('/')[0] ?? '';
    return (
      adapters?.find((adapter) => adapter.apiVersion === apiVersion) ??
      adapters?.find((adapter) => apiVersion !== undefined && group(adapter.apiVersion) === group(apiVersion)) ??
      adapters?.[0]
    );
  }
}

function groupByKind(adapters: readonly WorkloadKindAdapter[]): Map<string, WorkloadKindAdapter[]> {
  const groups = new Map<string, WorkloadKindAdapter[]>();
  for (const adapter of adapters) {
    groups.set(adapter.kind, [...(groups.get(adapter.kind) ?? []), adapter]);
  }
  return groups;
}

export type JudgedKindsResult =
  { readonly ok: true; readonly kinds: JudgedKinds } | { readonly ok: false; readonly why: string };

/** @param configured each `group/version/plural:Kind=path`, as --workload-kind has it */
export function judgedKinds(configured: readonly string[]): JudgedKindsResult {
  const made = kindTable(configured);
  return made.ok ? { ok: true, kinds: new JudgedKinds(made.table.all) } : made;
}

/** A field path as the domain says it (`spec.template...`), as it stands in an object whose template is elsewhere. */
export function pathInKind(
  { templatePath = ['spec', 'template'] }: { readonly templatePath?: readonly string[] },
  path: string,
): string {
  const template = templatePath.join('.');
  if (template === 'spec.template' || !path.startsWith('spec.template.')) {
    return path;
  }
  const inside = path.slice('spec.template.'.length);
  return template === '' ? inside : `${template}.${inside}`;
}
