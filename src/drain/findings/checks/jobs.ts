import { PROXY_CONTAINER } from '../../../api/names.ts';
import type { Container } from '../../../api/kubernetes.ts';
import { finding, type Finding } from '../../../api/reasons.ts';
import { analyseAppHook } from '../../mesh/container-hooks.ts';
import { isClassic, type SettingsCheckInput } from '../check.ts';

export function jobNeverCompletes({ settings, job }: SettingsCheckInput): Finding[] {
  const { containers } = settings.template.spec;
  const endsProxy = containers.some(
    (container) => container.name !== PROXY_CONTAINER && mayEndProxy(container, settings),
  );
  return job && isClassic(settings) && !endsProxy
    ? [finding('JobNeverCompletes', "with a classic sidecar the job's pods do not end when the work is done")]
    : [];
}

/** The command is played like a hook. What comes behind a program of its own that is not known may be reached. */
function mayEndProxy({ command = [], args = [] }: Container, settings: SettingsCheckInput['settings']): boolean {
  const words = [...command, ...args];
  if (!words.some((word) => word.includes('quitquitquit'))) {
    return false;
  }
  const played = analyseAppHook({ exec: { command: words } }, settings);
  return played.quitsAt !== undefined || played.notUnderstood.length > 0;
}
