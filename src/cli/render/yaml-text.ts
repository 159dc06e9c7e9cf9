import { stringify } from 'yaml';

/**
 * YAML for Kubernetes' own reader, which takes words of YAML 1.1 (`yes`, `on`, `012`) for booleans and numbers
 * (sigs.k8s.io/yaml): they are written in quotes. Lines are never folded.
 */
export function yamlText(value: unknown): string {
  return stringify(value, { lineWidth: 0, compat: 'yaml-1.1' });
}
