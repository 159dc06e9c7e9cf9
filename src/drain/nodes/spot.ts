import type { Seconds } from '../../api/duration.ts';
import type { NodeBudget } from '../model/nodes.ts';

type Labels = Readonly<Record<string, string>>;

/** Two minutes between the notice and the interruption (AWS, "Spot Instance interruption notices"). */
const EC2_NOTICE_SECONDS = 120;
/** At least 30 seconds between the event Preempt and the eviction (Azure, "Scheduled Events": minimum notice). */
const AZURE_NOTICE_SECONDS = 30;
/**
 * Of the 30 seconds that a preempted node of GKE has left, pods that are not critical get the first 15 by default (GKE, "Spot
 * VMs": termination and graceful shutdown). With GKE 1.35 a pool of Spot VMs may have up to 120: whoever has that states it.
 */
const GKE_SHUTDOWN_SECONDS = 15;

const KARPENTER_CAPACITY = 'karpenter.sh/capacity-type';

/** What a provider calls its interruptible nodes. */
interface SpotLabel {
  readonly key: string;
  readonly value: string;
  readonly name: string;
  readonly seconds: Seconds;
  /** The kubelet's graceful shutdown is all the notice that there is: where it is stated, that counts. */
  readonly byKubelet?: true;
}

const SPOT_LABELS: readonly SpotLabel[] = [
  { key: 'cloud.google.com/gke-spot', value: 'true', name: 'GKE Spot nodes', seconds: GKE_SHUTDOWN_SECONDS, byKubelet: true }, // prettier-ignore
  { key: 'cloud.google.com/gke-preemptible', value: 'true', name: 'GKE preemptible nodes', seconds: GKE_SHUTDOWN_SECONDS }, // prettier-ignore
  { key: 'kubernetes.azure.com/scalesetpriority', value: 'spot', name: 'AKS Spot nodes', seconds: AZURE_NOTICE_SECONDS }, // prettier-ignore
  { key: 'eks.amazonaws.com/capacityType', value: 'SPOT', name: 'EKS Spot nodes', seconds: EC2_NOTICE_SECONDS },
];

/** The notice of a provider's interruptible machines, by what tells the provider. */
const KARPENTER_NOTICES: readonly { readonly tells: RegExp; readonly name: string; readonly seconds: Seconds }[] = [
  { tells: /^(?:aws:|(?:karpenter\.k8s|eks\.amazonaws)\.)/, name: 'EC2 Spot nodes', seconds: EC2_NOTICE_SECONDS },
  { tells: /^(?:azure:|karpenter\.azure\.)/, name: 'Azure Spot nodes', seconds: AZURE_NOTICE_SECONDS },
];

/**
 * What a node that may be taken back at short notice gives its pods. Undefined for one that may not, and for one of
 * Karpenter's of a provider whose notice is not known.
 * @param provider the node's `spec.providerID` (`aws:///...`), or the API group of a NodePool's node class
 * @param shutdown what the kubelet's graceful shutdown gives, where that is stated
 */
export function spotBudget(
  labels: Labels,
  provider: string | undefined,
  shutdown: Seconds | undefined,
): NodeBudget | undefined {
  const found = SPOT_LABELS.find(({ key, value }) => labels[key] === value);
  if (found !== undefined) {
    const { key, value, name, seconds, byKubelet } = found;
    return { seconds: byKubelet === true ? (shutdown ?? seconds) : seconds, from: `${name} (${key}: ${value})` };
  }
  if (labels[KARPENTER_CAPACITY] !== 'spot') {
    return undefined;
  }
  const notice = KARPENTER_NOTICES.find(({ tells }) => tells.test(provider ?? ''));
  return notice === undefined
    ? undefined
    : { seconds: notice.seconds, from: `${notice.name} (${KARPENTER_CAPACITY}: spot)` };
}
