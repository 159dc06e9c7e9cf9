import { groupOf, kindTable, WORKLOAD_KINDS, type WorkloadKindAdapter } from '../../drain/template/index.ts';
import { objectKind } from '../../drain/model/workload.ts';
import { COMMON_NAMESAKES, FILE_KINDS, type FileKind } from './file-kinds.ts';

/** The kinds that a command reads: with a pod template, or a pod. */
export class JudgedKinds {
  readonly all: readonly FileKind[];
  /** Kinds that a policy may name. */
  readonly governed: ReadonlySet<string>;
  private readonly byKind: ReadonlyMap<string, readonly FileKind[]>;

  constructor(governed: readonly WorkloadKindAdapter[] = WORKLOAD_KINDS) {
    this.all = [...governed, ...FILE_KINDS.filter((each) => !governed.some((other) => isSame(each, other)))];
    this.governed = new Set(governed.map(({ kind }) => kind));
    this.byKind = groupByKind(this.all);
  }

  /** Whether objects of this kind are read, of whatever group. */
  has(kind: string): boolean {
    return this.byKind.has(kind);
  }

  /** Whether most objects of this kind are of a group that has no pod template. */
  isCommonNamesake(kind: string): boolean {
    return COMMON_NAMESAKES.has(kind);
  }

  /** The adapter of a kind: of this apiVersion, else the nearest one that has its name. */
  get(kind: string, apiVersion?: string): FileKind | undefined {
    const adapters = this.byKind.get(objectKind(kind));
    return (
      adapters?.find((adapter) => adapter.kind === kind && apiVersion === undefined) ??
      adapters?.find((adapter) => adapter.apiVersion === apiVersion) ??
      adapters?.find((adapter) => apiVersion !== undefined && groupOf(adapter.apiVersion) === groupOf(apiVersion)) ??
      adapters?.[0]
    );
  }
}

function isSame(a: WorkloadKindAdapter, b: WorkloadKindAdapter): boolean {
  return a.kind === b.kind && groupOf(a.apiVersion) === groupOf(b.apiVersion);
}

function groupByKind(adapters: readonly FileKind[]): Map<string, FileKind[]> {
  const groups = new Map<string, FileKind[]>();
  for (const adapter of adapters) {
    const kind = objectKind(adapter.kind);
    groups.set(kind, [...(groups.get(kind) ?? []), adapter]);
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

const GRACE = 'terminationGracePeriodSeconds';

/** What is said of a grace period, in the words of a kind that takes it from another field. */
export function wordsInKind({ graceField }: { readonly graceField?: string }, text: string): string {
  return graceField === undefined ? text : text.replaceAll(GRACE, graceField);
}

/** A field path as the domain says it (`spec.template...`), as it stands in an object whose template or grace period is elsewhere. */
export function pathInKind(
  {
    templatePath = ['spec', 'template'],
    graceField = GRACE,
  }: { readonly templatePath?: readonly string[]; readonly graceField?: string },
  path: string,
): string {
  const template = templatePath.join('.').replaceAll(/\.(\d+)(?=\.|$)/g, '[$1]');
  if (!path.startsWith('spec.template.')) {
    return path;
  }
  const said = path.slice('spec.template.'.length);
  const inside = said === `spec.${GRACE}` ? `spec.${graceField}` : said;
  return template === '' ? inside : `${template}.${inside}`;
}
