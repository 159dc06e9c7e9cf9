import { PROXY_CONTAINER } from '../../../api/names.ts';
import { finding, type Finding } from '../../../api/reasons.ts';
import { holdsAnyway, type SettingsCheckInput } from '../check.ts';

export function settingProblems(input: SettingsCheckInput): Finding[] {
  const { settings } = input;
  const found = settings.problems.map((problem) => {
    const superseded = problem.kind === 'AnnotationValueDangerous' && holdsAnyway(input);
    return finding(problem.kind, problem.message, {
      path: problem.path,
      severity: superseded ? ('warning' as const) : undefined,
    });
  });
  if (settings.notKnown !== undefined) {
    found.push(finding('FactsMissing', settings.notKnown, { path: `env of container ${PROXY_CONTAINER}` }));
  }
  const refused = settings.podsRefused;
  if (refused?.code === 'HookHandlerIllegal') {
    found.push(finding('HookHandlerIllegal', refused.message, { path: `lifecycle of container ${PROXY_CONTAINER}` }));
  }
  return found;
}
