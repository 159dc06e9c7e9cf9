import { PROXY_CONTAINER } from '../../../api/names.ts';
import type { Container } from '../../../api/kubernetes.ts';
import { finding, type Finding } from '../../../api/reasons.ts';
import { analyseAppHook } from '../../mesh/container-hooks.ts';
import { isClassic, isJob, type CheckInput } from '../check.ts';

export function jobNeverCompletes({ settings, workload }: CheckInput): Finding[] {
  const { containers } = workload.template.spec;
  const endsProxy = containers.some(
    (container) => container.name !== PROXY_CONTAINER && mayEndProxy(container, settings),
  );
  return isJob(workload) && isClassic(settings) && !endsProxy
    ? [finding('JobNeverCompletes', "with a classic sidecar the job's pods do not end when the work is done")]
    : [];
}

/** The command is played like a hook. What comes behind a program of its own that is not known may be reached. */
function mayEndProxy({ command = [], args = [] }: Container, settings: CheckInput['settings']): boolean {
  const words = [...command, ...args];
  if (!words.some((word) => word.includes('quitquitquit'))) {
    return false;
  }
  const played = analyseAppHook({ exec: { command: words } }, settings);
  return played.quitsAt !== undefined || played.notUnderstood.length > 0;
}
