import { PROXY_CONTAINER } from '../../../api/names.ts';
import { finding, type Finding } from '../../../api/reasons.ts';
import type { CheckInput } from '../check.ts';

export function settingProblems({ settings }: CheckInput): Finding[] {
  const found = settings.problems.map((problem) => finding(problem.kind, problem.message, { path: problem.path }));
  const refused = settings.podsRefused;
  if (refused?.code === 'HookHandlerIllegal') {
    found.push(finding('HookHandlerIllegal', refused.message, { path: `lifecycle of container ${PROXY_CONTAINER}` }));
  }
  return found;
}
