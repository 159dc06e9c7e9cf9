import { finding, type Finding } from '../../../api/reasons.ts';
import type { CheckInput } from '../check.ts';

/** A custom resource may hold any form of pod template: what its pods would be refused for is said here. */
export function templateRefused({ workload }: CheckInput): Finding[] {
  return workload.refused === undefined ? [] : [refusedTemplate(workload.refused)];
}

export function refusedTemplate(problem: string): Finding {
  return finding('TemplateRefused', `the API server would refuse the pods: ${problem}`);
}
