import type { PodTemplate } from '../../api/kubernetes.ts';
import { PROXY_CONTAINER } from '../../api/names.ts';
import type { Finding } from '../../api/reasons.ts';
import type { Decision, DelayShare } from '../model/decision.ts';
import { declaresServing } from '../model/serving.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import { lateRequestsRefusedBy } from '../promise/promise.ts';
import type { Intent } from '../promise/intent.ts';

/**
 * Requests that arrive late and are refused, of a workload that is judged otherwise: the promise is about requests in
 * flight, so that one can be compliant and lose these. Undefined where the change that is planned gives the preStop.
 */
export function lateRequests({ outcome, changes, findings }: Decision): Finding | undefined {
  return outcome === 'Exempt' || changes.some(({ field }) => field === 'applicationPreStop')
    ? undefined
    : findings.find(({ code }) => code === 'NewRequestsRefused');
}

/** What `application: Delay` is to a workload; undefined where the policy says Leave, and for a pod without an application. */
export function delayShareOf(
  template: PodTemplate,
  settings: EffectiveSettings,
  intent: Intent,
): DelayShare | undefined {
  const serving = settings.apps.filter(({ serves }) => serves);
  if (intent.application === 'Leave' || serving.length === 0) {
    return undefined;
  }
  if (lateRequestsRefusedBy(settings, intent).length === 0) {
    return 'OwnHook';
  }
  const declared = template.spec.containers.some(
    (container) => container.name !== PROXY_CONTAINER && declaresServing(container),
  );
  return declared ? 'Sleep' : 'SleepWithoutPorts';
}

/** What it is to the workload that was decided about; an exempt one gets nothing. */
export function delayOf({ outcome, delay }: Decision): DelayShare | undefined {
  return outcome === 'Exempt' ? undefined : delay;
}

/** How many workloads each share has. */
export type DelayCounts = Readonly<Record<DelayShare, number>>;

export function delayCounts(shares: Iterable<DelayShare | undefined>): DelayCounts {
  const counts = { Sleep: 0, SleepWithoutPorts: 0, OwnHook: 0 };
  for (const share of shares) {
    if (share !== undefined) {
      counts[share] += 1;
    }
  }
  return counts;
}

/** `application Delay: 3 workloads get the sleep, 1 of them declares no port, 2 have a preStop of their own`; '' for none. */
export function delayWords({ Sleep, SleepWithoutPorts, OwnHook }: DelayCounts): string {
  const slept = Sleep + SleepWithoutPorts;
  if (slept + OwnHook === 0) {
    return '';
  }
  const ports =
    SleepWithoutPorts === 0
      ? ''
      : ` (${SleepWithoutPorts} without a declared port, so that all their containers are taken to serve)`;
  return `application Delay: ${slept} get the sleep${ports}, ${OwnHook} have a preStop of their own`;
}
