import {
  NATIVE_SIDECAR_ANNOTATION,
  PROXY_CONFIG_ANNOTATION,
  PROXY_CONFIG_MARK_ANNOTATION,
  STATS_SUFFIXES_ANNOTATION,
} from '../../api/names.ts';
import type { ManagedField } from '../../drain/model/workload.ts';

export type AnnotationField = Exclude<ManagedField, 'gracePeriod' | 'proxyContainer'>;

export const ANNOTATION_OF: Readonly<Record<AnnotationField, string>> = {
  proxyConfig: PROXY_CONFIG_ANNOTATION,
  statsSuffixes: STATS_SUFFIXES_ANNOTATION,
  nativeSidecar: NATIVE_SIDECAR_ANNOTATION,
  proxyConfigMark: PROXY_CONFIG_MARK_ANNOTATION,
};

export function isAnnotationField(field: ManagedField): field is AnnotationField {
  return Object.hasOwn(ANNOTATION_OF, field);
}
