import { DEFAULT_GRACE_PERIOD_SECONDS, type LifecycleHandler } from '../../api/kubernetes.ts';
import { EXIT_ON_ZERO_VARIABLE, MINIMUM_DRAIN_VARIABLE } from '../../api/names.ts';
import type {
  DrainLifecycle,
  PolicyDrain,
  PolicyGracePeriod,
  PolicyProxy,
  SidecarDrainPolicy,
} from '../../api/policy.ts';
import { parsePolicyDuration, POLICY_API_VERSION, POLICY_KIND, withDefaults } from '../../api/policy.ts';
import { formatGoDuration } from '../duration.ts';
import {
  DEFAULT_DRAIN_DURATION_SECONDS,
  DEFAULT_MINIMUM_DRAIN_SECONDS,
  DEFAULT_TERMINATION_DRAIN_SECONDS,
} from '../mesh/istio-defaults.ts';
import type { EffectiveSettings } from '../model/settings.ts';
import type { Seconds } from '../model/workload.ts';
import { analyseCustomHook } from '../plan/custom-hook.ts';
import { probe } from './probe.ts';
import type { Remarks, Steps } from './remarks.ts';
import { drainOf, type WantedDrain, type WantedValues } from './wanted.ts';

/** The part of a policy's spec that says what is promised. */
export interface PromiseParts {
  readonly drain: PolicyDrain;
  readonly gracePeriod?: PolicyGracePeriod;
  readonly proxy?: PolicyProxy;
}

/** In seconds, before it is written as a policy writes it. */
interface Numbers {
  readonly mode: PolicyDrain['mode'];
  readonly endpointDelay: Seconds;
  readonly duration?: Seconds;
  readonly maxWait?: Seconds;
  readonly margin: Seconds;
  readonly strategy?: PolicyDrain['strategy'];
  readonly lifecycle?: DrainLifecycle;
}

/** What holds where a policy says nothing. */
const {
  drain: { endpointDelay: ENDPOINT_DELAY },
  gracePeriod: { margin: MARGIN, maximum: MAXIMUM },
} = withDefaults({ match: { namespaceSelector: {} }, drain: { mode: 'Fixed', duration: '1s' } });
const DEFAULT_ENDPOINT_DELAY = parsePolicyDuration(ENDPOINT_DELAY);
const DEFAULT_MARGIN = parsePolicyDuration(MARGIN);
const DEFAULT_MAXIMUM = parsePolicyDuration(MAXIMUM);
/** A policy keeps at least this between the end of the drain and SIGKILL. */
const LEAST_MARGIN: Seconds = 1;

/**
 * The promise whose policy writes what the source sets, found with the engine: it is played on a plain workload, and
 * where it gives another value than the source, a remark says so. Undefined where no promise comes near.
 * @param steps where the source sets the values
 */
export function promiseFor(wanted: WantedValues, steps: Steps, remarks: Remarks): PromiseParts | undefined {
  const drain = drainOf(wanted);
  const start = numbersFor(wanted, drain, steps, remarks);
  if (start === undefined) {
    return undefined;
  }
  const parts = (margin: Seconds): PromiseParts => partsOf({ ...start, margin }, wanted, drain);
  const first = probe(policyOf(parts(start.margin)));
  const margin =
    wanted.grace === undefined ? start.margin : Math.max(LEAST_MARGIN, start.margin + wanted.grace - first.neededGrace);
  const made = parts(margin);
  const { after, blocked } = probe(policyOf(made));
  if (after === undefined) {
    remarks.notCarried(steps, `no policy can bring this about: ${blocked ?? 'the engine knows none'}`);
    return undefined;
  }
  for (const difference of differences(after, wanted, drain)) {
    remarks.differs(steps, difference);
  }
  return made;
}

