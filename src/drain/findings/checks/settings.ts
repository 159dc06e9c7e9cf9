import { PROXY_CONTAINER } from '../../../api/names.ts';
import { finding, type Finding } from '../../../api/reasons.ts';
import type { CheckInput } from '../check.ts';

export function settingProblems({ settings, workload }: CheckInput): Finding[] {
  const found = settings.problems.map((problem) => finding(problem.kind, problem.message, { path: problem.path }));
  const refused = settings.podsRefused;
  if (refused?.code === 'HookHandlerIllegal') {
    found.push(finding('HookHandlerIllegal', refused.message, { path: `lifecycle of container ${PROXY_CONTAINER}` }));
  }
  for (const name of workload.misplaced ?? []) {
    found.push(
      finding(
        'AnnotationMisplaced',
        `${name} stands on the ${workload.kind} itself; Istio reads it on the pod template only`,
        { path: `metadata.annotations["${name}"]` },
      ),
    );
  }
  return found;
}
