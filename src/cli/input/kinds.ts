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
  private readonly byKind: ReadonlyMap<string, WorkloadKindAdapter>;

  constructor(governed: readonly WorkloadKindAdapter[] = WORKLOAD_KINDS) {
    this.all = [...governed, POD];
    this.governed = new Set(governed.map(({ kind }) => kind));
    this.byKind = new Map(this.all.map((adapter) => [adapter.kind, adapter]));
  }

  get(kind: string): WorkloadKindAdapter | undefined {
    return this.byKind.get(kind);
  }
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
