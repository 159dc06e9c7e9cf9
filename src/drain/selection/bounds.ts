import { parsePolicyDuration, type DefaultedSidecarDrainPolicySpec, type PolicyBounds } from '../../api/policy.ts';

type Bounded = Pick<DefaultedSidecarDrainPolicySpec, 'delivery' | 'drain' | 'gracePeriod'>;

/**
 * The first bound that a namespaced policy does not keep to, in words that say what to write; undefined where it keeps to all.
 * @param policy the name of the cluster's policy whose bounds these are
 */
export function outsideBounds(
  { delivery, drain, gracePeriod }: Bounded,
  bounds: PolicyBounds | undefined,
  policy: string,
): string | undefined {
  if (bounds === undefined) {
    return undefined;
  }
  const above = (field: string, value: string, bound: keyof PolicyBounds, most: string): string =>
    `${field} ${value} is above bounds.${bound} ${most} of SidecarDrainPolicy ${policy}: write ${most} or less`;
  const notOne = (field: string, value: string, bound: keyof PolicyBounds, allowed: readonly string[]): string =>
    `${field} ${value} is none of bounds.${bound} of SidecarDrainPolicy ${policy}: write ${allowed.join(' or ')}`;
  if (bounds.modes !== undefined && !bounds.modes.includes(drain.mode)) {
    return notOne('drain.mode', drain.mode, 'modes', bounds.modes);
  }
  const strategy = drain.mode === 'Fixed' ? undefined : (drain.strategy ?? 'Auto');
  if (strategy !== undefined && bounds.strategies !== undefined && !bounds.strategies.includes(strategy)) {
    return notOne('drain.strategy', strategy, 'strategies', bounds.strategies);
  }
  if (bounds.deliveries !== undefined && !bounds.deliveries.includes(delivery)) {
    return notOne('delivery', delivery, 'deliveries', bounds.deliveries);
  }
  const longest = longestDrain(drain);
  if (bounds.longestDrain !== undefined && longest.seconds > parsePolicyDuration(bounds.longestDrain)) {
    return above(longest.field, longest.value, 'longestDrain', bounds.longestDrain);
  }
  if (
    bounds.longestGrace !== undefined &&
    parsePolicyDuration(gracePeriod.maximum) > parsePolicyDuration(bounds.longestGrace)
  ) {
    return above('gracePeriod.maximum', gracePeriod.maximum, 'longestGrace', bounds.longestGrace);
  }
  return undefined;
}

function longestDrain({ mode, strategy, duration = '0s', maxWait = '0s' }: Bounded['drain']): {
  readonly field: string;
  readonly value: string;
  readonly seconds: number;
} {
  if (mode === 'Fixed') {
    return { field: 'drain.duration', value: duration, seconds: parsePolicyDuration(duration) };
  }
  // Where the hook fails, the drain of `duration` stands behind it.
  if (mode === 'Combined' && strategy === 'PreStopHook') {
    return {
      field: 'drain.maxWait + drain.duration',
      value: `${maxWait} + ${duration}`,
      seconds: parsePolicyDuration(maxWait) + parsePolicyDuration(duration),
    };
  }
  return { field: 'drain.maxWait', value: maxWait, seconds: parsePolicyDuration(maxWait) };
}
