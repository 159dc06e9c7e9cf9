import { finding, type Finding } from '../../api/reasons.ts';
import type { Change } from '../model/decision.ts';
import type { Workload } from '../model/workload.ts';

/** A workload of which nothing can be said under a policy, because its pod template is another object's. */
export function templateElsewhere({ kind, name, limit }: Workload): Finding | undefined {
  return limit?.reason === 'TemplateElsewhere'
    ? finding('TemplateElsewhere', `${kind} ${name} takes its pod template from ${limit.detail ?? 'another object'}`)
    : undefined;
}

/** Why these changes must not be written to a workload of this kind. */
export function kindLimit(
  { kind, name, limit, atomicContainers }: Workload,
  changes: readonly Change[],
): Finding | undefined {
  if (limit?.reason === 'TemplateNotRolled' || limit?.reason === 'TemplateImmutable') {
    return finding(
      limit.reason,
      limit.reason === 'TemplateImmutable'
        ? `the pod template of Job ${name} cannot be changed`
        : `nothing replaces the pods of ${kind} ${name} when its template changes`,
    );
  }
  if (limit?.reason === 'RenderedFromGateway') {
    const gateway = limit.detail ?? '';
    return finding(
      'RenderedFromGateway',
      `istiod makes ${kind} ${name} from Gateway ${gateway}, whose overlay (spec.infrastructure.parametersRef) needs ${changes.map(wanted).join(', ')}`,
      {
        action: `Put it under \`deployment\` into the ConfigMap that spec.infrastructure.parametersRef of Gateway ${gateway} names (sidecar-drain render -p writes it).`,
      },
    );
  }
  const newPods = changes.some(({ field }) => field === 'gracePeriod' || field === 'proxyContainer');
  if (limit?.reason === 'UpdatedInPlace' && (limit.detail === 'InPlaceOnly' || !newPods)) {
    return finding(
      'UpdatedInPlace',
      limit.detail === 'InPlaceOnly'
        ? `${kind} ${name} is updated in place only, and these changes need new pods`
        : `${kind} ${name} would be updated in place: annotations alone make no new pods, and the running proxies do not read them`,
    );
  }
  if (atomicContainers === true && changes.some(({ field }) => field === 'proxyContainer')) {
    return finding(
      'ContainersNotMergeable',
      `the list of containers of ${kind} ${name} is one value to the API server, so the hook cannot be added to it`,
    );
  }
  return undefined;
}

function wanted({ field, path, after, why }: Change): string {
  switch (field) {
    case 'gracePeriod':
      return `terminationGracePeriodSeconds: ${after ?? ''}`;
    case 'proxyEnvironment':
      return `environment ${/\[([^[\]]+)\]$/.exec(path)?.[1] ?? ''} "${after ?? ''}"`;
    default:
      return `${path.slice(path.lastIndexOf('spec.template.') + 'spec.template.'.length)}: ${why}`;
  }
}

/** What a write to such a workload brings with it. */
export function rolloutCaveat({ kind, name, rollout }: Workload): Finding | undefined {
  return rollout.strategy === 'Unseen'
    ? finding(
        'RolloutNotVisible',
        `the status of ${kind} ${name} does not tell how a rollout goes: it counts as over once the template is written`,
      )
    : undefined;
}
