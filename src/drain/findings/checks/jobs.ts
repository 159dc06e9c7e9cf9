import { finding, type Finding } from '../../../api/reasons.ts';
import { isClassic, type CheckInput } from '../check.ts';

export function jobNeverCompletes({ settings, workload }: CheckInput): Finding[] {
  return (workload.kind === 'Job' || workload.kind === 'CronJob') && isClassic(settings)
    ? [finding('JobNeverCompletes', "with a classic sidecar the job's pods do not end when the work is done")]
    : [];
}
