import { finding, type Finding } from '../../../api/reasons.ts';
import { graceNeed, graceWords, unprovableHook } from '../../promise/promise.ts';
import type { Seconds } from '../../model/workload.ts';
import { budgetWords, exceededBudget, type LandingBudget } from '../../nodes/budget.ts';
import type { CheckInput, SettingsCheckInput } from '../check.ts';

const GRACE_PATH = 'spec.template.spec.terminationGracePeriodSeconds';

export function graceTooShort({ settings, intent, clocks }: SettingsCheckInput): Finding[] {
  if (settings.proxy.container === 'None') {
    return [];
  }
  const need = graceNeed(settings, intent, clocks);
  const present = settings.gracePeriod.value;
  if (present >= need.seconds) {
    return [];
  }
  const unknownHook = unprovableHook(clocks) !== undefined;
  return [
    finding(
      'GraceTooShort',
      `terminationGracePeriodSeconds is ${present}, but ${unknownHook ? 'at least ' : ''}${need.seconds} s are needed: ${graceWords(need)}`,
      {
        path: GRACE_PATH,
        action: unknownHook
          ? `Bound the preStop, or state its length (sidecardrain.io/pre-stop); until then terminationGracePeriodSeconds: ${need.seconds} is the least, and may not be enough.`
          : `Set terminationGracePeriodSeconds: ${need.seconds}.`,
      },
    ),
  ];
}

export function nodeBudget({ workload, settings, nodes = {} }: CheckInput): Finding[] {
  const grace = settings.gracePeriod.value;
  return budgetFindings(grace, exceededBudget(workload, grace, nodes));
}

/** What is said of a grace period that is longer than nodes give that may take the pods. */
export function budgetFindings(grace: Seconds, exceeded: LandingBudget | undefined): Finding[] {
  return exceeded === undefined
    ? []
    : [
        finding(
          'GraceExceedsNodeBudget',
          `terminationGracePeriodSeconds is ${grace}, and its pods may be given no more than ${budgetWords(exceeded)}`,
          { path: GRACE_PATH },
        ),
      ];
}
