import type { Finding } from '../../api/reasons.ts';
import type { Decision } from '../model/decision.ts';

/**
 * Requests that arrive late and are refused, of a workload that is judged otherwise: the promise is about requests in
 * flight, so that one can be compliant and lose these. Undefined where the change that is planned gives the preStop.
 */
export function lateRequests({ outcome, changes, findings }: Decision): Finding | undefined {
  return outcome === 'Exempt' || changes.some(({ field }) => field === 'applicationPreStop')
    ? undefined
    : findings.find(({ code }) => code === 'NewRequestsRefused');
}