function numbersFor(wanted: WantedValues, drain: WantedDrain, steps: Steps, remarks: Remarks): Numbers | undefined {
  if (wanted.proxyPreStop !== undefined) {
    return hookNumbers(wanted.proxyPreStop, drain, steps, remarks);
  }
  if (drain.exitOnZero === true) {
    if (drain.termination !== undefined) {
      remarks.differs(
        steps,
        `terminationDrainDuration is not read by Istio beside ${EXIT_ON_ZERO_VARIABLE}: the policy does not set it`,
      );
    }
    return waitingNumbers(wanted, drain);
  }
  if (drain.minimum !== undefined) {
    remarks.notCarried(
      steps,
      `${MINIMUM_DRAIN_VARIABLE} does nothing without ${EXIT_ON_ZERO_VARIABLE}: no policy writes it alone`,
    );
  }
  const numbers = fixedNumbers(wanted, drain);
  if (numbers === undefined) {
    remarks.notCarried(
      steps,
      `a grace period of ${wanted.grace ?? 0} s leaves no time for any drain: no policy promises that`,
    );
  }
  return numbers;
}

/** A drain of a fixed length; where none is set, one that Istio's own drain covers already, so that nothing of it is written. */
function fixedNumbers({ grace }: WantedValues, { termination }: WantedDrain): Numbers | undefined {
  const most = grace === undefined ? Infinity : grace - LEAST_MARGIN;
  const total =
    termination === undefined || termination <= 0
      ? Math.min(DEFAULT_TERMINATION_DRAIN_SECONDS, most)
      : Math.ceil(termination);
  if (total < 1) {
    return undefined;
  }
  const endpointDelay = Math.min(DEFAULT_ENDPOINT_DELAY, total - 1);
  return { mode: 'Fixed', endpointDelay, duration: total - endpointDelay, margin: LEAST_MARGIN };
}

/** Until no connection is left: how long at most, only the grace period says. */
function waitingNumbers({ grace }: WantedValues, { minimum = 0 }: WantedDrain): Numbers {
  const floor = Math.max(0, Math.ceil(minimum) - DEFAULT_ENDPOINT_DELAY);
  const room = (grace ?? DEFAULT_GRACE_PERIOD_SECONDS) - DEFAULT_ENDPOINT_DELAY;
  const margin = grace === undefined ? LEAST_MARGIN : DEFAULT_MARGIN;
  const maxWait = Math.max(1, floor, room - margin);
  return {
    mode: floor > 0 ? 'Combined' : 'Adaptive',
    endpointDelay: DEFAULT_ENDPOINT_DELAY,
    duration: floor > 0 ? floor : undefined,
    maxWait,
    margin: LEAST_MARGIN,
    strategy: 'ActiveConnections',
  };
}

function hookNumbers(
  handler: LifecycleHandler,
  { termination, exitOnZero }: WantedDrain,
  steps: Steps,
  remarks: Remarks,
): Numbers | undefined {
  const preStop = policyHandler(handler);
  if (preStop === undefined) {
    remarks.notCarried(steps, 'the preStop of istio-proxy is neither exec nor sleep: a policy writes no other handler');
    return undefined;
  }
  if (exitOnZero !== undefined) {
    remarks.notCarried(steps, `a policy with a hook sets no ${EXIT_ON_ZERO_VARIABLE}: the hook alone holds the proxy`);
  }
  const { whenBusy, atLeast, callsDrain } = analyseCustomHook(preStop);
  const total = termination === undefined ? undefined : Math.ceil(termination);
  const busy =
    (typeof whenBusy === 'number' ? whenBusy : atLeast) +
    (callsDrain ? 0 : (total ?? DEFAULT_TERMINATION_DRAIN_SECONDS));
  const endpointDelay = Math.max(0, Math.min(DEFAULT_ENDPOINT_DELAY, Math.floor(busy) - 1, (total ?? Infinity) - 1));
  const duration = total === undefined || total - endpointDelay < 1 ? undefined : total - endpointDelay;
  return {
    mode: duration === undefined ? 'Adaptive' : 'Combined',
    endpointDelay,
    duration,
    maxWait: Math.max(1, duration ?? 0, Math.floor(busy) - endpointDelay),
    margin: LEAST_MARGIN,
    strategy: 'PreStopHook',
    lifecycle: { preStop },
  };
}

