/** What the admission webhooks put into workloads and pods. */
export { admitPod, type AdmitPodInput } from './admit-pod.ts';
export {
  admitWorkload,
  NOTHING_ADMITTED,
  type Admitted,
  type AdmitFacts,
  type AdmitWorkloadInput,
} from './admit-workload.ts';
export { deliveredKey, restartLimitOf, type CountDelivered, type PodsDelivered } from '../plan/delivery.ts';
export { NOT_ON_HOST_NETWORK, NOT_WRITTEN_BY_US, type MatchCondition } from './match-conditions.ts';
export { ownerOfPod, TEMPLATE_HASH_LABELS } from './pod-owner.ts';
export { PROXY_HOOKS, type ProxyHook } from './second-handler.ts';
