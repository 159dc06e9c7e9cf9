import { finding, type Finding } from '../../../api/reasons.ts';
import { graceNeed, graceWords, unprovableHook } from '../../promise/promise.ts';
import type { CheckInput } from '../check.ts';

/** Above this the cluster autoscaler stops waiting for a pod (--max-graceful-termination-sec, default 600). */
export const NODE_BUDGET_SECONDS = 600;

const GRACE_PATH = 'spec.template.spec.terminationGracePeriodSeconds';

export function graceTooShort({ settings, intent, clocks }: CheckInput): Finding[] {
  if (settings.proxy.container === 'None') {
    return [];
  }
  const need = graceNeed(settings, intent, clocks);
  const present = settings.gracePeriod.value;
  if (present >= need.seconds) {
    return [];
  }
  return [
    finding(
      'GraceTooShort',
      `terminationGracePeriodSeconds is ${present}, but ${unprovableHook(clocks) === undefined ? '' : 'at least '}${need.seconds} s are needed: ${graceWords(need)}`,
      { path: GRACE_PATH, action: `Set terminationGracePeriodSeconds: ${need.seconds}.` },
    ),
  ];
}

export function nodeBudget({ settings }: CheckInput): Finding[] {
  const grace = settings.gracePeriod.value;
  return grace > NODE_BUDGET_SECONDS
    ? [
        finding(
          'GraceExceedsNodeBudget',
          `terminationGracePeriodSeconds is ${grace}; node drains and the cluster autoscaler commonly wait ${NODE_BUDGET_SECONDS} s`,
          { path: GRACE_PATH },
        ),
      ]
    : [];
}
