import type { Finding } from '../../api/reasons.ts';
import type { Check, CheckInput } from './check.ts';
import {
  drainIgnored,
  drainTooShort,
  inertOnNative,
  listenerCloses,
  minimumDrainInert,
  outboundNotCovered,
} from './checks/drain.ts';
import { templateRefused } from './checks/form.ts';
import { graceTooShort, nodeBudget } from './checks/grace.ts';
import {
  appHooks,
  defaultsOfAppHooks,
  failingAppHooks,
  holdHook,
  nativeDrainDropped,
  proxyHook,
} from './checks/hooks.ts';
import { jobNeverCompletes } from './checks/jobs.ts';
import { stopSignals } from './checks/stop-signal.ts';
import { newRequestsRefused } from './checks/new-requests.ts';
import { misplaced, notRead } from './checks/placement.ts';
import { imageAuto, proxyKindUnknown } from './checks/proxy.ts';
import { settingProblems } from './checks/settings.ts';

/** Every check, in the order in which findings are shown. A new finding is a new line here. */
export const CHECKS: readonly Check[] = [
  templateRefused,
  settingProblems,
  misplaced,
  notRead,
  graceTooShort,
  drainTooShort,
  proxyHook,
  nativeDrainDropped,
  appHooks,
  defaultsOfAppHooks,
  failingAppHooks,
  newRequestsRefused,
  stopSignals,
  drainIgnored,
  minimumDrainInert,
  inertOnNative,
  outboundNotCovered,
  listenerCloses,
  holdHook,
  imageAuto,
  nodeBudget,
  jobNeverCompletes,
  proxyKindUnknown,
];

/** What is the matter with a workload today, whatever a policy would do. */
export function findingsOf(input: CheckInput): Finding[] {
  const found: Finding[] = [];
  for (const check of CHECKS) {
    found.push(...check(input));
  }
  return found;
}