function policyHandler({ exec, sleep, ...others }: LifecycleHandler): DrainLifecycle['preStop'] | undefined {
  if (Object.values(others).some((value) => value !== undefined)) {
    return undefined;
  }
  if (exec?.command !== undefined && exec.command.length > 0 && sleep === undefined) {
    return { exec: { command: [...exec.command] } };
  }
  return sleep !== undefined && exec === undefined ? { sleep: { seconds: sleep.seconds } } : undefined;
}

function partsOf(numbers: Numbers, wanted: WantedValues, { drainDuration }: WantedDrain): PromiseParts {
  const { mode, endpointDelay, duration, maxWait, margin, strategy, lifecycle } = numbers;
  const whole =
    endpointDelay + (maxWait ?? duration ?? 0) + (strategy === 'PreStopHook' ? (duration ?? 0) : 0) + margin;
  const maximum = Math.max(wanted.grace ?? 0, whole);
  const follows =
    drainDuration !== undefined && drainDuration > DEFAULT_DRAIN_DURATION_SECONDS && lifecycle === undefined;
  const proxy: PolicyProxy = {
    ...(wanted.native === true ? { form: 'Native' as const } : {}),
    ...(wanted.config?.holdApplicationUntilProxyStarts === true
      ? { holdApplicationUntilProxyStarts: 'Enabled' as const }
      : {}),
  };
  return {
    drain: {
      mode,
      ...(duration === undefined ? {} : { duration: formatGoDuration(duration) }),
      ...(maxWait === undefined ? {} : { maxWait: formatGoDuration(maxWait) }),
      ...(endpointDelay === DEFAULT_ENDPOINT_DELAY ? {} : { endpointDelay: formatGoDuration(endpointDelay) }),
      ...(strategy === undefined ? {} : { strategy }),
      ...(lifecycle === undefined ? {} : { hook: 'Custom' as const, lifecycle }),
      ...(follows ? { drainDuration: 'Follow' as const } : {}),
    },
    ...(margin === DEFAULT_MARGIN && maximum <= DEFAULT_MAXIMUM
      ? {}
      : {
          gracePeriod: {
            ...(margin === DEFAULT_MARGIN ? {} : { margin: formatGoDuration(margin) }),
            ...(maximum <= DEFAULT_MAXIMUM ? {} : { maximum: formatGoDuration(maximum) }),
          },
        }),
    ...(Object.keys(proxy).length === 0 ? {} : { proxy }),
  };
}

function policyOf(parts: PromiseParts): SidecarDrainPolicy {
  return {
    apiVersion: POLICY_API_VERSION,
    kind: POLICY_KIND,
    metadata: { name: 'probe' },
    spec: { enforcement: 'Enforce', match: { namespaceSelector: {} }, ...parts },
  };
}

/** Where the policy's values on a plain workload are not those that the source sets. */
function differences(after: EffectiveSettings, wanted: WantedValues, drain: WantedDrain): string[] {
  const found: string[] = [];
  const compare = (name: string, want: Seconds | undefined, otherwise: Seconds, got: Seconds): void => {
    if (got === (want ?? otherwise)) {
      return;
    }
    found.push(
      want === undefined
        ? `the source leaves ${name} at ${otherwise} s; the policy makes it ${got} s on a plain workload, so that the drain fits`
        : `the source sets ${name} ${want} s; the policy makes it ${got} s on a plain workload${got > want ? ', because it never makes anything shorter and keeps what it promises' : ''}`,
    );
  };
  compare('terminationGracePeriodSeconds', wanted.grace, DEFAULT_GRACE_PERIOD_SECONDS, after.gracePeriod.value);
  if (drain.exitOnZero === true && wanted.proxyPreStop === undefined) {
    compare(MINIMUM_DRAIN_VARIABLE, drain.minimum, DEFAULT_MINIMUM_DRAIN_SECONDS, after.minimumDrainDuration.value);
  } else {
    compare(
      'terminationDrainDuration',
      drain.termination,
      DEFAULT_TERMINATION_DRAIN_SECONDS,
      after.terminationDrainDuration.value,
    );
  }
  compare('drainDuration', drain.drainDuration, DEFAULT_DRAIN_DURATION_SECONDS, after.drainDuration.value);
  return found;
}
