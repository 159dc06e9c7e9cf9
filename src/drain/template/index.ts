/** Pod templates: how they are read, who owns what in them, and how they are edited. */
export { mergeProxyConfigAnnotation } from './annotation-edit.ts';
export type { MergedAnnotation, ProxyConfigEdits } from './annotation-edit.ts';
export { parseProxyConfigAnnotation, readIstioYaml } from './annotation.ts';
export type { IstioYamlReading, ParsedAnnotation } from './annotation.ts';
export { applyToTemplate, buildApply, INJECTED_IMAGE, INJECTED_PULL_POLICY, isOurContainer } from './apply.ts';
export type { IstioYamlValue, Malformed } from './istio-yaml.ts';
export {
  AT_REST,
  BUILT_IN_KINDS,
  groupOf,
  kindName,
  kindTable,
  KNATIVE_GRACE,
  SPEC_TEMPLATE,
  templateFieldPath,
  WORKLOAD_KINDS,
  workloadKind,
} from './kinds.ts';
export type { KindTable, TemplatePlace, WorkloadKindAdapter } from './kinds.ts';
export { fieldOwners, LAST_APPLIED_ANNOTATION } from './ownership.ts';
export { projectTemplate, projectWorkload } from './project.ts';
export type { ProjectOptions } from './project.ts';
export { proxyConfigValuesFrom } from './proxy-config.ts';
export type { DangerousValue, ProxyConfigReading, ProxyConfigRefusal, UnknownKey } from './proxy-config.ts';
export type { RawObject } from './raw.ts';
export { lifecycleOf, shapeProblems } from './shape.ts';
export type { ShapeProblem } from './shape.ts';
