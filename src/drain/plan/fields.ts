import {
  NATIVE_SIDECAR_ANNOTATION,
  PROXY_CONFIG_ANNOTATION,
  PROXY_CONFIG_MARK_ANNOTATION,
  PROXY_CONTAINER,
  STATS_SUFFIXES_ANNOTATION,
} from '../../api/names.ts';
import type { ManagedField } from '../model/workload.ts';

const FIELD_PATHS: Record<ManagedField, string> = {
  gracePeriod: 'spec.template.spec.terminationGracePeriodSeconds',
  proxyConfig: `spec.template.metadata.annotations["${PROXY_CONFIG_ANNOTATION}"]`,
  statsSuffixes: `spec.template.metadata.annotations["${STATS_SUFFIXES_ANNOTATION}"]`,
  proxyConfigMark: `spec.template.metadata.annotations["${PROXY_CONFIG_MARK_ANNOTATION}"]`,
  nativeSidecar: `spec.template.metadata.annotations["${NATIVE_SIDECAR_ANNOTATION}"]`,
  proxyContainer: `spec.template.spec.containers[${PROXY_CONTAINER}]`,
};

export function fieldPath(field: ManagedField): string {
  return FIELD_PATHS[field];
}
