import { parsePolicyDuration, type ExemptionBounds } from '../../api/policy.ts';
import { formatGoDuration } from '../duration.ts';
import type { ActiveExemption } from './exemptions.ts';

/**
 * Why an exemption does not count for a policy of the cluster; undefined where it does. How long it lasts is counted from its
 * creation: one from a file has none yet, and is not held to that.
 * @param policy the name of the cluster's policy whose bounds these are
 */
export function exemptionOutsideBounds(
  { name, namespace, lasts }: ActiveExemption,
  bounds: ExemptionBounds | undefined,
  policy: string,
): string | undefined {
  if (bounds?.namespaces !== undefined && !bounds.namespaces.includes(namespace)) {
    return `DrainExemption ${name} does not count: namespace ${namespace} is none of exemptions.namespaces of SidecarDrainPolicy ${policy}`;
  }
  if (bounds?.longest !== undefined && lasts !== undefined && lasts > parsePolicyDuration(bounds.longest)) {
    return `DrainExemption ${name} does not count: it lasts ${formatGoDuration(lasts)} from its creation, and exemptions.longest of SidecarDrainPolicy ${policy} is ${bounds.longest}`;
  }
  return undefined;
}
