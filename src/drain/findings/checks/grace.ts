import { finding, type Finding } from '../../../api/reasons.ts';
import { longestPromised, neededGrace } from '../../plan/promise.ts';
import type { CheckInput } from '../check.ts';

/** Above this the cluster autoscaler stops waiting for a pod (--max-graceful-termination-sec, default 600). */
export const NODE_BUDGET_SECONDS = 600;

const GRACE_PATH = 'spec.template.spec.terminationGracePeriodSeconds';

export function graceTooShort({ settings, intent, clocks }: CheckInput): Finding[] {
  if (settings.proxy.container === 'None') {
    return [];
  }
  const needed = neededGrace(settings, intent, clocks);
  const present = settings.gracePeriod.value;
  if (present >= needed) {
    return [];
  }
  const sum =
    settings.proxy.container === 'Native'
      ? `${clocks.delay.seconds} s until the application gets SIGTERM + ${longestPromised(intent)} s for its requests`
      : `${Math.max(needed - intent.margin, 0)} s for preStop and drain`;
  return [
    finding(
      'GraceTooShort',
      `terminationGracePeriodSeconds is ${present}, needed are ${needed}: ${sum} + ${intent.margin} s margin`,
      { path: GRACE_PATH, action: `Set terminationGracePeriodSeconds: ${needed}.` },
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
