import { annotationTarget, noteTarget } from './annotations.ts';
import { policyTarget, yamlTarget } from './files.ts';
import { awkTarget, expressionTarget, sedTarget, shellTarget } from './hooks.ts';
import type { FuzzTarget } from './target.ts';

/** Everything that others write. */
export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  shellTarget,
  awkTarget,
  sedTarget,
  expressionTarget,
  annotationTarget,
  noteTarget,
  yamlTarget,
  policyTarget,
];
