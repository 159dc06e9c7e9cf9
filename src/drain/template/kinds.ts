/** Kinds of workloads. A new one is one more entry in a file of its family. */
export { parseConfiguredKind } from './kinds/configured.ts';
export type { TemplatePlace, WorkloadKindAdapter } from './kinds/kind.ts';
export { AT_REST, KNATIVE_GRACE, SPEC_TEMPLATE } from './kinds/kind.ts';
export {
  BUILT_IN_KINDS,
  groupOf,
  kindName,
  kindTable,
  templateFieldPath,
  WORKLOAD_KINDS,
  workloadKind,
} from './kinds/table.ts';
export type { KindTable, KindTableResult } from './kinds/table.ts';
